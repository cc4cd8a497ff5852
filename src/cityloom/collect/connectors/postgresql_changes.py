"""A PostgreSQL table, followed by the server's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import RejectSink, Remark, Slice
from cityloom.collect.changes import course
from cityloom.collect.changes.course import Course
from cityloom.collect.changes.journal import Cut
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.postgresql import PostgresqlSide
from cityloom.collect.changes.snapshot import Snapshot
from cityloom.collect.databases.address import address_of
from cityloom.collect.databases.base import Limits
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class PostgresqlChanges:
    """Rows of a PostgreSQL table and then every change of them, in the order of the transactions' commits.

    A slot of its own keeps the log until it is in the lake; neither trigger nor table is made at the source. The
    table needs a publication and, where it has columns of text, REPLICA IDENTITY FULL; the user SELECT on it and the
    attribute REPLICATION. A transaction is never split, nor held in memory.

    Args:
        url: ``postgresql://user:password@host:port/database``, as a reference (``env:HUKOU_URL``); ``?sslmode=…`` and
            other parameters of libpq may follow.
        table: what to follow.
        schema: of the table.
        publication: that holds the table; ``cityloom_`` and the table's name when empty.
        timezone: in which moments with an offset are shown; empty for the database's own.
        slice_rows: a slice ends with the transaction that brings it to so many rows.
        slice_seconds: a slice ends after so many seconds.
        timeout_seconds: for one statement of the snapshot at the source.
        lock_seconds: how long to wait for a table that others have locked.
        drift: the task's policy, set by the platform: with *stop* a change of the table that alters its rows beside
            the log is an error, otherwise the table is taken anew.
        key_columns: that name a row, set by the platform.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "postgresql_changes"
    title: ClassVar[Title] = Title("PostgreSQL 日志同步", "PostgreSQL, by its log")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"cdc"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = "PostgreSQL 15"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "person"},)

    url: str
    table: str
    schema: str = "public"
    publication: str = ""
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

    def settle(self, piece: Slice) -> None:
        """Let the slot's log go that is in the lake."""
        course.settle(piece)

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
    def _side(self) -> PostgresqlSide:
        return PostgresqlSide(
            url=address_of(self.url, self.base),
            table=TableName(self.schema, self.table),
            publication=self.publication or f"cityloom_{self.table}",
            key=self.key_columns,
            limits=Limits(seconds=self.timeout_seconds, lock_seconds=self.lock_seconds),
            timezone=self.timezone,
        )
