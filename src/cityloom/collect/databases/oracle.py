"""Oracle, through its driver without a client library. Not tested against a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cityloom.collect.databases import failures
from cityloom.collect.databases.base import NUMBERS, Column, Limits
from cityloom.collect.databases.dbapi import Plain, quoted
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.extras import require

_KINDS = {
    "NUMBER": "decimal",
    "BINARY_INTEGER": "integer",
    "BINARY_FLOAT": "real",
    "BINARY_DOUBLE": "real",
    "DATE": "moment",
    "TIMESTAMP": "moment",
    "TIMESTAMP_TZ": "moment",
    "TIMESTAMP_LTZ": "moment",
    "RAW": "binary",
    "LONG_RAW": "binary",
    "BLOB": "binary",
    "BFILE": "binary",
    **dict.fromkeys(("CHAR", "NCHAR", "VARCHAR", "NVARCHAR", "CLOB", "NCLOB", "LONG", "LONG_NVARCHAR"), "text"),
}
_FORMS = {
    "DATE": "YYYY-MM-DD HH24:MI:SS",
    "TIMESTAMP": "YYYY-MM-DD HH24:MI:SS.FF",
    "TIMESTAMP_TZ": "YYYY-MM-DD HH24:MI:SS.FF TZH:TZM",
    "TIMESTAMP_LTZ": "YYYY-MM-DD HH24:MI:SS.FF TZH:TZM",
}
_READERS = {"DATE": "TO_DATE", "TIMESTAMP": "TO_TIMESTAMP", "TIMESTAMP_TZ": "TO_TIMESTAMP_TZ", "TIMESTAMP_LTZ": "TO_TIMESTAMP_TZ"}
_OWN = "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
_PORT = 1521
_DENIED, _ABSENT, _FORBIDDEN = (1005, 1017, 28000, 28001), (12505, 12514, 12516), (942, 1031)
_WRONG = range(900, 1000)
_LOCKED, _SLOW, _CUT = (54, 30006, 4021), (1013, 3156), (28, 1012, 3113, 3114, 3135)


class Oracle(Plain):
    """A connection in a read-only transaction, which in Oracle sees one state."""

    def __init__(self, url: sa.URL, limits: Limits) -> None:
        self._driver = require("oracledb", extra="databases")
        super().__init__(url, limits, _PORT, (self._driver.Error,))

    def _connect(self) -> Any:
        made = self._driver.connect(
            user=self._url.username,
            password=str(self._url.password or ""),
            host=self._url.host,
            port=self._port,
            service_name=self._url.database,
            tcp_connect_timeout=10,
            expire_time=1,
        )
        made.call_timeout = int(self._limits.seconds * 1000)
        return made

    def _settings(self) -> Iterator[str]:
        yield "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN'"
        yield "SET TRANSACTION READ ONLY"

    def _cursor(self) -> Any:
        cursor = self._connection.cursor()
        cursor.outputtypehandler = self._handler
        return cursor

    def _handler(self, cursor: Any, column: Any) -> Any:
        """Long texts as texts, without a round trip for each."""
        if column.type_code in (self._driver.DB_TYPE_CLOB, self._driver.DB_TYPE_NCLOB):
            return cursor.var(self._driver.DB_TYPE_LONG, arraysize=cursor.arraysize)
        return None

    def describe(self, relation: str) -> list[Column]:
        """Names and types, as the server would send them."""
        with self._guard, contextlib.closing(self._connection.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM {relation} src WHERE 1 = 0")
            return [self._column(d) for d in cursor.description or []]

    def _column(self, found: Any) -> Column:
        words = found[1].name.removeprefix("DB_TYPE_")
        return Column(found[0], _KINDS.get(words, "other"), words, not found[6])

    def _known(self, schema: str) -> str:
        owner = f"CASE WHEN owner = {_OWN} THEN NULL ELSE owner END" if not schema else "owner"
        where = f"owner = {quoted(schema)}" if schema else f"owner = {_OWN}"
        return f"SELECT {owner}, object_name FROM all_objects WHERE object_type IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW') AND {where}"

    def _columns_of(self, schema: str, table: str) -> str:
        return (
            "SELECT column_name, data_type, CASE nullable WHEN 'N' THEN 1 ELSE 0 END FROM all_tab_columns "
            f"WHERE owner = {quoted(schema) if schema else _OWN} AND table_name = {quoted(table)} ORDER BY column_id"
        )

    def _key_of(self, schema: str, table: str) -> str:
        return (
            "SELECT k.column_name FROM all_constraints c JOIN all_cons_columns k "
            "ON k.owner = c.owner AND k.constraint_name = c.constraint_name WHERE c.constraint_type = 'P' "
            f"AND c.owner = {quoted(schema) if schema else _OWN} AND c.table_name = {quoted(table)} ORDER BY k.position"
        )

    def scalar(self, expression: str) -> str:
        """From DUAL."""
        return f"SELECT {expression} FROM dual"

    def text(self, column: Column, value: str = "") -> str:
        """All digits of numbers, with a zero before the point; moments ISO with the digits that are kept."""
        given = value or f"src.{self.quote(column.name)}"
        if column.kind in NUMBERS:
            return f"REGEXP_REPLACE(TO_CHAR({given}, 'TM9'), '^(-?)\\.', '\\10.')"
        if column.type in _FORMS:
            return f"TO_CHAR({given}, '{_FORMS[column.type]}')"
        if column.type == "JSON":
            return f"JSON_SERIALIZE({given} RETURNING CLOB)"
        if column.type == "XMLTYPE":
            return f"XMLSERIALIZE(CONTENT {given} AS CLOB)"
        return given if column.kind == "text" else f"TO_CHAR({given})"

    def hexed(self, column: Column) -> str:
        """Of RAW; large objects have no hex in a query."""
        if column.type != "RAW":
            raise failures.binary(self.place, [column.name])
        return f"LOWER(RAWTOHEX(src.{self.quote(column.name)}))"

    def literal(self, column: Column, text: str) -> str:
        """Moments by their form."""
        if column.type in _READERS:
            return f"{_READERS[column.type]}({quoted(text)}, '{_FORMS[column.type]}')"
        return super().literal(column, text)

    def less(self, column: Column, value: str, distance: float) -> str:
        """Subtraction; of seconds from moments."""
        if column.kind in NUMBERS:
            return super().less(column, value, distance)
        return f"({value} - NUMTODSINTERVAL({distance!r}, 'SECOND'))"

    def _failure(self, error: Exception) -> CityLoomError:
        found = error.args[0] if error.args else None
        code, words = int(getattr(found, "code", 0) or 0), str(getattr(found, "full_code", ""))
        if code in _DENIED:
            return failures.denied(self.place)
        if code in _ABSENT or words in ("DPY-6001", "DPY-6003"):
            return failures.absent(self.place)
        if code in _FORBIDDEN:
            return failures.forbidden(self.place, words)
        if code in _LOCKED:
            return failures.locked(self.place, self._limits.lock_seconds)
        if code in _SLOW or words == "DPY-4024":
            return failures.slow(self.place, self._limits.seconds)
        if not self._is_open:
            return failures.unreachable(self.place, words or "no connection")
        if code in _CUT or words.startswith("DPY-") or isinstance(error, OSError):
            return failures.cut(self.place)
        return failures.wrong(self.place, words) if code in _WRONG else failures.failed(self.place, words)
