"""PostgreSQL, and what speaks its protocol: rows as the server writes them itself, through COPY."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pyarrow as pa
import sqlalchemy as sa

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import CHUNK_BYTES, NUMBERS, Column, Guard, Limits, Session, shape
from cityloom.collect.databases.lines import parse
from cityloom.kernel.errors import CityLoomError, SourceError
from cityloom.kernel.extras import require

_SETTINGS = (
    "SET client_encoding = 'UTF8'",
    "SET DateStyle = 'ISO, YMD'",
    "SET standard_conforming_strings = on",
    "SET extra_float_digits = 3",
    "SET IntervalStyle = 'iso_8601'",
    "SET synchronize_seqscans = off",
)
_KINDS = {"B": "boolean", "S": "text", "N": "decimal", "D": "moment", "T": "time"}
_TYPES = {
    "bytea": "binary",
    "date": "date",
    "time": "time",
    "timetz": "time",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "real",
    "float8": "real",
}
_PLAIN = ("text", "character varying")
_GRACE_SECONDS = 30
_BEGIN = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_TABLES = """
SELECT n.nspname, c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''), greatest(c.reltuples, -1)::bigint,
       pg_table_size(c.oid), c.oid::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""


class PostgreSQL(Session):
    """A connection in a transaction that only reads and sees one state (repeatable read).

    Args:
        url: of the database.
        limits: to spare it.
        timezone: in which moments with a zone are shown; empty for the database's own.
        snapshot: the name of the state to see, from a session that is still open; empty for the present one.
    """

    can_prove: ClassVar[bool] = True

    def __init__(self, url: sa.URL, limits: Limits, timezone: str = "", snapshot: str = "") -> None:
        self._driver = require("psycopg", extra="databases")
        self._url, self._limits, self._timezone = url, limits, timezone
        self.place = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
        self._guard = Guard((self._driver.Error,), self._failure)
        self._is_open = False
        with self._guard:
            self._connection = self._driver.connect(
                **{k: str(v) for k, v in url.query.items()},
                host=url.host,
                port=url.port or 5432,
                user=url.username,
                password=url.password,
                dbname=url.database,
                connect_timeout=10,
                application_name="cityloom",
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=6,
                autocommit=True,
            )
        try:
            self._begin(snapshot)
        except BaseException:
            self._connection.close()
            raise

    def _begin(self, snapshot: str) -> None:
        milliseconds = int(self._limits.seconds * 1000)
        given = [
            f"SET statement_timeout = {milliseconds}",
            f"SET lock_timeout = {int(self._limits.lock_seconds * 1000)}",
            f"SET idle_in_transaction_session_timeout = {milliseconds}",
            *([f"SET TimeZone = {_quoted(self._timezone)}"] if self._timezone else []),
        ]
        with self._guard:
            for words in (*_SETTINGS, *given):
                try:
                    self._connection.execute(words)
                except self._driver.errors.UndefinedObject:
                    continue
            self._connection.execute(_BEGIN)
            self._is_open = True
            if snapshot:
                self._connection.execute(f"SET TRANSACTION SNAPSHOT {_quoted(snapshot)}")
            encoding = self._connection.execute("SHOW server_encoding").fetchone()[0]
        self._is_utf8 = encoding in ("UTF8", "SQL_ASCII")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""
        with self._guard, self._watched():
            return list(self._connection.execute(query).fetchall())

    def stream(self, columns: Sequence[Column], rest: str) -> Iterator[pa.RecordBatch]:
        """``COPY … TO STDOUT``, some megabytes at a time."""
        names = [c.name for c in columns]
        query = f"COPY (SELECT {', '.join(self.shown(c) for c in columns)} {rest}) TO STDOUT (FORMAT csv)"
        lines = bytearray()
        is_first = True
        with self._guard, self._watched(), self._alone(rest), self._connection.cursor() as cursor, cursor.copy(query) as copy:
            for line in copy:
                lines += line
                if len(lines) >= CHUNK_BYTES:
                    yield parse(lines, names, self.place)
                    lines, is_first = bytearray(), False
        if lines or is_first:
            yield parse(lines, names, self.place)

    def twin(self) -> PostgreSQL | None:
        """A second one in the snapshot of this one."""
        if self.one("SELECT to_regproc('pg_catalog.pg_export_snapshot')::text")[0] is None:
            return None
        name = str(self.one("SELECT pg_export_snapshot()")[0])
        try:
            return PostgreSQL(self._url, self._limits, self._timezone, name)
        except SourceError:
            return None

    def close(self) -> None:
        """Cancel what is running, and let go."""
        if self._is_open:
            self._is_open = False
            if self._connection.info.transaction_status == self._driver.pq.TransactionStatus.ACTIVE:
                self._connection.cancel_safe(timeout=5)
            self._connection.close()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """End a link that stays silent for longer than the server was told to work: the server hangs."""
        timer = threading.Timer(self._limits.seconds + _GRACE_SECONDS, self._break)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _break(self) -> None:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.pgconn.socket)) as link:
            link.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _alone(self, rest: str) -> Iterator[None]:
        """Without helpers of the server, which would mix rows that have no order."""
        if " ORDER BY " in rest:
            yield
            return
        self._connection.execute("SET max_parallel_workers_per_gather = 0")
        yield
        self._connection.execute("RESET max_parallel_workers_per_gather")

    def plan(self, query: str, relation: str) -> tuple[int, str]:
        """From ``EXPLAIN``: of a table that is read from end to end all its rows, of an index what is expected."""
        scans = list(_scans(self._explained(query)))
        rows = 0
        for scan in scans:
            if scan["Node Type"] == "Seq Scan":
                table = ".".join(self.quote(scan[part]) for part in ("Schema", "Relation Name"))
                rows += int(self._explained(f"SELECT 1 FROM {table}")["Plan Rows"])
            else:
                rows += int(scan["Plan Rows"])
        return rows, "; ".join(f"{s['Node Type']} {s.get('Relation Name', '')}".strip() for s in scans)

    def _explained(self, query: str) -> dict[str, Any]:
        found = self.one(f"EXPLAIN (FORMAT JSON, VERBOSE) {query}")[0]
        tree: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        return tree

    # -- what there is ---------------------------------------------------------------------------------

    def relation(self, schema: str, table: str) -> str:
        """``schema.table``; the schema by the search path when none is given."""
        name = ".".join(self.quote(n) for n in (schema, table) if n)
        if self.one(f"SELECT to_regclass({_quoted(name)})")[0] is None:
            known = self.rows(
                "SELECT CASE WHEN n.nspname = ANY (current_schemas(false)) THEN c.relname ELSE n.nspname || '.' || c.relname END "
                "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "
                "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1"
            )
            raise failures.missing(self.place, f"{schema}.{table}" if schema else table, [r[0] for r in known])
        return name

    def describe(self, relation: str) -> list[Column]:
        """Names and types, as the server would send them."""
        with self._guard:
            cursor = self._connection.execute(f"SELECT * FROM {relation} src LIMIT 0")
            found = [(d.name, d.type_code) for d in cursor.description or []]
        kinds = ", ".join(str(oid) for oid in sorted({oid for _, oid in found})) or "0"
        types = {
            r[0]: r[1:]
            for r in self.rows(
                f"SELECT oid::bigint, typname, typcategory::text, format_type(oid, -1) FROM pg_type WHERE oid IN ({kinds})"
            )
        }
        required = self._required(relation)
        made = []
        for name, oid in found:
            short, category, words = types.get(oid, ("", "", ""))
            kind = _TYPES.get(short) or _KINDS.get(category, "other")
            made.append(Column(name, "time" if short == "interval" else kind, words, name in required))
        return made

    def _required(self, relation: str) -> set[str]:
        if relation.startswith("("):
            return set()
        query = f"SELECT attname FROM pg_attribute WHERE attrelid = {_quoted(relation)}::regclass AND attnotnull AND attnum > 0"
        return {r[0] for r in self.rows(query)}

    def primary_key(self, schema: str, table: str) -> list[str]:
        """From the catalogue."""
        name = ".".join(self.quote(n) for n in (schema, table) if n)
        return self._key(f"{_quoted(name)}::regclass")

    def _key(self, table: str) -> list[str]:
        query = (
            "SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(number, place) "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
            f"WHERE i.indrelid = {table} AND i.indisprimary ORDER BY k.place"
        )
        return [r[0] for r in self.rows(query)]

    def shapes(self) -> Iterator[TableShape]:
        """Tables outside the system's schemas, with comments and estimated rows."""
        for schema, table, title, rows, size, oid in self.rows(_TABLES):
            columns = self.rows(
                f"SELECT attname, format_type(atttypid, atttypmod), attnotnull, coalesce(col_description(attrelid, attnum), '') "
                f"FROM pg_attribute WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            )
            found = shape(
                table,
                [ColumnShape(name=n, kind=k, is_required=r, title=t) for n, k, r, t in columns],
                self._key(str(oid)),
                rows=None if rows < 0 else int(rows),
                size=int(size),
                title=title,
                schema=schema,
            )
            yield found

    # -- words -----------------------------------------------------------------------------------------

    def text(self, column: Column, value: str = "") -> str:
        """The type's own text; money as a plain number."""
        given = value or self.quote(column.name)
        if column.type in _PLAIN and not value:
            return given
        return f"({given})::numeric::text" if column.type == "money" else f"({given})::text"

    def hexed(self, column: Column) -> str:
        """``encode(…, 'hex')``."""
        return f"encode({self.quote(column.name)}, 'hex')"

    def literal(self, column: Column, text: str) -> str:
        """A cast text."""
        return f"{_quoted(text)}::{column.type}"

    def less(self, column: Column, value: str, distance: float) -> str:
        """Subtraction; of seconds from dates (whole days, rounded up) and moments."""
        if column.kind in NUMBERS:
            return f"({value} - {distance!r}::numeric)::{column.type}"
        if column.kind == "date":
            return f"({value} - {-(-int(distance) // 86400)})"
        return f"({value} - make_interval(secs => {distance!r}))"

    def figures(self, text: str) -> tuple[str, str, str]:
        """With ``md5``, over the bytes in UTF-8."""
        held = text if self._is_utf8 else f"convert_to({text}, 'UTF8')"
        return (
            f"count({text})",
            f"coalesce(sum(octet_length({held})), 0)",
            f"coalesce(sum(('x' || substr(md5({held}), 1, 15))::bit(60)::bigint), 0)",
        )

    # -- errors ----------------------------------------------------------------------------------------

    def _failure(self, error: Exception) -> CityLoomError:
        state = getattr(error, "sqlstate", None) or ""
        primary = getattr(getattr(error, "diag", None), "message_primary", None) or ""
        if not self._is_open and not state:
            return self._unconnected(str(error))
        made = {
            "28P01": lambda: failures.denied(self.place),
            "28000": lambda: failures.denied(self.place),
            "3D000": lambda: failures.absent(self.place),
            "42501": lambda: failures.forbidden(self.place, primary),
            "57014": lambda: failures.slow(self.place, self._limits.seconds),
            "25P03": lambda: failures.slow(self.place, self._limits.seconds),
            "55P03": lambda: failures.locked(self.place, self._limits.lock_seconds),
            "53300": lambda: failures.busy(self.place),
        }.get(state)
        if made:
            return made()
        if state.startswith("42"):
            return failures.wrong(self.place, primary)
        if not state or state.startswith(("08", "57")):
            return failures.cut(self.place)
        return failures.failed(self.place, f"SQLSTATE {state}")

    def _unconnected(self, words: str) -> CityLoomError:
        """Errors of connecting bear no state; the server's words are in its language."""
        words = words.lower()
        if "password" in words or "authentication" in words or "role" in words:
            return failures.denied(self.place)
        if "too many" in words or "remaining connection slots" in words:
            return failures.busy(self.place)
        if "database" in words and "does not exist" in words:
            return failures.absent(self.place)
        return failures.unreachable(self.place, "timeout" if "timeout" in words else "no connection")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that look at tables."""
    if plan["Node Type"].endswith("Scan") and "Relation Name" in plan:
        yield plan
    for inner in plan.get("Plans", ()):
        yield from _scans(inner)
