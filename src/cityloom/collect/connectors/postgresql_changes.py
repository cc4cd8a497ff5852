"""A PostgreSQL table, followed by the server's log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.base import Slice
from cityloom.collect.changes import course
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.postgresql import PostgresqlSide
from cityloom.collect.changes.table import FollowedTable
from cityloom.collect.databases.address import address_of
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class PostgresqlChanges(FollowedTable):
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
    tested: ClassVar[str] = "PostgreSQL 15"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "person"},)

    schema: str = "public"
    publication: str = ""

    def settle(self, piece: Slice) -> None:
        """Let the slot's log go that is in the lake."""
        course.settle(piece)

    @property
    def _side(self) -> PostgresqlSide:
        return PostgresqlSide(
            url=address_of(self.url, self.base),
            table=TableName(self.schema, self.table),
            publication=self.publication or f"cityloom_{self.table}",
            key=self.key_columns,
            limits=self._limits,
            timezone=self.timezone,
        )
