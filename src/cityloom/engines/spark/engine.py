"""The distributed engine: the same queries over the same Parquet files, answered by a Spark 4 cluster.

The cluster must see the files under the same paths: a folder that all machines share. What it writes, it writes
there; what it answers comes as a stream of Arrow batches. Streams of rows that a query takes in (``bound``) go
through a file of the spill folder.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from cityloom.engines.base import Query, WrittenFile
from cityloom.engines.spark.dialect import translate, unsupported
from cityloom.engines.spark.types import ddl, name_of
from cityloom.engines.spark.wire import Files, Session
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.ids import new_id

_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.variable.substitute": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
}
"""Settings that the meaning of a query hangs on; each session has them, whatever the cluster's own are."""


class SparkEngine:
    """Spark over Parquet files of a shared folder.

    Args:
        url: of the Spark Connect server: ``sc://host:15002``.
        spill: folder, shared with the cluster, for rows on their way.

    Raises:
        ConfigError: ``kernel.extra.missing``, ``engine.spark.address``.
        SourceError: ``engine.spark.unreachable``.
    """

    name = "spark"
    dialect = "duckdb"

    def __init__(self, url: str, spill: Path) -> None:
        spill.mkdir(parents=True, exist_ok=True)
        self._spill = spill.absolute()
        self._session = Session(url, _SETTINGS)
        self._lock = threading.Lock()
        self._bound: dict[str, Path] = {}

    def rows(self, query: Query) -> list[tuple[Any, ...]]:
        """The answer as tuples."""
        found: list[tuple[Any, ...]] = []
        for batch in self._batches(query):
            found.extend(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        return found

    def records(self, query: Query) -> list[dict[str, Any]]:
        """The answer as dictionaries."""
        return [row for batch in self._batches(query) for row in batch.to_pylist()]

    def batches(self, query: Query, size: int = 65_536) -> Iterator[pa.RecordBatch]:
        """The answer as a stream of Arrow batches of at most ``size`` rows."""
        for batch in self._batches(query):
            for start in range(0, batch.num_rows, size):
                yield batch.slice(start, size)

    def columns(self, query: Query) -> dict[str, str]:
        """Column names of the answer, and their types by their names in the DuckDB dialect."""
        text, files = self._translated(query)
        for data in self._session.answer(f"SELECT * FROM ({text}) AS q LIMIT 0", files):
            with pa.ipc.open_stream(data) as stream:
                return {field.name: name_of(field.type) for field in stream.schema}
        return {}

    def write_parquet(self, query: Query, path: Path) -> WrittenFile:
        """Have the cluster write the answer as one Parquet file (zstd).

        Raises:
            ConfigError: ``engine.spark.folder`` when what it wrote is not to be seen here.
        """
        path = path.absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        text, files = self._translated(query)
        folder = path.parent / f".{new_id('w')}"
        hint = "COALESCE(1)" if self._is_ordered(query) else "REPARTITION(1)"
        try:
            whole = f"SELECT /*+ {hint} */ * FROM ({text}) AS q"
            self._session.write(whole, files, str(folder), {"compression": "zstd"})
            parts = sorted(folder.glob("part-*"))
            if len(parts) != 1:
                raise _unseen(path.parent)
            parts[0].replace(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        rows = pq.read_metadata(path).num_rows
        return WrittenFile(path=path, rows=rows, size=path.stat().st_size)

    def files(self, paths: Sequence[Path]) -> exp.Expression:
        """``read_parquet`` over the files, columns joined by name: the same relation as of the embedded engine."""
        listed = exp.Array(expressions=[exp.Literal.string(str(p)) for p in paths])
        union = exp.EQ(this=exp.column("union_by_name"), expression=exp.true())
        return exp.Anonymous(this="read_parquet", expressions=[listed, union])

    @contextmanager
    def bound(self, reader: pa.RecordBatchReader | pa.Table, name: str = "") -> Iterator[exp.Expression]:
        """Lay an Arrow stream into a file of the spill folder for the length of the block."""
        name = name or new_id("arrow")
        path = self._spill / f"{name}.parquet"
        batches = reader.to_batches() if isinstance(reader, pa.Table) else reader
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
        with self._lock:
            self._bound[name] = path
        try:
            yield exp.to_table(name)
        finally:
            with self._lock:
                del self._bound[name]
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _batches(self, query: Query) -> Iterator[pa.RecordBatch]:
        text, files = self._translated(query)
        for data in self._session.answer(text, files):
            with pa.ipc.open_stream(data) as stream:
                yield from stream

    def _translated(self, query: Query) -> tuple[str, tuple[Files, ...]]:
        named: dict[tuple[str, ...], Files] = {}

        def relation(table: exp.Expression) -> exp.Expression:
            paths = self._paths(table)
            if paths is None:
                return table
            if paths not in named:
                named[paths] = Files(f"files_{len(named)}", paths, _schema(paths))
            made = exp.to_table(named[paths].alias)
            if table.args.get("alias"):
                made.set("alias", table.args["alias"].copy())
            return made

        text = translate(query, relation)
        return text, tuple(named.values())

    def _paths(self, table: exp.Expression) -> tuple[str, ...] | None:
        """The files that a table in a FROM stands for; None for a name of the query itself."""
        if isinstance(table.this, exp.ReadParquet):
            listed = table.this.expressions[0]
            given = listed.expressions if isinstance(listed, exp.Array) else [listed]
            return tuple(str(Path(one.name).absolute()) for one in given)
        with self._lock:
            path = self._bound.get(table.name)
        if path is not None:
            return (str(path),)
        if isinstance(table.this, exp.Identifier):
            return None
        raise unsupported(table.this.sql(dialect="duckdb")[:40])

    @staticmethod
    def _is_ordered(query: Query) -> bool:
        return isinstance(query, exp.Expression) and query.args.get("order") is not None


def _schema(paths: tuple[str, ...]) -> str:
    schemas = [pq.read_schema(path) for path in paths]
    return ddl(pa.unify_schemas([s.remove_metadata() for s in schemas], promote_options="permissive"))


def _unseen(folder: Path) -> ConfigError:
    return ConfigError(
        "engine.spark.folder",
        "The Spark cluster wrote a file that cannot be seen in {folder}.",
        hint="The workspace must be in a folder that every machine of the cluster sees under the same path.",
        folder=folder.name,
    )
