"""A message as a broker or a device gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Args:
        body: its bytes.
        topic: where it was published.
        place: where it stood, in words for whoever looks for it: ``partition 2, offset 17``.
        known: what the broker knows of it by name: time, key, id, offset, …
        headers: what its sender put beside it.
        identity: eight bytes that are the same when it comes again; empty where its place tells.
        held: the connector's own.
    """

    body: bytes
    topic: str = ""
    place: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    identity: bytes = b""
    held: Any = field(default=None, compare=False, repr=False)


def china(moment: datetime) -> str:
    """A moment as text in the time of China, to the millisecond: ``2026-01-05T10:00:00.250+08:00``."""
    return moment.astimezone(_CHINA).isoformat(timespec="milliseconds")


def china_of_ms(milliseconds: int) -> str:
    """The same of milliseconds since 1970.

    Raises:
        ValueError: for a time outside the calendar.
    """
    try:
        return china(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds))
    except OverflowError:
        raise ValueError("it is no time") from None
