"""Work that is done behind one's back: in a thread of its own, one piece after another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Calls a function with one thing after another while the caller makes the next one.

    At most one call is under way, so memory holds two things. What a call raises is raised at the next one, or
    when the ``with`` block ends, which waits for the last call.
    """

    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[object] | None = None

    def __call__(self, thing: T) -> None:
        self._wait()
        self._last = self._pool.submit(self._work, thing)

    def __enter__(self) -> Behind[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._wait()

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()
