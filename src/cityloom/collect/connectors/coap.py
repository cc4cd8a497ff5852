"""Messages of devices that speak CoAP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.messages import faults
from cityloom.collect.messages.base import MessageSource, Plain, Session
from cityloom.collect.messages.looping import Arrivals, Loop
from cityloom.collect.messages.message import Message, china
from cityloom.collect.messages.patience import Patience
from cityloom.collect.messages.repeats import Repeats, identity
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.extras import require
from cityloom.model.text import STRICT, Title

_ANSWER_SECONDS = 5.0
_AGAIN_SECONDS = 5.0
_EXCHANGE_SECONDS = 247.0
"""How long a device may repeat a message (RFC 7252, EXCHANGE_LIFETIME)."""


@dataclass(frozen=True, kw_only=True)
class Coap(MessageSource):
    """Messages that devices send to us (``listen``), or states of devices that we observe (``observe``).

    A device that sends (POST or PUT) is answered 2.04 only when its message is in the lake, 5.03 when it could not be
    taken; so a device that repeats until it is answered loses nothing. What it repeats because we broke down between
    landing and answering is recognised by path and content, and left out. Where the answer itself is lost, its
    repetition lands once more: let payloads hold a time or a number, and the standard layer keeps one a key.

    A device that is observed tells its present state, and no earlier one: what it told while nobody listened is not to be
    had. A state that has not changed since the last batch is not taken again.

    The link is not encrypted: for networks of devices that are closed. Fields ``message`` may name: received, remote,
    type. The topic is the path.

    Args:
        listen: ``host:port`` on which devices send to us, or a reference.
        observe: addresses ``coap://host:port/path`` of devices, instead; or references.
        topic: pattern of paths, to name their parts: ``lamp/{vendor}/{id}``; others are refused.
        renew_seconds: how often an observation is asked for anew, in case the device has forgotten it.
        quiet_seconds: a run that does not follow ends when nothing has come for so long.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "coap"
    title: ClassVar[Title] = Title("CoAP 设备消息", "CoAP messages of devices")
    standard: ClassVar[str] = "RFC 7252; RFC 7641"
    capabilities: ClassVar[frozenset[str]] = frozenset({"incremental"})
    is_sparse: ClassVar[bool] = True
    envelope: ClassVar[tuple[str, ...]] = ("received", "remote", "type")
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"listen": "0.0.0.0:5683", "topic": "lamp/{vendor}/{id}"},)

    listen: str = ""
    observe: tuple[str, ...] = ()
    topic: str = "#"
    renew_seconds: float = 300.0
    quiet_seconds: float = 2.0
    batch_messages: int = 2000

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        if bool(self.listen) == bool(self.observe):
            raise ValueError("exactly one of listen and observe is needed")

    @property
    def topics(self) -> Topics:
        """The pattern of paths."""
        return Topics(self.topic)

    def check(self) -> None:
        """Show that we can listen there, or that each device answers."""
        with Loop() as loop:
            if self.listen:
                with self.open({}):
                    return
            try:
                loop.call(_ask_all(self._addresses()), 2 * _ANSWER_SECONDS)
            except OSError as error:
                raise faults.unreachable("CoAP", str(error)) from None

    @contextmanager
    def open(self, last: Mapping[str, str]) -> Iterator[Session]:
        """A server for devices, or observations of them."""
        with Loop() as loop:
            origin = f"coap {self.topic}" if self.listen else "coap"
            kind = _Listening if self.listen else _Observing
            session = kind(self, loop, origin, last.get(origin, ""))
            try:
                loop.call(session.begin(), _ANSWER_SECONDS)
            except OSError as error:
                raise faults.unreachable("CoAP", error.strerror or type(error).__name__) from None
            try:
                yield session
            finally:
                with suppress(Exception):
                    loop.call(session.end(), _ANSWER_SECONDS)

    def place(self) -> tuple[str, int]:
        """Host and port on which to listen."""
        host, _, port = reference(self.listen, base=self.base).rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(
                "collect.coap.listen",
                "The place on which to listen for CoAP is host:port.",
                hint="Correct the source's option listen.",
            )
        return host, int(port)

    def _addresses(self) -> list[str]:
        return [reference(one, base=self.base) for one in self.observe]


class _Receiving(Plain):
    """What both ways share."""

    def __init__(self, source: Coap, loop: Loop, origin: str, last: str) -> None:
        self._source, self._loop, self.origin = source, loop, origin
        self._coap = require("aiocoap", extra="devices")
        self._clock = SystemClock()
        self._newest = self._clock.tick()
        self._arrivals = Arrivals()
        self._context: Any = None

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """What has come."""
        found = self._loop.call(self._arrivals.take(seconds, most), seconds + _ANSWER_SECONDS)
        if found:
            self._newest = self._clock.tick()
        return self._taken(found)

    def is_caught_up(self) -> bool:
        """Whether it has been quiet for long enough."""
        return self._clock.tick() - self._newest >= self._source.quiet_seconds

    def _taken(self, found: list[Message]) -> list[Message]:
        raise NotImplementedError

    def _made(self, one: Any, topic: str, held: Any = None) -> Message:
        known = {"received": china(self._clock.now()), "remote": one.remote.hostinfo}
        if one.opt.content_format is not None:
            known["type"] = str(int(one.opt.content_format))
        return Message(one.payload, topic, f"path {topic}", known, held=held)


