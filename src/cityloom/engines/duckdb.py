"""The embedded engine: DuckDB, one per process, a cursor per query, spilling to disk over its memory limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from cityloom.engines.base import Query, WrittenFile, copied
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.ids import new_id


class DuckDBEngine:
    """DuckDB in memory over Parquet files.

    Args:
        spill: folder for what does not fit in memory.
        memory_mb: limit in MiB; larger work goes through the disk.
        threads: 0 means one per processor.
    """

    name = "duckdb"
    dialect = "duckdb"

    def __init__(self, spill: Path, *, memory_mb: int = 640, threads: int = 0) -> None:
        spill.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {
            "memory_limit": f"{memory_mb}MiB",
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads:
            config["threads"] = threads
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._bound: dict[str, pa.RecordBatchReader | pa.Table] = {}

    def _run(self, query: Query) -> duckdb.DuckDBPyConnection:
        try:
            return self._cursor().execute(self._text(query))
        except duckdb.OutOfMemoryException:
            raise ConfigError(
                "engine.memory.exhausted",
                "The engine needs more than its {limit} MiB of memory for this step.",
                hint="Set CITYLOOM_MEMORY_MB higher and run the same command again: it goes on from here.",
                limit=self._memory_mb,
            ) from None

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            cursor = self._connection.cursor()
            for name, reader in self._bound.items():
                cursor.register(name, reader)
        return cursor

    def _text(self, query: Query) -> str:
        return query if isinstance(query, str) else copied(query).sql(dialect=self.dialect, copy=False)

    def rows(self, query: Query) -> list[tuple[Any, ...]]:
        """The answer as tuples."""
        return self._run(query).fetchall()

    def records(self, query: Query) -> list[dict[str, Any]]:
        """The answer as dictionaries."""
        answer = self._run(query)
        names = [d[0] for d in answer.description or []]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def batches(self, query: Query, size: int = 65_536) -> Iterator[pa.RecordBatch]:
        """The answer as a stream of Arrow batches."""
        cursor = self._cursor()
        yield from cursor.sql(self._text(query)).to_arrow_reader(size)

    def columns(self, query: Query) -> dict[str, str]:
        """Column names and DuckDB types of the answer."""
        answer = self._run(exp.select("*").from_(_sub(query)).limit(0))
        return {d[0]: str(d[1]) for d in answer.description or []}

    def write_parquet(self, query: Query, path: Path) -> WrittenFile:
        """Write the answer as one Parquet file (zstd), complete on disk before it returns."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self._text(query)
        target = str(path).replace("'", "''")
        rows = self._run(f"COPY ({text}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536)").fetchone()
        return WrittenFile(path=path, rows=int(rows[0]) if rows else 0, size=path.stat().st_size)

    def files(self, paths: Sequence[Path]) -> exp.Expression:
        """``read_parquet`` over the files, columns joined by name."""
        listed = exp.Array(expressions=[exp.Literal.string(str(p)) for p in paths])
        union = exp.EQ(this=exp.column("union_by_name"), expression=exp.true())
        return exp.Anonymous(this="read_parquet", expressions=[listed, union])

    @contextmanager
    def bound(self, reader: pa.RecordBatchReader | pa.Table, name: str = "") -> Iterator[exp.Expression]:
        """Register an Arrow stream under a name for the length of the block."""
        name = name or new_id("arrow")
        with self._lock:
            self._bound[name] = reader
        try:
            yield exp.to_table(name)
        finally:
            with self._lock:
                del self._bound[name]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _sub(query: Query) -> exp.Expression:
    tree = sqlglot.parse_one(query, dialect="duckdb") if isinstance(query, str) else query
    return exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier("q")))
