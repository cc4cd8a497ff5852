"""How long a source may be out of reach before a run gives up."""

from __future__ import annotations

import threading

from cityloom.collect.messages import faults
from cityloom.kernel.clock import SystemClock


class Patience:
    """Counts the time without an answer.

    Args:
        source: its name for the error.
        seconds: how long to go on trying.
    """

    def __init__(self, source: str, seconds: float) -> None:
        self._source, self._seconds = source, seconds
        self._tick = SystemClock().tick
        self._since: float | None = None
        self._pause = threading.Event()

    def answered(self) -> None:
        """It is there."""
        self._since = None

    def failed(self, problem: str, pause: float) -> None:
        """It is not there; waits a moment before the next attempt.

        Raises:
            SourceError: ``collect.source.unreachable`` when it has been away for too long.
        """
        now = self._tick()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._seconds:
            raise faults.unreachable(self._source, problem)
        self.pause(pause)

    def pause(self, seconds: float) -> None:
        """Wait a moment."""
        self._pause.wait(seconds)
