"""Databases reached through a plain DB-API driver: rows as tuples of texts that the server made."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import FIRST_ROWS, NUMBERS, Column, Guard, Limits, Session, pace, shape
from cityloom.kernel.errors import CityLoomError


class Plain(Session):
    """One connection in one transaction; what differs from one kind of database to the next is left to them.

    Args:
        url: of the database.
        limits: to spare it.
        port: when the address names none.
        errors: the driver's kinds of errors.
    """

    def __init__(self, url: sa.URL, limits: Limits, port: int, errors: tuple[type[Exception], ...]) -> None:
        self._url, self._limits, self._port = url, limits, url.port or port
        self.place = f"{url.host or 'localhost'}:{self._port}/{url.database or ''}"
        self._guard = Guard((*errors, OSError), self._failure)
        self._is_open = False
        with self._guard:
            self._connection = self._connect()
        self._is_open = True
        try:
            for words in self._settings():
                self._do(words)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _connect(self) -> Any:
        """A connection that commits nothing by itself."""

    @abstractmethod
    def _settings(self) -> Iterator[str]:
        """What to say first: limits, and that all that follows sees one state and writes nothing."""

    @abstractmethod
    def _known(self, schema: str) -> str:
        """A query for schema and name of each table and view that the user may read; the usual schema as NULL."""

    @abstractmethod
    def _columns_of(self, schema: str, table: str) -> str:
        """A query for name, type and whether a value is required, of a table's columns in order."""

    @abstractmethod
    def _key_of(self, schema: str, table: str) -> str:
        """A query for the names of a table's primary key, in order."""

    @abstractmethod
    def _failure(self, error: Exception) -> CityLoomError:
        """One of ours for one of the driver's."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""
        with self._guard, contextlib.closing(self._cursor()) as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def stream(self, columns: Sequence[Column], rest: str) -> Iterator[pa.RecordBatch]:
        """Some thousand rows at a time."""
        names = [c.name for c in columns]
        with self._guard, contextlib.closing(self._cursor()) as cursor:
            cursor.arraysize = wanted = FIRST_ROWS
            cursor.execute(f"SELECT {', '.join(self.shown(c) for c in columns)} {rest}")
            is_first = True
            while (rows := cursor.fetchmany(wanted)) or is_first:
                values = zip(*rows, strict=True) if rows else [()] * len(names)
                arrays = [pa.array([None if v is None else str(v) for v in column], pa.string()) for column in values]
                batch = pa.RecordBatch.from_arrays(arrays, names=names)
                yield batch
                is_first = False
                cursor.arraysize = wanted = pace(max(1, len(rows)), batch.nbytes)

    def close(self) -> None:
        """Let go of the connection."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(Exception):
                self._connection.close()

    def relation(self, schema: str, table: str) -> str:
        """``schema.table``."""
        known = self.rows(self._known(schema))
        if (schema or None, table) not in known:
            names = [f"{s}.{n}" if s else n for s, n in known]
            raise failures.missing(self.place, f"{schema}.{table}" if schema else table, names)
        return ".".join(self.quote(n) for n in (schema, table) if n)

    def primary_key(self, schema: str, table: str) -> list[str]:
        """From the catalogue."""
        return [r[0] for r in self.rows(self._key_of(schema, table))]

    def shapes(self) -> Iterator[TableShape]:
        """The tables of the user's schema."""
        for _, table in sorted(r for r in self.rows(self._known("")) if r[0] is None):
            columns = self.rows(self._columns_of("", table))
            found = [ColumnShape(name=n, kind=k, is_required=bool(int(r))) for n, k, r in columns]
            yield shape(table, found, self.primary_key("", table))

    def literal(self, column: Column, text: str) -> str:
        """A number as it is; other types by the kind of database."""
        if column.kind in NUMBERS:
            return str(Decimal(text))
        return quoted(text)

    def _do(self, words: str) -> None:
        with self._guard, contextlib.closing(self._cursor()) as cursor:
            cursor.execute(words)

    def _cursor(self) -> Any:
        return self._connection.cursor()


def quoted(text: str) -> str:
    """A text literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"
