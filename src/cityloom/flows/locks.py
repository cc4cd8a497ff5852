"""Locks by name, so that different work goes on at the same time in one workspace, and the same never does.

A lock is an open file held with ``flock``: the operating system gives it back when its process ends, however
it ends. A lock that is free therefore tells that whoever held it is done or dead. Two threads of one process
exclude each other like two processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from cityloom.kernel.errors import UserError
from cityloom.kernel.ids import new_id

_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Locks:
    """The locks of one workspace.

    Args:
        folder: where their files are; a file stays when its lock is given back.
    """

    folder: Path

    @contextmanager
    def hold(self, *names: str, wait: float = 0.0) -> Iterator[None]:
        """Hold locks for the length of the block: all of them, always taken in the order of their names.

        Args:
            names: lake tables (``raw_ga__hukou``) and other work, ``collect:hukou``.
            wait: seconds to wait for those that are held elsewhere, in all.

        Raises:
            UserError: ``flows.subject.busy`` when one is still held elsewhere.
        """
        self.folder.mkdir(exist_ok=True)
        patience = _Patience(wait)
        with ExitStack() as held:
            for name in sorted(set(names)):
                handle = held.enter_context(self._path(name).open("a+"))
                while not _take(handle):
                    if patience.is_over():
                        raise _busy(name, handle)
                _sign(handle)
            yield

    def is_held(self, name: str) -> bool:
        """Whether anybody holds a lock at this moment."""
        try:
            with self.hold(name):
                return False
        except UserError:
            return True

    def forget(self, name: str) -> None:
        """Remove the file of a lock that nobody will ask for again."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / quote(name, safe="")


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """A folder for this process alone; those of processes that died go.

    Args:
        parent: made when it is not there; its folders are nobody else's business.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / new_id("p")
    with ExitStack() as held:
        with (parent / ".lock").open("a+") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            _clear(parent)
            mine = held.enter_context(_sign_of(folder).open("a+"))
            fcntl.flock(mine, fcntl.LOCK_EX)
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _sign_of(folder).unlink(missing_ok=True)


def _clear(parent: Path) -> None:
    """Remove folders without a process. Called while nobody makes one."""
    for folder in [p for p in parent.iterdir() if p.is_dir()]:
        with _sign_of(folder).open("a+") as handle:
            if _take(handle):
                shutil.rmtree(folder, ignore_errors=True)
                _sign_of(folder).unlink(missing_ok=True)


def _sign_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


class _Patience:
    """Counts looks, not time, so that waiting needs no clock."""

    def __init__(self, seconds: float) -> None:
        self._left = round(seconds / _LOOK_SECONDS)
        self._pause = threading.Event()

    def is_over(self) -> bool:
        """Wait a moment; true when there is no more to wait."""
        self._left -= 1
        return self._left < 0 or self._pause.wait(_LOOK_SECONDS)


def _take(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(handle: IO[str]) -> None:
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()


def _busy(name: str, handle: IO[str]) -> UserError:
    holder = ""
    with suppress(OSError):
        handle.seek(0)
        holder = handle.read(20).strip()
    return UserError(
        "flows.subject.busy",
        "Another CityLoom process ({process}) is at work on {subject}.",
        hint="Wait until it has finished, and try again.",
        subject=name,
        process=holder or "?",
    )
