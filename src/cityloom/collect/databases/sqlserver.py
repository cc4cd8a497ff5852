"""Microsoft SQL Server (2016 and newer). Not tested against a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cityloom.collect.databases import failures
from cityloom.collect.databases.base import NUMBERS, Column, Limits
from cityloom.collect.databases.dbapi import Plain, quoted
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.extras import require

_PORT = 1433
_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "integer"),
    **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), "decimal"),
    **dict.fromkeys(("float", "real"), "real"),
    **dict.fromkeys(("datetime", "datetime2", "smalldatetime", "datetimeoffset"), "moment"),
    **dict.fromkeys(("binary", "varbinary", "image", "timestamp"), "binary"),
    **dict.fromkeys(("char", "varchar", "text", "nchar", "nvarchar", "ntext", "xml"), "text"),
    "date": "date",
    "time": "time",
    "bit": "boolean",
}
_STYLES = {"money": 2, "smallmoney": 2, "float": 3, "real": 3, "date": 23, **dict.fromkeys(("datetime", "datetime2", "smalldatetime", "datetimeoffset"), 121)}
_WRONG = (102, 156, 164, 205, 207, 208, 209, 1033, 8155, 8156)
_LOCKED, _SLOW, _CUT = (1222,), (20003,), (20004, 20006, 20017, 20047, 596, 10054)


class SQLServer(Plain):
    """A connection in a snapshot where the database allows one (ALLOW_SNAPSHOT_ISOLATION); else what changes
    while it is read does not land."""

    def __init__(self, url: sa.URL, limits: Limits) -> None:
        self._driver = require("pymssql", extra="databases")
        super().__init__(url, limits, _PORT, (self._driver.Error,))

    def _connect(self) -> Any:
        return self._driver.connect(
            server=self._url.host,
            port=str(self._port),
            user=self._url.username,
            password=str(self._url.password or ""),
            database=self._url.database or "",
            login_timeout=10,
            timeout=int(self._limits.seconds) or 1,
            charset="UTF-8",
            appname="cityloom",
            read_only=True,
            autocommit=True,
        )

    def _settings(self) -> Iterator[str]:
        yield f"SET LOCK_TIMEOUT {int(self._limits.lock_seconds * 1000)}"
        allowed = self.one("SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()")[0]
        if int(allowed) == 1:
            yield "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
        yield "BEGIN TRANSACTION"

    def quote(self, name: str) -> str:
        """In brackets."""
        return "[" + name.replace("]", "]]") + "]"

    def describe(self, relation: str) -> list[Column]:
        """Names and types, as the server would send them."""
        words = quoted(f"SELECT * FROM {relation} src")
        found = self.rows(
            "SELECT name, system_type_name, is_nullable, error_message FROM sys.dm_exec_describe_first_result_set"
            f"(N{words}, NULL, 0) WHERE is_hidden = 0 ORDER BY column_ordinal"
        )
        if found and found[0][3]:
            raise failures.wrong(self.place, found[0][3])
        return [_column(*row[:3]) for row in found]

    def _known(self, schema: str) -> str:
        shown = "s.name" if schema else "NULLIF(s.name, SCHEMA_NAME())"
        return f"SELECT {shown}, o.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE o.type IN ('U', 'V')"

    def _columns_of(self, schema: str, table: str) -> str:
        return (
            "SELECT c.name, TYPE_NAME(c.user_type_id), CASE c.is_nullable WHEN 0 THEN 1 ELSE 0 END FROM sys.columns c "
            f"WHERE c.object_id = OBJECT_ID(N{self._object(schema, table)}) ORDER BY c.column_id"
        )

    def _key_of(self, schema: str, table: str) -> str:
        return (
            "SELECT COL_NAME(k.object_id, k.column_id) FROM sys.indexes i JOIN sys.index_columns k "
            "ON k.object_id = i.object_id AND k.index_id = i.index_id WHERE i.is_primary_key = 1 "
            f"AND i.object_id = OBJECT_ID(N{self._object(schema, table)}) ORDER BY k.key_ordinal"
        )

    def _object(self, schema: str, table: str) -> str:
        return quoted(".".join(self.quote(n) for n in (schema, table) if n))

    def text(self, column: Column, value: str = "") -> str:
        """By the style that keeps all digits."""
        given = value or f"src.{self.quote(column.name)}"
        if column.type in ("geography", "geometry", "hierarchyid"):
            return f"{given}.ToString()"
        style = f", {_STYLES[column.type]}" if column.type in _STYLES else ""
        return f"CONVERT(nvarchar(max), {given}{style})"

    def hexed(self, column: Column) -> str:
        """``CONVERT`` with style 2."""
        return f"LOWER(CONVERT(varchar(max), CONVERT(varbinary(max), src.{self.quote(column.name)}), 2))"

    def literal(self, column: Column, text: str) -> str:
        """Cast, but for plain numbers."""
        if column.kind in ("integer", "decimal"):
            return super().literal(column, text)
        return f"N{quoted(text)}" if column.kind == "text" else f"CAST(N{quoted(text)} AS {column.type})"

    def less(self, column: Column, value: str, distance: float) -> str:
        """Subtraction; of seconds from dates (whole days, rounded up) and moments."""
        if column.kind in NUMBERS:
            return super().less(column, value, distance)
        unit, number = ("day", -(-int(distance) // 86400)) if column.kind == "date" else ("second", -(-int(distance) // 1))
        return f"DATEADD({unit}, -{number}, {value})"

    def _failure(self, error: Exception) -> CityLoomError:
        number = _number(error)
        if number == 18456:
            return failures.denied(self.place)
        if number == 4060:
            return failures.absent(self.place)
        if number in _SLOW:
            return failures.slow(self.place, self._limits.seconds)
        if not self._is_open:
            return failures.unreachable(self.place, f"error {number}")
        if number in (229, 230, 916):
            return failures.forbidden(self.place, f"error {number}")
        if number in _LOCKED:
            return failures.locked(self.place, self._limits.lock_seconds)
        if number in _WRONG:
            return failures.wrong(self.place, f"error {number}")
        is_cut = number in _CUT or isinstance(error, OSError)
        return failures.cut(self.place) if is_cut else failures.failed(self.place, f"error {number}")


def _number(error: Exception) -> int:
    found: Any = error.args[0] if error.args else 0
    while isinstance(found, tuple) and found:
        found = found[0]
    return found if isinstance(found, int) else 0


def _column(name: str, words: str, is_nullable: bool) -> Column:
    plain = str(words).split("(")[0].lower()
    return Column(str(name or ""), _KINDS.get(plain, "other"), plain, not is_nullable)
