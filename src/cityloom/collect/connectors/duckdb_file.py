"""A table or a query of a DuckDB database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.duckdb import DuckDB
from cityloom.collect.databases.exchange import TableExchange
from cityloom.kernel.config import reference
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class DuckdbFile(TableExchange):
    """Rows of a DuckDB database file, opened for reading only; a program that writes to it must have closed it.

    Values are the text that DuckDB makes of them: decimals with their scale, moments ISO. ``_row`` counts in the
    order of the primary key, or as the rows lie in the file.

    Args:
        path: of the database; relative to the workspace, or a reference.
        table: what to read, a table or view; or ``query``.
        schema: of the table; empty for ``main``.
        query: one SELECT with a fixed order.
        order: columns that order the rows, instead of the primary key.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        overlap: so far below the last marker rows that came late are still found: seconds, or units of a number.
        binary: ``refuse`` binary columns, or take them as ``hex``.
        proof: who computes the receipt's figures: the ``source`` file read a second time, or the ``stream`` of rows.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "duckdb_file"
    title: ClassVar[Title] = Title("DuckDB 数据库文件", "DuckDB database file")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental", "virtual"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = "DuckDB 2"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"path": "sources/jt/vehicles.duckdb", "table": "vehicle"},)

    path: str
    schema: str = ""
    proof: Literal["source", "stream"] = "source"

    @property
    def is_proving(self) -> bool:
        """Whether the figures come from the file, read a second time."""
        return self.proof == "source"

    @property
    def _schema(self) -> str:
        return self.schema

    def _open(self) -> Session:
        path = reference(self.path, base=self.base)
        return DuckDB(self.base / path, Path(path).name)
