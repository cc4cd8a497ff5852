"""Messages of a queue or a stream of RabbitMQ."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.messages import faults
from cityloom.collect.messages.amqp import OFFSET, Link
from cityloom.collect.messages.base import MessageSource, Plain, Session, gap_of
from cityloom.collect.messages.looping import Loop
from cityloom.collect.messages.message import Message, china
from cityloom.collect.messages.patience import Patience
from cityloom.collect.messages.repeats import Repeats, identity
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import reference
from cityloom.kernel.errors import SourceError
from cityloom.model.text import STRICT, Title

_LOOK_SECONDS = 5.0
_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class RabbitMQ(MessageSource):
    """Messages of a queue (classic or quorum) or of a stream, each one once.

    A stream has offsets: the position is the next one, and what was removed before it was collected stops the run
    with ``collect.log.lost``. A stream that is made anew and has grown past the position cannot be told from the
    old one.

    A queue forgets a message when it is acknowledged, which happens only after it is in the lake. After a breakdown it
    gives again what was not; what had landed is recognised by its message id together with its content, and left
    out. A message without an id that equals another one byte by byte may be taken for it when it is given again. Where a broker loses
    acknowledgements in a breakdown of its own, messages may come twice. Nobody else may read from the queue.

    Fields ``message`` may name: time, id, exchange, type, offset (streams). The topic is the routing key.

    Args:
        url: ``amqp://user:password@host:port/vhost`` or ``amqps://…``, a reference where it holds a password.
        queue: its name.
        topic: pattern of routing keys, to name their parts: ``lamp.{vendor}.{id}``.
        ca_file: certificates to trust, relative to the workspace; empty for the system's.
        batch_messages: messages with which a batch is full; so many are held in memory.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "rabbitmq"
    title: ClassVar[Title] = Title("RabbitMQ 队列或流", "RabbitMQ queue or stream")
    standard: ClassVar[str] = "AMQP 0-9-1"
    capabilities: ClassVar[frozenset[str]] = frozenset({"incremental"})
    is_sparse: ClassVar[bool] = True
    envelope: ClassVar[tuple[str, ...]] = ("time", "id", "exchange", "type", "offset")
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:RABBITMQ_URL", "queue": "lamps"},)

    url: str
    queue: str
    topic: str = "#"
    ca_file: str = ""
    batch_messages: int = 2000

    @property
    def topics(self) -> Topics:
        """The pattern of routing keys."""
        return Topics(self.topic, separator=".", one="*", rest="#")

    def check(self) -> None:
        """Show that the broker answers and has the queue."""
        with self.open({}):
            pass

    @contextmanager
    def open(self, last: Mapping[str, str]) -> Iterator[Session]:
        """A consumer that goes on after the last position."""
        with Loop() as loop:
            context = ssl.create_default_context(cafile=str(self.base / self.ca_file)) if self.ca_file else None
            link = Link(loop, self.queue, reference(self.url, base=self.base), context)
            try:
                yield _begin(self, link, last.get(self.queue, ""))
            finally:
                link.close()


def _begin(source: RabbitMQ, link: Link, last: str) -> _Queue | _Stream:
    """Connect; whether it is a queue or a stream is for the broker to say."""
    try:
        link.call(link.connect())
        kind = _Stream if link.call(link.is_stream()) else _Queue
        session = kind(source, link, last)
        session.join()
    except ConnectionError as error:
        raise faults.unreachable("RabbitMQ", str(error)) from None
    return session


