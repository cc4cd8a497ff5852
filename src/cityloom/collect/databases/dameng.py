"""Dameng (DM8), which reads Oracle's SQL and keeps Oracle's catalogue. Not tested against a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cityloom.collect.databases import failures
from cityloom.collect.databases.base import NUMBERS, Column, Limits
from cityloom.collect.databases.dbapi import Plain, quoted
from cityloom.collect.databases.oracle import Oracle
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.extras import require

_PORT = 5236
_KINDS = (
    ("BLOB|BINARY|IMAGE|BFILE", "binary"),
    ("DOUBLE|FLOAT|REAL", "real"),
    ("NUMBER|DECIMAL", "decimal"),
    ("BIGINT|INTEGER", "integer"),
    ("TIMESTAMP|DATETIME", "moment"),
    ("DATE", "date"),
    ("TIME", "time"),
    ("BOOLEAN", "boolean"),
    ("STRING|CLOB|TEXT|CHAR", "text"),
)
_CASTS = {"moment": "TIMESTAMP(9)", "date": "DATE"}
_CODE = re.compile(r"CODE:(-?\d+)")
_DENIED, _FORBIDDEN, _MISSING = (-2501, -2503), range(-5600, -5499), (-2106,)
_WRONG, _LOCKED, _SLOW, _CUT = (-2007, -2111, -2104), (-6407, -6403), (-6405,), (-6010, -70019)


class Dameng(Oracle):
    """A connection that only reads, in a transaction that sees one state (serializable)."""

    def __init__(self, url: sa.URL, limits: Limits) -> None:
        self._driver = require("dmPython", extra="dameng")
        Plain.__init__(self, url, limits, _PORT, (self._driver.Error,))

    def _connect(self) -> Any:
        return self._driver.connect(
            user=self._url.username,
            password=str(self._url.password or ""),
            server=self._url.host,
            port=self._port,
            schema=self._url.database or None,
            autoCommit=False,
            access_mode=self._driver.DSQL_MODE_READ_ONLY,
            txn_isolation=self._driver.ISO_LEVEL_SERIALIZABLE,
            login_timeout=10,
            connection_timeout=int(self._limits.seconds),
        )

    def _settings(self) -> Iterator[str]:
        yield from ()

    def _cursor(self) -> Any:
        return self._connection.cursor()

    def _column(self, found: Any) -> Column:
        words = str(getattr(found[1], "__name__", found[1])).removeprefix("dmPython.").upper()
        kind = next((kind for pattern, kind in _KINDS if re.search(pattern, words)), "other")
        return Column(found[0], kind, words, not found[6])

    def text(self, column: Column, value: str = "") -> str:
        """The server's own text."""
        given = value or f"src.{self.quote(column.name)}"
        return given if column.kind == "text" else f"CAST({given} AS VARCHAR(8188))"

    def hexed(self, column: Column) -> str:
        """``RAWTOHEX``; large objects have no hex in a query."""
        if column.type in ("BLOB", "BFILE", "LONG_BINARY"):
            raise failures.binary(self.place, [column.name])
        return f"LOWER(RAWTOHEX(src.{self.quote(column.name)}))"

    def literal(self, column: Column, text: str) -> str:
        """Moments and dates cast."""
        if column.kind in _CASTS:
            return f"CAST({quoted(text)} AS {_CASTS[column.kind]})"
        return Plain.literal(self, column, text)

    def less(self, column: Column, value: str, distance: float) -> str:
        """Subtraction; of seconds from dates (whole days, rounded up) and moments."""
        if column.kind in NUMBERS:
            return f"({value} - {distance!r})"
        if column.kind == "date":
            return f"({value} - {-(-int(distance) // 86400)})"
        return f"DATEADD(SECOND, {-distance!r}, {value})"

    def _failure(self, error: Exception) -> CityLoomError:
        found = _CODE.search(str(error))
        code = int(found[1]) if found else 0
        if code in _DENIED:
            return failures.denied(self.place)
        if code in _LOCKED:
            return failures.locked(self.place, self._limits.lock_seconds)
        if not self._is_open:
            return failures.unreachable(self.place, f"DM {code}")
        if code in _FORBIDDEN:
            return failures.forbidden(self.place, f"DM {code}")
        if code in _SLOW:
            return failures.slow(self.place, self._limits.seconds)
        if code in _CUT or isinstance(error, OSError):
            return failures.cut(self.place)
        made = failures.wrong if code in (*_WRONG, *_MISSING) else failures.failed
        return made(self.place, f"DM {code}")
