"""A table or a query of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.postgresql import PostgreSQL
from cityloom.collect.databases.servers import ServerTable
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Postgresql(ServerTable):
    """Rows of a PostgreSQL database (10 and newer), read in one repeatable-read transaction.

    Values are the text that the server itself makes of them: numbers with all digits, moments ISO with their
    offset, intervals ISO 8601, arrays and composites in PostgreSQL's notation, JSON as it stands; ``char(n)``
    without its padding. ``_row`` counts in the order of the primary key.

    Args:
        url: ``postgresql://user:password@host:port/database``, as a reference (``env:HUKOU_URL``); ``?sslmode=…`` and
            other parameters of libpq may follow.
        table: what to read, a table or view; or ``query``.
        schema: of the table; empty for the user's search path.
        query: one SELECT.
        order: columns that order the rows, instead of the primary key.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        overlap: so far below the last marker rows that came late are still found: seconds, or units of a number.
        binary: ``refuse`` binary columns, or take them as ``hex``.
        proof: who computes the receipt's figures: the ``source``, or the platform from the ``stream`` of rows.
        timezone: in which moments with an offset are shown; empty for the database's own.
        timeout_seconds: for one statement at the source, and for its connection while nothing is asked of it.
        lock_seconds: how long to wait for a table that others have locked.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "postgresql"
    title: ClassVar[Title] = Title("PostgreSQL 数据库", "PostgreSQL database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental", "virtual"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = "PostgreSQL 15"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "person"},)

    timezone: str = ""

    def _open(self) -> Session:
        return PostgreSQL(self._address, self._limits, self.timezone)
