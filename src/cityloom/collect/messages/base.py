"""What every connector of messages shares: batches cut by time and number, rows by the declared payload."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.messages.message import Message
from cityloom.collect.messages.payload import Payload
from cityloom.collect.messages.rows import Reader
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.errors import ConfigError

_PATIENCE = 0.25
"""Seconds after which a wait for messages looks whether it should end."""
_IDLE = 10.0
"""Seconds without a message after which a position that moved on is recorded."""


class Session(Protocol):
    """An open link to a source of messages. What it gave and was not settled comes again after a breakdown."""

    origin: str

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """New messages in order, each one once: those at hand, or after a wait of so many seconds none.

        Raises:
            SourceError: when the source has not answered for too long, or has lost what was not yet fetched.
        """
        ...

    def position(self) -> str:
        """Where to go on after all messages that were fetched."""
        ...

    def has_passed(self, position: str) -> bool:
        """Whether it moved on from a position without any message, far enough to be recorded."""
        ...

    def is_caught_up(self) -> bool:
        """Whether all was fetched that was there when the session was opened. Asked when nothing came."""
        ...

    def is_held_up(self) -> bool:
        """Whether the source gives no more before what it gave is settled. Asked when nothing came."""
        ...

    def settle(self, messages: list[Message], position: str) -> None:
        """Tell the source that these are in the lake for good, up to a position."""
        ...


class Plain:
    """What most sessions answer."""

    def has_passed(self, position: str) -> bool:
        """Nothing is passed over."""
        return False

    def is_held_up(self) -> bool:
        """It gives as much as there is."""
        return False


@dataclass
class Gathered:
    """Messages of one slice, and where they came from."""

    session: Session
    messages: list[Message]


def gap_of(position: str) -> str:
    """A short name for the gap that may follow a position."""
    return hashlib.sha256(position.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class MessageSource:
    """Fields and work of a connector of messages.

    Args:
        payload: how a message becomes rows.
        every_seconds: a batch is closed so long after its first message, or when it is full.
        batch_messages: messages with which a batch is full.
        batch_mb: MiB with which it is full.
        largest_kb: a message of more KiB is set apart.
        patience_seconds: how long the source may be out of reach before the run fails.
        accept_gap: name of a gap after which to go on, as ``collect.log.lost`` gives it; no other one is accepted.
    """

    envelope: ClassVar[tuple[str, ...]] = ()
    """What the source knows of a message, for the field ``message``."""

    payload: Payload = field(default_factory=Payload)
    every_seconds: float = 1.0
    batch_messages: int = 10_000
    batch_mb: int = 16
    largest_kb: int = 1024
    patience_seconds: float = 60.0
    accept_gap: str = ""
    base: Path = Path()

    @property
    def topics(self) -> Topics:
        """The pattern of the topics that are collected."""
        raise NotImplementedError

    def open(self, last: Mapping[str, str]) -> AbstractContextManager[Session]:
        """A session that goes on after the last positions."""
        raise NotImplementedError

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """Batches of what there is; ends when it has caught up."""
        return self._slices(done, None)

    def follow(self, done: Mapping[str, str], stop: Callable[[], bool]) -> Iterator[Slice]:
        """Batches of what there is and what comes, until soon after ``stop()`` is true."""
        return self._slices(done, stop)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows of the messages, in order."""
        return self._reader.batches(piece.held.messages, sink)

    def count(self, piece: Slice) -> int:
        """Rows counted with another parser."""
        return self._reader.count(piece.held.messages)

    def settle(self, piece: Slice) -> None:
        """Tell the source that it may forget the messages."""
        held: Gathered = piece.held
        held.session.settle(held.messages, piece.position or "")

    @property
    def _reader(self) -> Reader:
        return Reader(self.payload, self.topics, self.largest_kb << 10)

    def _slices(self, done: Mapping[str, str], stop: Callable[[], bool] | None) -> Iterator[Slice]:
        self._check_fields()
        with self.open(done) as session:
            before = done.get(session.origin, "")
            while True:
                messages, is_over = self._gather(session, stop, _IDLE if before else self.every_seconds)
                if messages or session.has_passed(before):
                    after = session.position()
                    size = sum(len(m.body) for m in messages)
                    digest = _digest(before, after, messages)
                    held = Gathered(session, messages)
                    yield Slice(origin=session.origin, digest=digest, size=size, position=after, held=held)
                    before = after
                if is_over:
                    return

    def _gather(
        self, session: Session, stop: Callable[[], bool] | None, idle: float
    ) -> tuple[list[Message], bool]:
        """Messages until a batch is full or its time is over; and whether there is to be no further one."""
        tick = SystemClock().tick
        messages: list[Message] = []
        size, ends = 0, tick() + idle
        while len(messages) < self.batch_messages and size < self.batch_mb << 20:
            if stop is not None and stop():
                return messages, True
            left = ends - tick()
            if left <= 0:
                break
            found = session.fetch(min(left, _PATIENCE), self.batch_messages - len(messages))
            if found and not messages:
                ends = tick() + self.every_seconds
            messages += found
            size += sum(len(m.body) for m in found)
            if not found and stop is None and session.is_caught_up():
                return messages, True
            if not found and messages and session.is_held_up():
                break
        return messages, False

    def _check_fields(self) -> None:
        """Refuse fields that name what this source does not know."""
        known = {"message": (*self.envelope, "body", "index", "topic"), "topic": self.topics.names}
        for column, one in self.payload.columns.items():
            for kind, names in known.items():
                wanted: Any = getattr(one, kind)
                if wanted is not None and wanted not in names:
                    raise ConfigError(
                        "collect.payload.field",
                        "The column {column} asks for the {kind} {wanted}, which is not known.",
                        hint="Known: {known}.",
                        column=column,
                        kind=kind,
                        wanted=wanted,
                        known=", ".join(names) or "-",
                    )


def _digest(before: str, after: str, messages: list[Message]) -> str:
    """The digest of a batch: where it stood and what it holds, so that equal messages later are another batch."""
    digest = hashlib.sha256(f"{before}\0{after}\0".encode())
    for message in messages:
        digest.update(len(message.body).to_bytes(8, "big") + message.body)
    return digest.hexdigest()
