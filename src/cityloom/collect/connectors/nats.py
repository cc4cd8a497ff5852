"""Messages of a JetStream stream of NATS."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.messages import faults
from cityloom.collect.messages.base import MessageSource, Plain, Session, gap_of
from cityloom.collect.messages.looping import Loop
from cityloom.collect.messages.message import Message, china
from cityloom.collect.messages.patience import Patience
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.extras import require
from cityloom.model.text import STRICT, Title

_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 5.0
_FETCHED = 1000
_PASSED = 10_000
"""So many messages of other subjects are worth a batch without rows: the stream may let go of them."""
_IDLE_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Nats(MessageSource):
    """Messages of a stream of NATS JetStream, each one once.

    The position is the moment the stream was made and the next sequence number; it is part of the batch, so the
    stream keeps no consumer for it. Where messages were removed from the stream before they were collected, or it was
    made anew, the run stops with ``collect.log.lost``. With a subject of its own, removed messages cannot be told
    from those of other subjects: it stops when the stream now begins after the position.

    A stream that keeps only some messages a subject promises no completeness, and gaps inside it are no error.
    Streams whose messages go when they are read (work queue, interest) cannot be collected.

    Fields ``message`` may name: time, sequence, id.

    Args:
        servers: addresses ``nats://host:port`` or ``tls://host:port``, separated by commas, or a reference.
        stream: its name.
        subject: what is wanted of it, with parts: ``lamp.{vendor}.{id}.state``; empty for all.
        user: empty for none.
        password: a reference.
        token: a reference, instead of user and password.
        ca_file: certificates to trust, relative to the workspace; empty for the system's.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "nats"
    title: ClassVar[Title] = Title("NATS JetStream 流", "NATS JetStream stream")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"incremental"})
    is_sparse: ClassVar[bool] = True
    envelope: ClassVar[tuple[str, ...]] = ("time", "sequence", "id")
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"servers": "nats://nats.city:4222", "stream": "LAMPS", "subject": "lamp.{vendor}.{id}.state"},
    )

    servers: str
    stream: str
    subject: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    ca_file: str = ""

    @property
    def topics(self) -> Topics:
        """The subject's pattern."""
        return Topics(self.subject or ">", separator=".", one="*", rest=">")

    def check(self) -> None:
        """Show that the server answers and has the stream."""
        with self.open({}):
            pass

    @contextmanager
    def open(self, last: Mapping[str, str]) -> Iterator[Session]:
        """A consumer at the last position."""
        with Loop() as loop:
            session = _Session(self, loop, last.get(self.stream, ""))
            try:
                session.begin()
                yield session
            finally:
                session.close()

    def settings(self) -> dict[str, Any]:
        """How to connect."""
        found: dict[str, Any] = {
            "servers": [one.strip() for one in reference(self.servers, base=self.base).split(",")],
            "allow_reconnect": False,
            "connect_timeout": _ANSWER_SECONDS,
        }
        for name, value in (("user", self.user), ("password", self.password), ("token", self.token)):
            if value:
                found[name] = reference(value, base=self.base)
        if self.ca_file:
            found["tls"] = ssl.create_default_context(cafile=str(self.base / self.ca_file))
        return found


