"""SQLite files: values of any type in any column, shown by Python, which shows numbers exactly."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import FIRST_ROWS, Column, Guard, Session, pace, shape
from cityloom.kernel.errors import CityLoomError, DataError

_SEARCHED = 1000
"""Rows that a look-up by an index is taken to touch."""
_BUSY_SECONDS = 30
_KINDS = (("INT", "integer"), ("CHAR", "text"), ("CLOB", "text"), ("TEXT", "text"), ("REAL", "real"), ("FLOA", "real"), ("DOUB", "real"))
_MARKER = re.compile(r"-?[0-9.]+(e[+-]?[0-9]+)?|'([^']|'')*'", re.IGNORECASE)


class SQLite(Session):
    """A connection in a read transaction; where the database keeps no write-ahead log, its writers wait so long.

    Args:
        path: of the file.
        name: what to call it in errors.
        is_hexed: whether binary values are taken as hex digits.
    """

    def __init__(self, path: Path, name: str, *, is_hexed: bool = False) -> None:
        self.place = name
        self._is_hexed = is_hexed
        self._guard = Guard((sqlite3.Error,), self._failure)
        if not path.is_file():
            raise failures.unreachable(name, "there is no such file")
        with self._guard:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None, timeout=_BUSY_SECONDS
            )
            try:
                self._connection.execute("BEGIN")
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except BaseException:
                self._connection.close()
                raise

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""
        with self._guard:
            return self._connection.execute(query).fetchall()

    def stream(self, columns: Sequence[Column], rest: str) -> Iterator[pa.RecordBatch]:
        """Some thousand rows at a time."""
        names = [c.name for c in columns]
        with self._guard:
            cursor = self._connection.execute(f"SELECT {', '.join(self.quote(n) for n in names)} {rest}")
            row, wanted = 1, FIRST_ROWS
            while (rows := cursor.fetchmany(wanted)) or row == 1:
                values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
                arrays = [self._texts(v, n, row) for n, v in zip(names, values, strict=True)]
                batch = pa.RecordBatch.from_arrays(arrays, names=names)
                yield batch
                row += len(rows)
                if not rows:
                    return
                wanted = pace(len(rows), batch.nbytes)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def plan(self, query: str, relation: str) -> tuple[int, str]:
        """From ``EXPLAIN QUERY PLAN``: all rows where a table is scanned, else what an index usually leaves."""
        words = [row[3] for row in self.rows(f"EXPLAIN QUERY PLAN {query}")]
        is_scanned = any(text.startswith("SCAN") and "CONSTANT" not in text for text in words)
        rows = int(self.one(f"SELECT count(*) FROM {relation}")[0]) if is_scanned else _SEARCHED
        return rows, "; ".join(words)

    def compared(self, column: Column, text: str) -> str:
        """A text; a column of numbers takes it as a number."""
        return "'" + text.replace("'", "''") + "'"

    def interrupt(self) -> None:
        """End the running statement."""
        self._connection.interrupt()

    # -- what there is ---------------------------------------------------------------------------------

    def relation(self, schema: str, table: str) -> str:
        """The quoted name."""
        known = [r[0] for r in self.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1")]
        if table not in known:
            raise failures.missing(self.place, table, known)
        return self.quote(table)

    def describe(self, relation: str) -> list[Column]:
        """Names, and types as declared; in SQLite they promise nothing."""
        with self._guard:
            names = [d[0] for d in self._connection.execute(f"SELECT * FROM {relation} src LIMIT 0").description]
        declared = {} if relation.startswith("(") else {r[1]: r for r in self.rows(f"PRAGMA table_info({relation})")}
        return [self._column(n, declared.get(n)) for n in names]

    def primary_key(self, schema: str, table: str) -> list[str]:
        """None: rows come in the order of their rowid."""
        return []

    def physical_order(self, relation: str) -> str:
        """The rowid, or the key of a table without one."""
        try:
            self._connection.execute(f"SELECT 1 FROM {relation} src ORDER BY src.rowid LIMIT 0")
        except sqlite3.OperationalError:
            return ", ".join(f"src.{self.quote(n)}" for n in self._key(relation))
        return "src.rowid"

    def shapes(self) -> Iterator[TableShape]:
        """All tables but SQLite's own."""
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY 1")
        for (name,) in names:
            table = self.quote(name)
            columns = [ColumnShape(name=r[1], kind=r[2], is_required=bool(r[3])) for r in self.rows(f"PRAGMA table_info({table})")]
            rows = int(self.one(f"SELECT count(*) FROM {table}")[0])
            yield shape(name, columns, self._key(table), rows=rows)

    def _key(self, table: str) -> list[str]:
        found = [(r[5], r[1]) for r in self.rows(f"PRAGMA table_info({table})") if r[5]]
        return [name for _, name in sorted(found)]

    # -- words -----------------------------------------------------------------------------------------

    def text(self, column: Column, value: str = "") -> str:
        """The value as a literal: numbers stay numbers and texts stay texts."""
        return f"quote({value or self.quote(column.name)})"

    def top(self, column: Column, relation: str) -> str:
        """The largest, NULL when there is none."""
        found = f"max({self.quote(column.name)})"
        return f"SELECT CASE WHEN {found} IS NOT NULL THEN quote({found}) END FROM {relation} src"

    def day(self, column: Column, day: date, relation: str) -> str | None:
        """ISO text, where all values are text, whatever the column's declared type."""
        name = self.quote(column.name)
        others = self.one(f"SELECT count(*) FROM {relation} WHERE typeof({name}) NOT IN ('text', 'null')")[0]
        return None if others else f"'{day}'"

    def literal(self, column: Column, text: str) -> str:
        """The literal that ``text`` gave.

        Raises:
            DataError: ``collect.marker.empty`` for a marker that is no number or text.
        """
        if _MARKER.fullmatch(text):
            return text
        raise DataError(
            "collect.marker.empty",
            "{place}: the marker {column} is empty or no text or number in {count} rows; they would never be collected.",
            hint="Choose a column that is always filled and only rises.",
            place=self.place,
            column=column.name,
            count=1,
        )

    # -- inside ----------------------------------------------------------------------------------------

    def _column(self, name: str, declared: tuple[Any, ...] | None) -> Column:
        words = str(declared[2]) if declared else ""
        kind = next((kind for part, kind in _KINDS if part in words.upper()), "decimal" if words else "other")
        return Column(name, kind, words, bool(declared and declared[3]))

    def _texts(self, values: tuple[Any, ...], column: str, first: int) -> pa.Array:
        """One column's values as text: by Arrow where they are of one type, else one by one."""
        try:
            found = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            found = None
        if found is not None and (pa.types.is_string(found.type) or pa.types.is_integer(found.type) or pa.types.is_null(found.type)):
            return found.cast(pa.string())
        if not self._is_hexed and bytes in set(map(type, values)):
            raise DataError(
                "collect.column.binary",
                "{place}, row {row}: column {column} holds binary data.",
                hint="Leave it out with a query, or set the option binary to hex.",
                place=self.place,
                row=first + next(i for i, v in enumerate(values) if isinstance(v, bytes)),
                column=column,
            )
        return pa.array([v if v is None or isinstance(v, str) else _shown(v) for v in values], pa.string())

    def _failure(self, error: Exception) -> CityLoomError:
        text = str(error)
        if "not a database" in text or "malformed" in text or "decode" in text:
            return DataError(
                "collect.database.damaged",
                "{place} is no readable SQLite database: {problem}.",
                hint="Check the file, or have it delivered anew.",
                place=self.place,
                problem="text that is not UTF-8" if "decode" in text else text,
            )
        if isinstance(error, sqlite3.OperationalError) and any(w in text for w in ("no such", "syntax", "ambiguous")):
            return failures.wrong(self.place, text)
        return failures.unreachable(self.place, text)


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