class _Listening(_Receiving):
    """A server. Each message holds the future of its answer: whether it has landed."""

    def __init__(self, source: Coap, loop: Loop, origin: str, last: str) -> None:
        super().__init__(source, loop, origin, last)
        self._repeats = Repeats(last)
        self._began = self._clock.tick()
        self._open: set[asyncio.Future[bool]] = set()

    async def begin(self) -> None:
        """Listen."""
        self._context = await self._coap.Context.create_server_context(self._site(), bind=self._source.place())

    async def end(self) -> None:
        """Tell those that wait that they are to try again, and close."""
        for future in list(self._open):
            future.set_result(False)
        while self._open:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        await self._context.shutdown()

    def position(self) -> str:
        """What may come again."""
        return self._repeats.position()

    def settle(self, messages: list[Message], position: str) -> None:
        """Answer the devices."""
        self._loop.call(_resolve([one.held for one in messages]), _ANSWER_SECONDS)
        self._repeats.settled()

    def _taken(self, found: list[Message]) -> list[Message]:
        if self._clock.tick() - self._began > _EXCHANGE_SECONDS:
            self._repeats.forget()
        fresh: list[Message] = []
        repeats: list[Message] = []
        for one in found:
            token = identity(one.topic.encode(), one.body)
            (repeats if self._repeats.is_repeat(token, is_marked=True) else fresh).append(one)
        self._loop.call(_resolve([one.held for one in repeats]), _ANSWER_SECONDS)
        return fresh

    async def _receive(self, request: Any) -> Any:
        """A message has come: wait until it has landed."""
        path = "/".join(request.opt.uri_path)
        codes = self._coap.numbers.codes.Code
        if not self._source.topics.fits(path):
            return self._coap.Message(code=codes.NOT_FOUND)
        if len(self._open) >= 2 * self._source.batch_messages:
            return self._coap.Message(code=codes.SERVICE_UNAVAILABLE, max_age=int(_AGAIN_SECONDS))
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._open.add(future)
        self._arrivals.put(self._made(request, path, future))
        try:
            has_landed = await future
        finally:
            self._open.discard(future)
        if has_landed:
            return self._coap.Message(code=codes.CHANGED)
        return self._coap.Message(code=codes.SERVICE_UNAVAILABLE, max_age=int(_AGAIN_SECONDS))

    def _site(self) -> Any:
        receive = self._receive
        base = require("aiocoap.resource", extra="devices").Resource

        class Inbox(base):  # type: ignore[misc, valid-type]
            """Everything that is sent to us, whatever its path."""

            async def render_post(self, request: Any) -> Any:
                return await receive(request)

            render_put = render_post

        return Inbox()


class _Observing(_Receiving):
    """Observations of devices, each of which is asked for anew when it ends."""

    def __init__(self, source: Coap, loop: Loop, origin: str, last: str) -> None:
        super().__init__(source, loop, origin, last)
        found = json.loads(last) if last else {}
        self._seen: dict[str, str] = found.get("seen", {})
        self._taken_count: int = found.get("taken", 0)
        self._silent: set[str] = set()
        self._addresses = source._addresses()
        self._patience = Patience("CoAP", source.patience_seconds)
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Ask for all."""
        self._context = await self._coap.Context.create_client_context()
        self._tasks = [asyncio.create_task(self._watch(one)) for one in self._addresses]

    async def end(self) -> None:
        """Let go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._context.shutdown()

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """What has come; that no device answers is an error after a while."""
        found = super().fetch(seconds, most)
        if len(self._silent) == len(self._addresses):
            self._patience.failed("no device answers", 0)
        else:
            self._patience.answered()
        return found

    def position(self) -> str:
        """The last state of each device."""
        return json.dumps({"seen": self._seen, "taken": self._taken_count}, sort_keys=True)

    def settle(self, messages: list[Message], position: str) -> None:
        """Nothing to tell."""

    def _taken(self, found: list[Message]) -> list[Message]:
        fresh = []
        for one in found:
            address, is_first = one.held
            digest = identity(one.body).hex()
            if is_first and self._seen.get(address) == digest:
                continue
            self._seen[address] = digest
            self._taken_count += 1
            fresh.append(one)
        return fresh

    async def _watch(self, address: str) -> None:
        while True:
            try:
                await self._observe(address)
                self._silent.discard(address)
            except (self._coap.error.Error, OSError, ValueError):
                self._silent.add(address)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _observe(self, address: str) -> None:
        """The present state and those that follow, until it is time to ask again."""
        request = self._context.request(self._coap.Message(code=self._coap.GET, uri=address, observe=0))
        try:
            first = await asyncio.wait_for(request.response, _ANSWER_SECONDS)
            self._keep(first, address, is_first=True)
            self._silent.discard(address)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._source.renew_seconds):
                    async for one in request.observation:
                        self._keep(one, address, is_first=False)
        finally:
            if request.observation is not None and not request.observation.cancelled:
                request.observation.cancel()

    def _keep(self, one: Any, address: str, *, is_first: bool) -> None:
        if not one.code.is_successful():
            raise OSError(f"{address} answers {one.code}")
        path = "/".join(self._coap.Message(uri=address).opt.uri_path)
        self._arrivals.put(self._made(one, path, (address, is_first)))


async def _resolve(futures: list[asyncio.Future[bool]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(True)


async def _ask_all(addresses: list[str]) -> None:
    """Ask each device once.

    Raises:
        OSError: with the addresses that do not answer.
    """
    coap = require("aiocoap", extra="devices")
    context = await coap.Context.create_client_context()
    try:
        asked = [context.request(coap.Message(code=coap.GET, uri=one)).response for one in addresses]
        found = await asyncio.gather(*[asyncio.wait_for(one, _ANSWER_SECONDS) for one in asked], return_exceptions=True)
    finally:
        await context.shutdown()
    silent = [a for a, one in zip(addresses, found, strict=True) if isinstance(one, BaseException)]
    if silent:
        raise OSError(", ".join(silent))