class _Session(Plain):
    """A consumer without acknowledgements, made anew where it broke."""

    def __init__(self, source: Nats, loop: Loop, last: str) -> None:
        self._source, self._loop, self._landed = source, loop, last
        self._nats = require("nats", extra="brokers")
        self._api = require("nats.js.api", extra="brokers")
        self._errors = require("nats.errors", extra="brokers")
        self._js_errors = require("nats.js.errors", extra="brokers")
        self._tick = SystemClock().tick
        self._patience = Patience(f"NATS, {source.stream},", source.patience_seconds)
        self.origin = source.stream
        found = json.loads(last) if last else {}
        self._made: str = found.get("made", "")
        self._next: int = found.get("next", 0)
        self._delivered = 0
        self._is_behind = True
        self._is_whole = self._is_loose = False
        self._client: Any = None
        self._pulling: Any = None
        self._looked = 0.0

    def begin(self) -> None:
        """Connect, and see that the stream still holds what comes next."""
        try:
            self._loop.call(self._connect(), 3 * _ANSWER_SECONDS)
        except (OSError, self._errors.Error, self._js_errors.Error) as error:
            raise self._explained(error) from None

    def close(self) -> None:
        """Let go."""
        if self._client is not None:
            client, pulling, self._client, self._pulling = self._client, self._pulling, None, None
            with suppress(Exception):
                self._loop.call(_leave(client, self._source.stream, pulling), _ANSWER_SECONDS)

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """Messages in the stream's order."""
        try:
            if self._client is None:
                self._loop.call(self._connect(), 3 * _ANSWER_SECONDS)
            elif self._tick() - self._looked > _LOOK_SECONDS:
                self._loop.call(self._look(), _ANSWER_SECONDS)
            found = self._loop.call(self._pull(seconds, min(most, _FETCHED)), seconds + _ANSWER_SECONDS)
        except (OSError, self._errors.Error, self._js_errors.Error) as error:
            self.close()
            self._patience.failed(type(error).__name__, seconds)
            return []
        self._patience.answered()
        return self._taken(found)

    def position(self) -> str:
        """The stream's beginning and the next sequence number."""
        return json.dumps({"made": self._made, "next": self._next})

    def has_passed(self, position: str) -> bool:
        """Whether messages of other subjects were passed over."""
        return bool(position) and not self._is_whole and self.position() != position

    def is_caught_up(self) -> bool:
        """Whether the end of the stream was seen."""
        return not self._is_behind

    def settle(self, messages: list[Message], position: str) -> None:
        """Nothing to tell: the position is in the batch."""
        self._landed = position

    async def _connect(self) -> None:
        self._client = await self._nats.connect(**self._source.settings(), error_cb=_ignore)
        await self._look()
        stream = self._client.jetstream()
        config = self._api.ConsumerConfig(
            deliver_policy=self._api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=max(self._next, 1),
            ack_policy=self._api.AckPolicy.NONE,
            filter_subject=None if self._is_whole else self._source.topics.filter,
            inactive_threshold=_IDLE_SECONDS,
            mem_storage=True,
        )
        made = await stream.add_consumer(self._source.stream, config)
        self._pulling = await stream.pull_subscribe_bind(made.name, self._source.stream)
        self._delivered = 0
        self._is_behind = bool(made.num_pending)

    async def _look(self) -> None:
        """See that the stream is the same one, and begins before what comes next."""
        info = await self._client.jetstream().stream_info(self._source.stream)
        self._looked = self._tick()
        if info.config.retention not in (None, self._api.RetentionPolicy.LIMITS):
            raise _queue(self._source.stream)
        self._is_whole = not self._source.subject or info.config.subjects == [self._source.topics.filter]
        self._is_loose = (info.config.max_msgs_per_subject or -1) > 0
        made = info.created.isoformat()
        if self._made and made != self._made:
            self._lose(f"the stream of {self._made}", f"one of {made}")
            self._next = 0
        self._made = made
        if not self._next:
            self._next = max(info.state.first_seq, 1)
        self._compare(info.state.first_seq)
        if info.state.last_seq + 1 < self._next:
            self._lose(f"sequence {self._next}", f"sequences up to {info.state.last_seq}")
            self._next = max(info.state.first_seq, 1)
        if not self._is_whole and self._pulling is not None:
            await self._pass_over(info.state.last_seq)

    async def _pass_over(self, last: int) -> None:
        """Move over what other subjects brought, once all before it that is wanted was received."""
        known = await self._client.jetstream().consumer_info(self._source.stream, self._pulling._consumer)
        is_all_here = not known.num_pending and known.delivered.consumer_seq == self._delivered
        if is_all_here and last + 1 - self._next >= _PASSED:
            self._next = last + 1

    async def _pull(self, seconds: float, most: int) -> list[Any]:
        with suppress(TimeoutError):
            found: list[Any] = await self._pulling.fetch(max(most, 2), timeout=seconds)
            return found
        return []

    def _taken(self, found: list[Any]) -> list[Message]:
        """Messages, as long as none is missing among them; where one is, the consumer is made anew."""
        messages = []
        for one in found:
            data = one.metadata
            if data.sequence.consumer != self._delivered + 1:
                self.close()
                break
            self._delivered += 1
            sequence = data.sequence.stream
            if self._is_whole and not self._is_loose:
                self._compare(sequence)
            messages.append(self._message(one, data))
            self._next = sequence + 1
            self._is_behind = data.num_pending > 0
        return messages

    def _message(self, one: Any, data: Any) -> Message:
        headers = dict(one.headers or {})
        known = {"time": china(data.timestamp), "sequence": str(data.sequence.stream)}
        if "Nats-Msg-Id" in headers:
            known["id"] = headers["Nats-Msg-Id"]
        return Message(one.data, one.subject, f"sequence {data.sequence.stream}", known, headers)

    def _compare(self, first: int) -> None:
        if first > self._next:
            if not self._is_loose:
                self._lose(f"sequence {self._next}", f"sequence {first} and later ones")
            self._next = first

    def _lose(self, wanted: str, found: str) -> None:
        """Stop at a gap, unless it is the one that is accepted."""
        if self._source.accept_gap != gap_of(self._landed):
            raise faults.lost(f"NATS, {self.origin},", wanted, found, gap_of(self._landed))

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, self._js_errors.NotFoundError):
            return faults.missing("NATS", f"stream {self._source.stream}")
        if "authorization" in str(error).lower() or "permissions" in str(error).lower():
            return faults.denied("NATS")
        return faults.unreachable("NATS", type(error).__name__)


async def _leave(client: Any, stream: str, pulling: Any) -> None:
    """Remove the consumer, if the server still answers, and the link."""
    try:
        if pulling is not None and client.is_connected:
            await client.jetstream().delete_consumer(stream, pulling._consumer)
    finally:
        await client.close()


async def _ignore(error: Exception) -> None:
    """Faults are seen where they hinder."""


def _queue(stream: str) -> ConfigError:
    return ConfigError(
        "collect.nats.retention",
        "The stream {stream} gives each message away once, and cannot give it again after a breakdown.",
        hint="Make a stream with the retention limits that takes its messages as a source, and collect that one.",
        stream=stream,
    )
