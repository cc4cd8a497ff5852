"""A table or a query of an Oracle database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.oracle import Oracle
from cityloom.collect.databases.servers import ServerTable
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class OracleTable(ServerTable):
    """Rows of an Oracle database (12c and newer), read in one read-only transaction. Not tested against a server.

    Names are those of the catalogue, usually in capitals. Numbers come with all digits, dates and timestamps ISO with
    the digits that are kept; Oracle itself makes no difference between an empty text and none.

    Args:
        url: ``oracle://user:password@host:1521/service``, as a reference (``env:HUKOU_URL``).
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
    name: ClassVar[str] = "oracle"
    title: ClassVar[Title] = Title("Oracle 数据库", "Oracle database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = ""
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "PERSON"},)

    proof: Literal["stream"] = "stream"

    def _open(self) -> Session:
        return Oracle(self._address, self._limits)
