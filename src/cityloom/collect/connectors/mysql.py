"""A table or a query of a MySQL or MariaDB database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cityloom.collect.databases.base import Session
from cityloom.collect.databases.mysql import MySQL
from cityloom.collect.databases.servers import ServerTable
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Mysql(ServerTable):
    """Rows of a MySQL (5.7 and newer) or MariaDB (10.2 and newer) database, read in one consistent snapshot.

    Values are the text that the server itself makes of them, whatever a column's character set: decimals with
    their scale, FLOAT with all digits of its value, zero dates as ``0000-00-00``, BIT as a number, JSON as it
    stands. ``_row`` counts in the order of the primary key. Tables of an engine without transactions (MyISAM)
    have no snapshot: when they change meanwhile, the batch does not land.

    Args:
        url: ``mysql://user:password@host:port/database``, as a reference (``env:HUKOU_URL``).
        table: what to read, a table or view; or ``query``.
        schema: the table's database; empty for that of the address.
        query: one SELECT.
        order: columns that order the rows, instead of the primary key.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        overlap: so far below the last marker rows that came late are still found: seconds, or units of a number.
        binary: ``refuse`` binary columns, or take them as ``hex``.
        proof: who computes the receipt's figures: the ``source``, or the platform from the ``stream`` of rows.
        timezone: in which values of type TIMESTAMP are shown (``+08:00``); empty for the database's own.
        held_as: encoding that text columns really hold (``gbk``) where the database declares another (``latin1``).
        timeout_seconds: for one statement at the source.
        lock_seconds: how long to wait for a table that others have locked.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "mysql"
    title: ClassVar[Title] = Title("MySQL/MariaDB 数据库", "MySQL or MariaDB database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental", "virtual"})
    is_sparse: ClassVar[bool] = False
    tested: ClassVar[str] = "MariaDB 10.11; MySQL itself was not at hand"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"url": "env:HUKOU_URL", "table": "person"},)

    timezone: str = ""
    held_as: Literal["", "gbk", "gb2312", "big5", "utf8mb4", "latin1"] = ""

    def _open(self) -> Session:
        return MySQL(self._address, self._limits, self.timezone, self.held_as)
