"""MySQL and MariaDB: one line of text a row, made by the server, so that a row costs one value on the way."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import pyarrow as pa
import sqlalchemy as sa

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import (
    CHUNK_BYTES,
    MOMENTS,
    NUMBERS,
    Column,
    Guard,
    Limits,
    Session,
    shape,
)
from cityloom.collect.databases.lines import parse
from cityloom.kernel.errors import CityLoomError, SourceError
from cityloom.kernel.extras import require

_BINARY = 63
_KINDS = {
    **dict.fromkeys((1, 2, 3, 8, 9, 13, 16), "integer"),
    **dict.fromkeys((0, 246), "decimal"),
    **dict.fromkeys((4, 5), "real"),
    **dict.fromkeys((10, 14), "date"),
    **dict.fromkeys((7, 12, 17, 18), "moment"),
    **dict.fromkeys((11, 19), "time"),
    **dict.fromkeys((245, 247, 248), "text"),
    255: "binary",
}
_STRINGS = (15, 249, 250, 251, 252, 253, 254)
_FLOAT, _BIT = 4, 16
_CASTS = {"date": "DATE", "moment": "DATETIME(6)", "time": "TIME(6)"}
_SYSTEM = "('information_schema', 'mysql', 'performance_schema', 'sys')"

_ODD = re.compile(r'\\(?!["\\/bfnrtu])')
"""A backslash that JSON does not know: MariaDB shows conditions as they stand."""


class MySQL(Session):
    """A connection in a transaction that only reads and sees one state of tables that know transactions.

    Args:
        url: of the database.
        limits: to spare it.
        timezone: in which values of type TIMESTAMP are shown (``+08:00``); empty for the database's own.
        held_as: the encoding that text columns really hold, where it is not the declared one.
    """

    can_prove: ClassVar[bool] = True

    def __init__(self, url: sa.URL, limits: Limits, timezone: str = "", held_as: str = "") -> None:
        self._driver = require("pymysql", extra="databases")
        self._limits, self._held_as = limits, held_as
        self.place = f"{url.host or 'localhost'}:{url.port or 3306}/{url.database or ''}"
        self._guard = Guard((self._driver.Error, OSError), self._failure)
        self._url, self._timezone = url, timezone
        self._is_busy = False
        with self._guard:
            self._connection = self._connect()
        try:
            self._begin()
        except BaseException:
            self._connection.close()
            raise

    def _connect(self) -> Any:
        return self._driver.connect(
            **{k: str(v) for k, v in self._url.query.items()},
            host=self._url.host or "localhost",
            port=self._url.port or 3306,
            user=self._url.username,
            password=str(self._url.password or ""),
            database=self._url.database,
            charset="utf8mb4",
            use_unicode=False,
            conv=dict(require("pymysql.converters", extra="databases").encoders),
            connect_timeout=10,
            read_timeout=self._limits.seconds + 30,
            write_timeout=60,
            autocommit=True,
            program_name="cityloom",
        )

    def _begin(self) -> None:
        seconds = self._limits.seconds
        self._is_mariadb = "MariaDB" in str(self.one("SELECT version()")[0])
        limit = f"max_statement_time = {seconds:g}" if self._is_mariadb else f"max_execution_time = {int(seconds * 1000)}"
        wait = max(1, int(self._limits.lock_seconds))
        for words in (
            f"SET SESSION {limit}",
            f"SET SESSION lock_wait_timeout = {wait}, innodb_lock_wait_timeout = {wait}",
            f"SET SESSION net_write_timeout = {max(60, int(seconds))}, wait_timeout = {max(60, int(seconds))}",
            *([f"SET SESSION time_zone = {_string(self._timezone)}"] if self._timezone else []),
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ):
            self._do(words)
        self._place_in_log = self.rows("SHOW STATUS LIKE 'binlog_snapshot_%'")
        self._room = int(self.one("SELECT @@max_allowed_packet")[0]) // 4

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""
        with self._guard, self._running(), self._connection.cursor() as cursor:
            cursor.execute(query)
            return [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in cursor.fetchall()]

    def stream(self, columns: Sequence[Column], rest: str) -> Iterator[pa.RecordBatch]:
        """A line of the small columns and each large one by itself, row by row as the server finds them."""
        small = self._small(columns)
        large = [c for c in columns if c not in small]
        picks = [*([self._line(small)] if small else []), *(self.shown(c) for c in large)]
        with self._guard:
            is_first = True
            for rows in self._chunks(f"SELECT {', '.join(picks)} {rest}"):
                yield self._batch(rows, columns, small, large)
                is_first = False
            if is_first:
                yield self._batch([], columns, small, large)

    def twin(self) -> MySQL | None:
        """A second one at the same place of the log, which only MariaDB tells."""
        if not self._place_in_log:
            return None
        try:
            other = MySQL(self._url, self._limits, self._timezone, self._held_as)
        except SourceError:
            return None
        if other._place_in_log == self._place_in_log:
            return other
        other.close()
        return None

    def close(self) -> None:
        """End what is running from a second connection, and let go."""
        if not self._connection.open:
            return
        if self._is_busy:
            with contextlib.suppress(self._driver.Error, OSError), self._connect() as other, other.cursor() as cursor:
                cursor.execute(f"KILL QUERY {int(self._connection.thread_id())}")
        with contextlib.suppress(self._driver.Error, OSError):
            self._connection.close()

    def plan(self, query: str, relation: str) -> tuple[int, str]:
        """From ``EXPLAIN``: the rows that each table's access is expected to look at."""
        scans = list(_scans(json.loads(_ODD.sub(r"\\\\", self.one(f"EXPLAIN FORMAT=JSON {query}")[0]))))
        rows = sum(int(s.get("rows", s.get("rows_examined_per_scan", 0))) for s in scans)
        return rows, "; ".join(f"{s['access_type']} {s.get('key', '')}".strip() for s in scans)

    # -- what there is ---------------------------------------------------------------------------------

    def relation(self, schema: str, table: str) -> str:
        """``database.table``."""
        there = f"SELECT table_name FROM information_schema.tables WHERE table_schema = {self._schema(schema)} AND table_name = {_string(table)}"
        if (table,) not in self.rows(there):
            known = self.rows(
                "SELECT IF(table_schema = DATABASE(), table_name, CONCAT(table_schema, '.', table_name)) "
                f"FROM information_schema.tables WHERE table_schema NOT IN {_SYSTEM} ORDER BY table_schema <> {self._schema(schema)}, 1"
            )
            raise failures.missing(self.place, f"{schema}.{table}" if schema else table, [r[0] for r in known])
        return ".".join(self.quote(n) for n in (schema, table) if n)

    def describe(self, relation: str) -> list[Column]:
        """Names and types, as the server would send them."""
        with self._guard, self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {relation} src LIMIT 0")
            fields = cursor._result.fields
        return [_column(f) for f in fields]

    def primary_key(self, schema: str, table: str) -> list[str]:
        """From the information schema."""
        query = (
            "SELECT column_name FROM information_schema.key_column_usage WHERE constraint_name = 'PRIMARY' "
            f"AND table_schema = {self._schema(schema)} AND table_name = {_string(table)} ORDER BY ordinal_position"
        )
        return [r[0] for r in self.rows(query)]

    def shapes(self) -> Iterator[TableShape]:
        """Tables of the connection's database, with comments and estimated rows."""
        tables = (
            "SELECT table_name, table_comment, table_rows, coalesce(data_length, 0) FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1"
        )
        for table, title, rows, size in self.rows(tables):
            columns = self.rows(
                "SELECT column_name, column_type, is_nullable = 'NO', column_comment FROM information_schema.columns "
                f"WHERE table_schema = DATABASE() AND table_name = {_string(table)} ORDER BY ordinal_position"
            )
            yield shape(
                table,
                [ColumnShape(name=n, kind=k, is_required=bool(int(r)), title=t) for n, k, r, t in columns],
                self.primary_key("", table),
                rows=None if rows is None else int(rows),
                size=int(size),
                title=title,
            )

    # -- words -----------------------------------------------------------------------------------------

    def quote(self, name: str) -> str:
        """With backticks."""
        return "`" + name.replace("`", "``") + "`"

    def text(self, column: Column, value: str = "") -> str:
        """The server's text; of a FLOAT all digits of its value, of a BIT its number."""
        given = value or self.quote(column.name)
        if column.kind == "text":
            held = f"CONVERT(CAST({given} AS BINARY) USING {self._held_as})" if self._held_as else given
            return f"CONVERT({held} USING utf8mb4)"
        if column.type == "float":
            given = f"({given} + 0e0)"
        return f"CAST({given} + 0 AS CHAR)" if column.type == "bit" else f"CAST({given} AS CHAR)"

    def hexed(self, column: Column) -> str:
        """``HEX``, in small letters."""
        return f"LOWER(HEX({self.quote(column.name)}))"

    def literal(self, column: Column, text: str) -> str:
        """A number as it is, anything else as text in hex and cast."""
        if column.kind in NUMBERS:
            return str(Decimal(text)) if column.kind != "real" else repr(float(text))
        held = f"_utf8mb4 x'{text.encode().hex()}'"
        return f"CAST({held} AS {_CASTS[column.kind]})" if column.kind in _CASTS else held

    def less(self, column: Column, value: str, distance: float) -> str:
        """Subtraction; of seconds from dates (whole days, rounded up) and moments."""
        if column.kind not in MOMENTS:
            return f"({value} - {Decimal(repr(distance))})"
        if column.kind == "date":
            return f"({value} - INTERVAL {-(-int(distance) // 86400)} DAY)"
        return f"({value} - INTERVAL {distance!r} SECOND)"

    def figures(self, text: str) -> tuple[str, str, str]:
        """With ``MD5``."""
        digest = f"CAST(CONV(LEFT(MD5({text}), 15), 16, 10) AS UNSIGNED)"
        return f"COUNT({text})", f"COALESCE(SUM(OCTET_LENGTH({text})), 0)", f"COALESCE(SUM({digest}), 0)"

    def joined(self, texts: Sequence[str]) -> str:
        """With ``CONCAT``."""
        return "CONCAT(" + ", CHAR(31), ".join(f"COALESCE({t}, '')" for t in texts) + ")"

    # -- inside ----------------------------------------------------------------------------------------

    def _schema(self, schema: str) -> str:
        return _string(schema) if schema else "DATABASE()"

    def _do(self, words: str) -> None:
        with self._guard, self._connection.cursor() as cursor:
            cursor.execute(words)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def _small(self, columns: Sequence[Column]) -> list[Column]:
        """Columns that fit into one line together, however full they are."""
        found, room = [], self._room
        for column in sorted(columns, key=lambda c: c.size):
            room -= 2 * column.size + 3
            if room > 0:
                found.append(column)
        return found

    def _line(self, columns: Sequence[Column]) -> str:
        parts = []
        for column in columns:
            shown = self.shown(column)
            if column.kind not in (*NUMBERS, *MOMENTS, "time"):
                shown = f"""CONCAT('"', REPLACE({shown}, '"', '""'), '"')"""
            parts.append(f"IFNULL({shown}, '')")
        return f"CONCAT_WS(',', {', '.join(parts)})"

    def _chunks(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._connection.cursor(self._driver.cursors.SSCursor)
        self._is_busy = True
        try:
            cursor.execute(query)
            found: list[tuple[Any, ...]] = []
            size = 0
            for row in iter(cursor.fetchone, None):
                found.append(row)
                size += sum(len(v) for v in row if v is not None) if len(row) > 1 else len(row[0] or b"")
                if size >= CHUNK_BYTES:
                    yield found
                    found, size = [], 0
            if found:
                yield found
        except BaseException:
            self.close()
            raise
        finally:
            self._is_busy = False
            with contextlib.suppress(self._driver.Error, OSError, AttributeError):
                cursor.close()

    def _batch(
        self, rows: list[tuple[Any, ...]], columns: Sequence[Column], small: list[Column], large: list[Column]
    ) -> pa.RecordBatch:
        arrays: dict[str, Any] = {}
        if small:
            lines = [row[0] for row in rows]
            if None in lines:
                raise failures.failed(self.place, "a row is longer than max_allowed_packet")
            lined = parse(b"\n".join([*lines, b""]), [c.name for c in small], self.place)
            arrays = dict(zip((c.name for c in small), lined.columns, strict=True))
        for number, column in enumerate(large, 1 if small else 0):
            arrays[column.name] = _texts([row[number] for row in rows], self.place)
        return pa.RecordBatch.from_arrays([arrays[c.name] for c in columns], names=[c.name for c in columns])

    def _failure(self, error: Exception) -> CityLoomError:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        words = str(error.args[1]) if len(error.args) > 1 else ""
        if isinstance(error, OSError):
            return failures.cut(self.place)
        made = {
            1045: lambda: failures.denied(self.place),
            1698: lambda: failures.denied(self.place),
            1044: lambda: failures.forbidden(self.place, "the database"),
            1049: lambda: failures.absent(self.place),
            1142: lambda: failures.forbidden(self.place, "the table"),
            1143: lambda: failures.forbidden(self.place, "a column"),
            1969: lambda: failures.slow(self.place, self._limits.seconds),
            3024: lambda: failures.slow(self.place, self._limits.seconds),
            1205: lambda: failures.locked(self.place, self._limits.lock_seconds),
            1040: lambda: failures.busy(self.place),
            1203: lambda: failures.busy(self.place),
            1226: lambda: failures.busy(self.place),
            2003: lambda: failures.unreachable(self.place, "no connection"),
            2006: lambda: failures.cut(self.place),
            2013: lambda: failures.cut(self.place),
            1317: lambda: failures.cut(self.place),
            1927: lambda: failures.cut(self.place),
        }.get(number)
        if made:
            return made()
        if isinstance(error, self._driver.err.ProgrammingError) or number in (1052, 1054, 1056, 1060, 1064, 1146, 1247, 1267, 1305):
            return failures.wrong(self.place, words)
        return failures.failed(self.place, f"error {number}")


def _column(field: Any) -> Column:
    kind = _KINDS.get(field.type_code, "other")
    if field.type_code in _STRINGS:
        kind = "binary" if field.charsetnr == _BINARY else "text"
    words = {_FLOAT: "float", _BIT: "bit"}.get(field.type_code, kind)
    return Column(field.name, kind, words, bool(field.flags & 1), int(field.length))


def _texts(values: list[Any], place: str) -> pa.Array:
    try:
        return pa.array([None if v is None else v.decode() for v in values], pa.string())
    except UnicodeDecodeError:
        raise failures.undecodable(place) from None


def _string(text: str) -> str:
    return f"CONVERT(x'{text.encode().hex()}' USING utf8mb4)" if text else "''"


def _scans(plan: Any) -> Iterator[dict[str, Any]]:
    """The accesses to tables in a plan."""
    if isinstance(plan, dict):
        if "access_type" in plan:
            yield plan
        plan = list(plan.values())
    for inner in plan if isinstance(plan, list) else ():
        yield from _scans(inner)
