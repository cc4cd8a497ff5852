"""A MariaDB table, followed by the server's binary log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.changes.mariadb import MariadbSide
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.table import FollowedTable
from cityloom.collect.databases.address import address_of
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class MariadbChanges(FollowedTable):
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
    tested: ClassVar[str] = "MariaDB 10.11"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:SOCIAL_URL", "table": "insured"},)

    schema: str = ""

    @property
    def _side(self) -> MariadbSide:
        url = address_of(self.url, self.base)
        return MariadbSide(
            url=url,
            table=TableName(self.schema or url.database or "", self.table),
            key=self.key_columns,
            limits=self._limits,
            timezone=self.timezone,
        )
