"""A table or a query of a SQLite database."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import pyarrow as pa
from sqlglot import exp

from cityloom.collect.base import ColumnShape, RejectSink, Slice, TableShape, text_batch
from cityloom.collect.table import require_header
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError, DataError, SourceError
from cityloom.model.text import STRICT, Title

_CHUNK = 10_000


@dataclass(frozen=True)
class _Reading:
    """One connection inside one read transaction: digest, rows and count see the same state."""

    connection: sqlite3.Connection
    query: str
    counting: str
    window: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sqlite:
    """Rows of a SQLite database, opened for reading only.

    A table is read in the order of its rowid, and ``_row`` is the row's number in that order. A read
    transaction holds from the digest to the count; where the database keeps no write-ahead log, its writers
    wait so long.

    Args:
        path: of the database; relative to the workspace, or a reference.
        table: what to read; or ``query``.
        query: one SELECT with a fixed order.
        marker: for mode incremental: a column that only rises; rows above the last seen value are new.
        binary: what becomes of binary data: ``refuse`` the table, or ``hex`` digits.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "sqlite"
    title: ClassVar[Title] = Title("SQLite 数据库", "SQLite database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"path": "sources/rs/shebao.db", "table": "insured"},)

    path: str
    table: str = ""
    query: str = ""
    marker: str = ""
    binary: Literal["refuse", "hex"] = "refuse"
    base: Path = Path()

    def check(self) -> None:
        """Show that the database opens and holds the table."""
        with closing(self._open()) as connection:
            self._query(connection)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice: all rows, or those above the last position; none when there is nothing new."""
        origin = self.table or "query"
        with closing(self._open()) as connection:
            connection.execute("BEGIN")
            base = self._query(connection)
            position, window = self._window(connection, base, done.get(origin))
            if self.marker and origin in done and position == done[origin]:
                return
            query = self._ordered(connection, base, window)
            counting = f"SELECT count(*) FROM ({query})"
            held = _Reading(connection, query, counting, window)
            digest = _digest(held, json.dumps(window, sort_keys=True), self._place)
            yield Slice(origin=origin, digest=digest, position=position, held=held)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows, some thousands at a time."""
        held: _Reading = piece.held
        cursor = held.connection.execute(held.query, held.window)
        names = [d[0] for d in cursor.description]
        require_header(names, self._place)
        row = 1
        while True:
            rows = _fetch(cursor, self._place)
            if not rows and row > 1:
                return
            columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
            if self.binary == "hex":
                columns = [tuple(v.hex().upper() if isinstance(v, bytes) else v for v in c) for c in columns]
            texts = {n: _texts(c, n, row, self._place) for n, c in zip(names, columns, strict=True)}
            yield text_batch(texts, range(row, row + len(rows)))
            row += len(rows)
            if not rows:
                return

    def count(self, piece: Slice) -> int:
        """``SELECT count(*)``."""
        held: _Reading = piece.held
        return int(held.connection.execute(held.counting, held.window).fetchone()[0])

    def tables(self) -> Iterator[TableShape]:
        """The tables of the database, without the hidden parts of virtual ones."""
        with closing(self._open()) as connection:
            connection.execute("BEGIN")
            kinds = "'table', 'virtual'"
            listed = f"SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ({kinds}) AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            for (name,) in connection.execute(listed).fetchall():
                yield self._shape(connection, name)

    def _shape(self, connection: sqlite3.Connection, name: str) -> TableShape:
        query = "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid"
        found = connection.execute(query, (name,)).fetchall()
        columns = tuple(ColumnShape(name=n, kind=kind, is_required=bool(needed)) for n, kind, needed, _ in found)
        key = tuple(n for _, n in sorted((place, n) for n, _, _, place in found if place))
        has_bytes = " + ".join(f"coalesce(sum(typeof({_quoted(c.name)}) = 'blob'), 0)" for c in columns)
        try:
            rows, binary = connection.execute(f"SELECT count(*), {has_bytes} FROM {_quoted(name)}").fetchone()
        except sqlite3.Error as error:
            return TableShape(name=name, what={"table": name}, error=_failure(error, f"{self._place}, {name}"))
        what = {"table": name, "binary": "hex"} if binary else {"table": name}
        return TableShape(name=name, what=what, columns=columns, key=key, rows=rows)

    @property
    def _place(self) -> str:
        return f"{Path(reference(self.path, base=self.base)).name}, {self.table or 'query'}"

    def _open(self) -> sqlite3.Connection:
        path = self.base / reference(self.path, base=self.base)
        if not path.is_file():
            raise SourceError(
                "collect.source.unreachable",
                "The database {path} is not there.",
                hint="Correct the source's option path.",
                path=self.path,
            )
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None, timeout=30
            )
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise _failure(error, self.path) from None
        return connection

    def _query(self, connection: sqlite3.Connection) -> str:
        if bool(self.table) == bool(self.query):
            raise ConfigError(
                "collect.sqlite.what",
                "Name either a table or a query of {path}.",
                hint="Set exactly one of the options table and query.",
                path=self.path,
            )
        if self.query:
            return self.query.strip().rstrip(";")
        known = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1")]
        if self.table not in known:
            raise DataError(
                "collect.table.missing",
                "{path} holds no table {table}.",
                hint="There are: {known}.",
                path=self.path,
                table=self.table,
                known=", ".join(known) or "-",
            )
        return f"SELECT * FROM {_quoted(self.table)}"

    def _window(self, connection: sqlite3.Connection, base: str, last: str | None) -> tuple[str | None, dict[str, Any]]:
        if not self.marker:
            return None, {}
        marker = _quoted(self.marker)
        try:
            top, empty = connection.execute(
                f"SELECT max({marker}), count(*) - count({marker}) FROM ({base})"
            ).fetchone()
        except sqlite3.Error as error:
            raise _failure(error, self.path) from None
        if empty or isinstance(top, bytes):
            raise DataError(
                "collect.marker.empty",
                "{place}: the marker {column} is empty or no text or number in {count} rows; they would never be collected.",
                hint="Choose a column that is always filled and only rises.",
                place=self._place,
                column=self.marker,
                count=int(empty),
            )
        window = {"top": top} if last is None else {"last": json.loads(last), "top": top}
        return (last if top is None else json.dumps(top)), window

    def _ordered(self, connection: sqlite3.Connection, base: str, window: Mapping[str, Any]) -> str:
        if self.marker:
            marker = _quoted(self.marker)
            lower = f" AND {marker} > :last" if "last" in window else ""
            return f"SELECT * FROM ({base}) WHERE {marker} <= :top{lower} ORDER BY {marker}"
        if not self.table:
            return base
        try:
            connection.execute(f"{base} ORDER BY rowid LIMIT 0")
        except sqlite3.OperationalError:
            return base
        return f"{base} ORDER BY rowid"


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="sqlite")


