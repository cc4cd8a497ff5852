"""How long a broken link is tried anew while a table is followed."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS = 60.0
_LONGEST = 5.0
_STEADY = 10.0
_STEP = 0.1


class Patience:
    """Waits longer after each failure, and ends when nothing held for a minute."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._failed_at: float | None = None
        self._wait = _STEP

    def begin(self) -> None:
        """The link stands."""
        self._began = time.monotonic()

    def wait(self, stop: Callable[[], bool]) -> bool:
        """Wait before the next attempt; false when there is none, because it lasted too long or ``stop()`` says so."""
        now = time.monotonic()
        if self._began is not None and now - self._began >= _STEADY:
            self._failed_at, self._wait = None, _STEP
        self._began = None
        self._failed_at = now if self._failed_at is None else self._failed_at
        if now - self._failed_at > _SECONDS:
            return False
        until = now + self._wait
        self._wait = min(2 * self._wait, _LONGEST)
        while time.monotonic() < until and not stop():
            time.sleep(_STEP)
        return not stop()
