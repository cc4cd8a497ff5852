"""A link to a RabbitMQ broker: one connection, one channel, one consumer whose messages wait until they are taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from ssl import SSLContext
from typing import Any, TypeVar

from cityloom.collect.messages import faults
from cityloom.collect.messages.looping import Arrivals, Loop
from cityloom.kernel.extras import require

T = TypeVar("T")
OFFSET = "x-stream-offset"
_ANSWER_SECONDS = 10.0
_EDGE_SECONDS = 1.0
_QUIET_SECONDS = 0.3
_MOST = 65_535


class Link:
    """A link that can be made anew after it broke.

    Args:
        loop: in which it lives.
        queue: name of the queue or stream.
        url: of the broker.
        ssl_context: for ``amqps``; the system's own where there is none.
    """

    def __init__(self, loop: Loop, queue: str, url: str, ssl_context: SSLContext | None) -> None:
        self._loop, self._name, self._url, self._ssl = loop, queue, url, ssl_context
        self._pika = require("aio_pika", extra="brokers")
        self._urls = require("aio_pika.connection", extra="brokers")
        self._errors = require("aio_pika.exceptions", extra="brokers")
        for name in ("aiormq", "aio_pika"):  # what they would say is said by our errors
            logging.getLogger(name).addHandler(logging.NullHandler())
        self._connection: Any = None
        self._channel: Any = None
        self._is_cancelled = False
        self._here = Arrivals()
        self.last_tag = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a link that has not broken, and a consumer that was not ended."""
        return self._channel is not None and not self._channel.is_closed and not self._is_cancelled

    def call(self, work: Coroutine[Any, Any, T], seconds: float = 3 * _ANSWER_SECONDS) -> T:
        """Do something on the link.

        Raises:
            ConnectionError: when the link breaks or there is no answer: another attempt may help.
            SourceError: when none would.
        """
        try:
            return self._loop.call(work, seconds)
        except self._errors.ChannelNotFoundEntity as error:
            if "down or inaccessible" in str(error):  # its broker is about to start it
                raise ConnectionError("the queue is down") from None
            raise faults.missing("RabbitMQ", f"queue {self._name}") from None
        except (self._errors.AuthenticationError, self._errors.ProbableAuthenticationError):
            raise faults.denied("RabbitMQ") from None
        except (*self._errors.CONNECTION_EXCEPTIONS, ValueError) as error:
            if "ACCESS_REFUSED" in str(error) or "NOT_ALLOWED" in str(error):
                raise faults.denied("RabbitMQ") from None
            raise ConnectionError(type(error).__name__) from None

    def close(self) -> None:
        """Let go."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(Exception):
                self._loop.call(connection.close(), _ANSWER_SECONDS)

    async def connect(self) -> None:
        """Connect and see that the queue is there."""
        self._here = Arrivals()
        self.last_tag, self._is_cancelled = 0, False
        self._connection = self._pika.Connection(self._urls.make_url(self._url), ssl_context=self._ssl)
        await self._connection.connect(timeout=_ANSWER_SECONDS)
        self._channel = await self._connection.channel(publisher_confirms=False)
        await self.waiting()

    async def waiting(self) -> int:
        """How many messages a queue holds that were not given out; of a stream 0. What was sent before is done then."""
        queue = await self._channel.declare_queue(self._name, passive=True, timeout=_ANSWER_SECONDS)
        return int(queue.declaration_result.message_count)

    async def is_stream(self) -> bool:
        """Whether it is a stream: a queue refuses to be read from an offset."""
        channel = await self._connection.channel(publisher_confirms=False)
        try:
            await self._subscribe(channel, Arrivals(), {OFFSET: "next"}, 1)
        except self._errors.ChannelPreconditionFailed:
            return False
        await channel.close()
        return True

    async def edges(self) -> tuple[int, int] | None:
        """First and last offset of a stream; none where it is empty."""
        first = await self._offsets("first", 1)
        last = await self._offsets("last", _MOST)
        return (first[0], max(last)) if first and last else None

    async def consume(self, start: int | None, most: int) -> None:
        """Have messages come, of a stream from an offset on; at most so many before they are acknowledged."""
        arguments = {} if start is None else {OFFSET: start}
        queue = await self._subscribe(self._channel, self._here, arguments, min(most, _MOST))
        queue.close_callbacks.add(self._end)

    async def take(self, seconds: float, most: int) -> list[Any]:
        """Messages that have come, after waiting for the first one."""
        found = await self._here.take(seconds, most)
        self.last_tag = max((one.delivery_tag for one in found), default=self.last_tag)
        return found

    async def acknowledge(self) -> None:
        """Acknowledge all that was taken, and see that the broker has heard it."""
        if self.last_tag:
            channel = await self._channel.get_underlay_channel()
            await channel.basic_ack(self.last_tag, multiple=True)
        await self.waiting()

    async def _offsets(self, start: str, most: int) -> list[int]:
        """Offsets that come from a place of a stream on, until there is a pause or there are enough."""
        channel = await self._connection.channel(publisher_confirms=False)
        found = Arrivals()
        await self._subscribe(channel, found, {OFFSET: start}, most)
        left, count = _EDGE_SECONDS, -1
        while left > 0 and len(found) < most and count != len(found):
            count = len(found) or -1
            await asyncio.sleep(_QUIET_SECONDS)
            left -= _QUIET_SECONDS
        await channel.close()
        return [int(one.headers[OFFSET]) for one in await found.take(0, len(found))]

    async def _subscribe(self, channel: Any, target: Arrivals, arguments: Mapping[str, Any], most: int) -> Any:
        async def keep(one: Any) -> None:
            target.put(one)

        await channel.set_qos(prefetch_count=most)
        queue = await channel.get_queue(self._name, ensure=False)
        await queue.consume(keep, arguments=dict(arguments), timeout=_ANSWER_SECONDS)
        return queue

    def _end(self, *_: Any) -> None:
        self._is_cancelled = True
