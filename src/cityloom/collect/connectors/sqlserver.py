"""A table or a query of a SQL Server database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.servers import ServerTable
from cityloom.collect.databases.sqlserver import SQLServer
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class SqlServerTable(ServerTable):
    """Rows of a Microsoft SQL Server database (2016 and newer). Not tested against a server.

    They are read in a snapshot where the database allows it (``ALLOW_SNAPSHOT_ISOLATION``); otherwise a batch whose
    table changes meanwhile does not land. Numbers come with all digits, dates and times ISO.

    Args:
        url: ``mssql://user:password@host:1433/database``, as a reference (``env:HUKOU_URL``).
        table: what to read, a table or view; or ``query``.
        schema: of the table; empty for the user's own.
        query: one SELECT without an order.
        order: columns that order the rows, instead of the primary key.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        overlap: so far below the last marker rows that came late are still found: seconds, or units of a number.
        binary: ``refuse`` binary columns, or take them as ``hex``.
        proof: the platform, from the ``stream`` of rows: here the database does not compute figures.
        timeout_seconds: for one answer of the source.
        lock_seconds: how long to wait for a table that others have locked.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "sqlserver"
    title: ClassVar[Title] = Title("SQL Server 数据库", "SQL Server database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = ""
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "person"},)

    proof: Literal["stream"] = "stream"

    def _open(self) -> Session:
        return SQLServer(self._address, self._limits)
