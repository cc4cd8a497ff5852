"""A table or a query of a Kingbase database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.postgresql import PostgreSQL
from cityloom.collect.databases.servers import ServerTable
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class KingbaseTable(ServerTable):
    """Rows of a KingbaseES database (V8 and newer), over the protocol of PostgreSQL, in one repeatable-read transaction.

    Not tested against a server of Kingbase; all it does is tested against PostgreSQL. Values are the text that the
    server itself makes of them.

    Args:
        url: ``kingbase://user:password@host:54321/database``, as a reference (``env:HUKOU_URL``).
        table: what to read, a table or view; or ``query``.
        schema: of the table; empty for the user's own.
        query: one SELECT without an order.
        order: columns that order the rows, instead of the primary key.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        overlap: so far below the last marker rows that came late are still found: seconds, or units of a number.
        binary: ``refuse`` binary columns, or take them as ``hex``.
        proof: who computes the receipt's figures: the ``source``, or the platform from the ``stream`` of rows.
        timeout_seconds: for one answer of the source.
        lock_seconds: how long to wait for a table that others have locked.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "kingbase"
    title: ClassVar[Title] = Title("金仓数据库", "Kingbase database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = ""
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "person"},)

    def _open(self) -> Session:
        address = self._address
        return PostgreSQL(address if address.port else address.set(port=54321), self._limits)
