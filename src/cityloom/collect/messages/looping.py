"""An event loop in a thread of its own, for libraries that know no other way; none is left behind."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """A running event loop. Links stay alive in it while their caller is busy with something else."""

    def __enter__(self) -> Loop:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, name="messages", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(Exception):
            self.call(_cancel_all(), 5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """The result of a coroutine.

        Raises:
            TimeoutError: when it takes longer; it is cancelled then.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except FutureTimeoutError:
            if not future.done():
                future.cancel()
                raise TimeoutError("no answer") from None
            raise


class Arrivals:
    """What has come in a loop and waits to be taken."""

    def __init__(self) -> None:
        self._here: deque[Any] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._here)

    def put(self, one: Any) -> None:
        """Something has come. To be called in the loop."""
        self._here.append(one)
        self._arrived.set()

    async def take(self, seconds: float, most: int) -> list[Any]:
        """What has come, after waiting for the first of it."""
        if not self._here:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), seconds)
        return [self._here.popleft() for _ in range(min(most, len(self._here)))]


async def _cancel_all() -> None:
    own = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not own]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
