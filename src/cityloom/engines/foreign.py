"""Database files of others, opened for reading only and by nobody else's settings."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cityloom.kernel.errors import CityLoomError, DataError, SourceError

CLOSE_TRIES, CLOSE_PAUSE = 3000, 0.01  # half a minute


class DuckDBFile:
    """A foreign DuckDB database: no write, no other file, no extension is within a query's reach.

    As long as it is open nobody can write to it, so all answers are of one state.

    Args:
        path: of the file.
        name: what to call it in errors.

    Raises (also from each method):
        SourceError: ``engine.file.closed`` when the file is not there, held by a writer, or damaged.
        DataError: ``engine.query.wrong``.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._is_closing = False
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        config: dict[str, Any] = {
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
            "lock_configuration": True,
            "memory_limit": "256MiB",
        }
        if not path.is_file():
            raise self._closed("there is no such file")
        try:
            self._connection = duckdb.connect(str(path), read_only=True, config=config)
        except duckdb.Error as error:
            raise self._failure(error) from None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""
        with self._cursor() as cursor:
            return cursor.execute(query).fetchall()

    def columns(self, query: str) -> list[tuple[str, str]]:
        """Names and types of an answer's columns."""
        return [(r[0], r[1]) for r in self.rows(f"DESCRIBE {query}")]

    def batches(self, query: str, size: int) -> Iterator[pa.RecordBatch]:
        """The answer as a stream of Arrow batches of about ``size`` rows."""
        with self._cursor() as cursor:
            yield from cursor.sql(query).to_arrow_reader(size)

    def interrupt(self) -> None:
        """End what is running; may be called by another thread."""
        with self._lock:
            for cursor in self._cursors:
                with suppress(duckdb.ConnectionException):  # closed with the file, and its reader has not come back yet
                    cursor.interrupt()

    def close(self) -> None:
        """End what is running, and close the file; a query of another thread gets ``engine.file.closed``."""
        with self._lock:
            self._is_closing = True
        for _ in range(CLOSE_TRIES):
            self.interrupt()
            try:
                with self._lock:
                    self._connection.close()
                return
            except duckdb.ResourceInUseException:  # it refuses while a thread works, and does not wait for its end
                time.sleep(CLOSE_PAUSE)
        raise self._closed("a query does not end")

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one query, so that two threads may ask at the same time."""
        try:
            with self._lock:
                if self._is_closing:
                    raise self._closed("it was closed")
                cursor = self._connection.cursor()
                self._cursors.append(cursor)
            try:
                yield cursor
            finally:
                with self._lock:
                    self._cursors.remove(cursor)
                cursor.close()
        except (duckdb.Error, pa.ArrowException) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> CityLoomError:
        text = str(error).splitlines()[0]
        if isinstance(error, (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException, duckdb.PermissionException)):
            return DataError(
                "engine.query.wrong",
                "{name}: the query does not run: {problem}.",
                hint="Correct the task's table, query, order or marker.",
                name=self._name,
                problem=text,
            )
        if isinstance(error, duckdb.IOException) and "lock" in text:
            return self._closed("another program has it open for writing")
        return self._closed(type(error).__name__)

    def _closed(self, problem: str) -> SourceError:
        return SourceError(
            "engine.file.closed",
            "The database {name} cannot be read: {problem}.",
            hint="Check the source's option path and the file; a program that writes to it must close it first.",
            name=self._name,
            problem=problem,
        )
