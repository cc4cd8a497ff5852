"""A table or a query of a SQLite database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.exchange import TableExchange
from cityloom.collect.databases.sqlite import SQLite
from cityloom.kernel.config import reference
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Sqlite(TableExchange):
    """Rows of a SQLite database, opened for reading only, in one read transaction.

    A table is read in the order of its rowid, and ``_row`` is the row's number in that order. Numbers are shown
    with all digits; values keep the type each row gave them.

    Args:
        path: of the database; relative to the workspace, or a reference.
        table: what to read, a table or view; or ``query``.
        query: one SELECT with a fixed order.
        order: columns that order the rows, instead of the rowid.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        overlap: so far below the last marker rows that came late are still found, in units of a numeric marker.
        binary: ``refuse`` binary values, or take them as ``hex``.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "sqlite"
    title: ClassVar[Title] = Title("SQLite 数据库", "SQLite database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental", "virtual"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = "SQLite 3"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"path": "sources/rs/shebao.db", "table": "insured"},)

    path: str

    def _open(self) -> Session:
        path = reference(self.path, base=self.base)
        return SQLite(self.base / path, Path(path).name, is_hexed=self.binary == "hex")
