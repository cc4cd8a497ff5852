"""A table or a query of a Dameng database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.dameng import Dameng
from cityloom.collect.databases.servers import ServerTable
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class DamengTable(ServerTable):
    """Rows of a Dameng database (DM8), read in one transaction that sees one state. Not tested against a server.

    Names are those of the catalogue, usually in capitals. Values are the text that the server itself makes of them.

    Args:
        url: ``dm://user:password@host:5236/SCHEMA``, as a reference (``env:HUKOU_URL``).
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
    name: ClassVar[str] = "dameng"
    title: ClassVar[Title] = Title("达梦数据库", "Dameng database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = ""
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "PERSON"},)

    proof: Literal["stream"] = "stream"

    def _open(self) -> Session:
        return Dameng(self._address, self._limits)
