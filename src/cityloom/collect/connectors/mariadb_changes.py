"""A MariaDB table, followed by the server's binary log."""

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
from cityloom.collect.changes.mariadb import MariadbSide
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.snapshot import Snapshot
from cityloom.collect.databases.address import address_of
from cityloom.collect.databases.base import Limits
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class MariadbChanges:
    """Rows of a MariaDB table and then every change of them, in the order of the transactions' commits.

    Neither trigger nor table is made at the source, and it is not locked. The server needs ``binlog_format = ROW``,
    ``binlog_row_image = FULL`` and ``binlog_row_metadata = FULL``; the user SELECT on the table, REPLICATION SLAVE
    and BINLOG MONITOR. A transaction is never split, nor held in memory. Values are the text that the server
    itself makes of them: FLOAT with all digits of its value, BIT as a number, bytes as hexadecimal digits.

    Args:
        url: ``mysql://user:password@host:port/database``, as a reference (``env:SOCIAL_URL``).
        table: what to follow.
        schema: the table's database; empty for that of the address.
        timezone: in which values of type TIMESTAMP are shown (``+08:00``); empty for the server's at the snapshot.
        slice_rows: a slice ends with the transaction that brings it to so many rows.
        slice_seconds: a slice ends after so many seconds.
        timeout_seconds: for one statement of the snapshot at the source.
        lock_seconds: how long to wait for a table that others have locked.
        drift: the task's policy, set by the platform: with *stop* a change of the table that alters its rows beside
            the log is an error, otherwise the table is taken anew.
        key_columns: that name a row, set by the platform.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "mariadb_changes"
    title: ClassVar[Title] = Title("MariaDB 日志同步", "MariaDB, by its log")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"cdc"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = "MariaDB 10.11"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:SOCIAL_URL", "table": "insured"},)

    url: str
    table: str
    schema: str = ""
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
    def _side(self) -> MariadbSide:
        url = address_of(self.url, self.base)
        return MariadbSide(
            url=url,
            table=TableName(self.schema or url.database or "", self.table),
            key=self.key_columns,
            limits=Limits(seconds=self.timeout_seconds, lock_seconds=self.lock_seconds),
            timezone=self.timezone,
        )