class _Consuming(Plain):
    """What sessions on queues and streams share; ``_in_hand`` counts what was taken and has not landed."""

    _in_hand = 0

    def __init__(self, source: RabbitMQ, link: Link, last: str) -> None:
        self._source, self._link, self._landed = source, link, last
        self._tick = SystemClock().tick
        self._patience = Patience(f"RabbitMQ, {source.queue},", source.patience_seconds)
        self._looked = self._tick()
        self.origin = source.queue

    def join(self) -> None:
        """Have messages come on a link that is open."""
        raise NotImplementedError

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """Messages in the order in which they are given."""
        try:
            if not self._link.is_open:
                self._link.close()
                self._link.call(self._link.connect())
                self.join()
            elif self._tick() - self._looked > _LOOK_SECONDS:
                self._looked = self._tick()
                self._link.call(self._link.waiting())
            found = self._link.call(self._link.take(seconds, most), seconds + _LOOK_SECONDS)
            messages = [one for one in map(self._message, found) if one is not None]
            self._after(messages)
        except ConnectionError as error:
            self._link.close()
            self._patience.failed(str(error), seconds)
            return []
        self._patience.answered()
        return messages

    def settle(self, messages: list[Message], position: str) -> None:
        """Acknowledge. Where the link is broken, what comes again is recognised."""
        self._landed, self._in_hand = position, 0
        with suppress(ConnectionError, SourceError):
            if self._link.is_open:
                self._link.call(self._link.acknowledge())
                self._settled()

    def _settled(self) -> None:
        """The broker has heard the acknowledgement."""

    def _after(self, messages: list[Message]) -> None:
        """After messages were taken from the link."""

    def _message(self, one: Any) -> Message | None:
        """A message as it is given; none where it was taken before."""
        raise NotImplementedError

    def _made(self, one: Any, place: str) -> Message:
        known = {"exchange": one.exchange, "type": one.type, "id": one.message_id, "offset": one.headers.get(OFFSET)}
        if one.timestamp is not None:
            known["time"] = china(one.timestamp)
        headers = {k: v if isinstance(v, str) else str(v) for k, v in one.headers.items()}
        kept = {k: str(v) for k, v in known.items() if v is not None}
        return Message(one.body, one.routing_key or "", place, kept, headers)


class _Queue(_Consuming):
    """A queue: acknowledged after landing; what comes again is recognised."""

    def __init__(self, source: RabbitMQ, link: Link, last: str) -> None:
        super().__init__(source, link, last)
        self._repeats = Repeats(last)

    def join(self) -> None:
        """Everything that was not acknowledged comes again."""
        self._repeats.link()
        self._link.call(self._link.consume(None, self._source.batch_messages))

    def position(self) -> str:
        """What may come again."""
        return self._repeats.position()

    def is_caught_up(self) -> bool:
        """Whether the queue has nothing more to give."""
        try:
            return not self._link.call(self._link.waiting())
        except ConnectionError:
            return False

    def _message(self, one: Any) -> Message | None:
        moment = str(one.timestamp or "")
        names = [(text or "").encode() for text in (one.message_id, one.routing_key, moment)]
        token = identity(*names, one.body)
        if self._repeats.is_repeat(token, is_marked=bool(one.redelivered)):
            return None
        self._in_hand += 1
        return self._made(one, "")

    def _after(self, messages: list[Message]) -> None:
        """Acknowledge at once where all that is not acknowledged has landed already."""
        if self._link.last_tag and not self._in_hand:
            self._link.call(self._link.acknowledge())
            self._settled()

    def _settled(self) -> None:
        self._repeats.settled()
        self._link.last_tag = 0


class _Stream(_Consuming):
    """A stream: gone on from an offset."""

    def __init__(self, source: RabbitMQ, link: Link, last: str) -> None:
        super().__init__(source, link, last)
        self._next: int | None = json.loads(last)["next"] if last else None
        self._last = -1

    def join(self) -> None:
        """See that the stream still has what comes next, and go on there."""
        first, self._last = self._edges()
        begin = first if self._next is None else self._next
        if not first <= begin <= self._last + 1:
            self._lose(f"offset {begin}", f"the offsets from {first} to {self._last}")
            begin = first
        self._next = begin
        self._link.call(self._link.consume(begin, self._source.batch_messages))

    def _edges(self) -> tuple[int, int]:
        """First and last offset. A stream is slow to give anything after its broker has started: it is asked again."""
        for _ in range(_TRIES if self._next else 1):
            edges = self._link.call(self._link.edges())
            if edges:
                return edges
        return 0, -1

    def position(self) -> str:
        """The next offset."""
        return json.dumps({"next": self._next})

    def is_caught_up(self) -> bool:
        """Whether the last offset there was has come."""
        return (self._next or 0) > self._last

    def _message(self, one: Any) -> Message | None:
        offset, wanted = int(one.headers[OFFSET]), self._next or 0
        if offset < wanted:
            return None
        if offset > wanted:
            edges = self._link.call(self._link.edges())
            if edges and edges[0] > wanted:
                self._lose(f"offset {wanted}", f"the offsets from {edges[0]}")
        self._next = offset + 1
        return self._made(one, f"offset {offset}")

    def _lose(self, wanted: str, found: str) -> None:
        """Stop at a gap, unless it is the one that is accepted."""
        if self._source.accept_gap != gap_of(self._landed):
            raise faults.lost(f"RabbitMQ, {self.origin},", wanted, found, gap_of(self._landed))
