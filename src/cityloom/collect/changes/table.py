"""What tables that are followed by a server's log have in common, whoever's server it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import pyarrow as pa

from cityloom.collect.base import RejectSink, Remark, Slice
from cityloom.collect.changes import course
from cityloom.collect.changes.course import Course, Side
from cityloom.collect.changes.journal import Cut
from cityloom.collect.changes.snapshot import Snapshot
from cityloom.collect.databases.base import Limits


class Followed(Side, Protocol):
    """A side that also shows whether its table can be followed, and the table as it is now."""

    def check(self) -> None:
        """Show that the table can be followed."""
        ...

    def passing(self) -> AbstractContextManager[Snapshot]:
        """The table now, and its place in the log."""
        ...


@dataclass(frozen=True, kw_only=True)
class FollowedTable:
    """The options and the ways of a connector that takes a snapshot and then every change of a table.

    A plug-in says how it is called, and makes the server's side (``_side``).
    """

    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"cdc"})
    is_sparse: ClassVar[bool] = False

    url: str
    table: str
    timezone: str = ""
    slice_rows: int = 20_000
    slice_seconds: float = 1.0
    timeout_seconds: float = 3600.0
    lock_seconds: float = 10.0
    drift: str = "stop"
    key_columns: tuple[str, ...] = ()
    base: Path = Path()

    def check(self) -> None:
        """Show that the table can be followed."""
        self._side.check()

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """The plan of a snapshot, the snapshot, and changes up to the present end of the log."""
        return self._course.run(done)

    def follow(self, done: Mapping[str, str], stop: Callable[[], bool]) -> Iterator[Slice]:
        """The same, and what comes."""
        return self._course.run(done, stop)

    def again(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """The same as ``slices``, beginning with a new snapshot."""
        return self._course.run(done, again=True)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows or changes."""
        return course.read(piece)

    def count(self, piece: Slice) -> int:
        """``SELECT count(*)`` in the snapshot; of the log, the messages."""
        return course.count(piece)

    def remarks(self, piece: Slice) -> Sequence[Remark]:
        """Why the table is taken anew, where it is."""
        return course.remarks(piece)

    def passing(self) -> AbstractContextManager[Snapshot]:
        """The table now, and its place in the log."""
        return self._side.passing()

    @property
    def _course(self) -> Course:
        cut = Cut(rows=self.slice_rows, seconds=self.slice_seconds)
        return Course(side=self._side, cut=cut, is_strict=self.drift == "stop")

    @property
    def _limits(self) -> Limits:
        return Limits(seconds=self.timeout_seconds, lock_seconds=self.lock_seconds)

    @property
    def _side(self) -> Followed:
        raise NotImplementedError
