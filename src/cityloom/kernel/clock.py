"""Time, given to whoever needs it, so that tests decide what time it is. All times are UTC."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        ...

    def tick(self) -> float:
        """A counter of seconds for durations; its zero means nothing."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)

    def tick(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.perf_counter()


@dataclass
class FixedClock:
    """A clock that stands still until it is moved: for tests."""

    at: datetime

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.at

    def tick(self) -> float:
        """The same moment in seconds."""
        return self.at.timestamp()


def iso(moment: datetime) -> str:
    """A UTC moment as text that sorts by time: ``2026-11-21T07:00:00.123456Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