def _digest(held: _Reading, start: str, place: str) -> str:
    digest = hashlib.sha256(start.encode())
    try:
        cursor = held.connection.execute(held.query, held.window)
    except sqlite3.Error as error:
        raise _failure(error, place) from None
    digest.update(repr([d[0] for d in cursor.description]).encode())
    while rows := _fetch(cursor, place):
        digest.update(repr(rows).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _fetch(cursor: sqlite3.Cursor, place: str) -> list[tuple[Any, ...]]:
    try:
        return cursor.fetchmany(_CHUNK)
    except sqlite3.Error as error:
        raise _failure(error, place) from None


def _texts(values: tuple[Any, ...], column: str, first: int, place: str) -> list[str | None]:
    kinds = set(map(type, values))
    if bytes in kinds:
        row = first + next(i for i, v in enumerate(values) if isinstance(v, bytes))
        raise DataError(
            "collect.column.binary",
            "{place}, row {row}: column {column} holds binary data.",
            hint="Leave it out with a query, or convert it to text there: hex(column).",
            place=place,
            row=row,
            column=column,
        )
    if kinds <= {str, type(None)}:
        return list(values)
    return [v if v is None or isinstance(v, str) else repr(v) for v in values]


def _failure(error: sqlite3.Error, place: str) -> DataError | SourceError:
    text = str(error)
    if "not a database" in text or "malformed" in text or "decode" in text:
        return DataError(
            "collect.database.damaged",
            "{place} is no readable SQLite database: {problem}.",
            hint="Check the file, or have it delivered anew.",
            place=place,
            problem="text that is not UTF-8" if "decode" in text else text,
        )
    if isinstance(error, sqlite3.OperationalError) and ("no such column" in text or "syntax" in text):
        return DataError(
            "collect.query.wrong",
            "{place}: the query does not run: {problem}.",
            hint="Correct the task's table, query or marker.",
            place=place,
            problem=text,
        )
    return SourceError(
        "collect.source.unreachable",
        "{place} does not answer: {problem}.",
        hint="Check that the database is not locked, and run the task again.",
        place=place,
        problem=text,
    )
