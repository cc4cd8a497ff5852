"""DuckDB files of others, through the embedded engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import CHUNK_ROWS, MOMENTS, NUMBERS, Column, Session, shape
from cityloom.engines.foreign import DuckDBFile

_KINDS = {
    "VARCHAR": "text",
    "BLOB": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "FLOAT": "real",
    "DOUBLE": "real",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "integer"),
}


class DuckDB(Session):
    """A file in a transaction that only reads."""

    can_prove: ClassVar[bool] = True

    def __init__(self, path: Path, name: str) -> None:
        self.place = name
        self._file = DuckDBFile(path, name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""
        return self._file.rows(query)

    def stream(self, columns: Sequence[Column], rest: str) -> Iterator[pa.RecordBatch]:
        """The engine's own stream, in the order of the file."""
        names = [c.name for c in columns]
        picks = ", ".join(f"{self.shown(c)} AS {self.quote(c.name)}" for c in columns)
        yield pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=names)
        yield from self._file.batches(f"SELECT {picks} {rest}", CHUNK_ROWS)

    def plan(self, query: str, relation: str) -> tuple[int, str]:
        """All rows: a column store looks at every value of the columns in question."""
        return int(self.one(f"SELECT count(*) FROM {relation} src")[0]), "column scan"

    def interrupt(self) -> None:
        """End the running query."""
        self._file.interrupt()

    def twin(self) -> DuckDB:
        """This one: the file answers several threads at a time."""
        return self

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def relation(self, schema: str, table: str) -> str:
        """``schema.table``."""
        known = self.rows("SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2")
        if (schema or "main", table) not in known:
            names = [n if s == "main" else f"{s}.{n}" for s, n in known]
            raise failures.missing(self.place, f"{schema}.{table}" if schema else table, names)
        return ".".join(self.quote(n) for n in (schema, table) if n)

    def describe(self, relation: str) -> list[Column]:
        """Names and types."""
        return [_column(name, words) for name, words in self._file.columns(f"SELECT * FROM {relation} src")]

    def primary_key(self, schema: str, table: str) -> list[str]:
        """From the catalogue."""
        where = f"table_name = {_quoted(table)} AND schema_name = {_quoted(schema or 'main')}"
        query = f"SELECT unnest(constraint_column_names) FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' AND {where}"
        return [r[0] for r in self.rows(query)]

    def shapes(self) -> Iterator[TableShape]:
        """All tables."""
        for schema, name, rows, title in self.rows(
            "SELECT schema_name, table_name, estimated_size, coalesce(comment, '') FROM duckdb_tables() WHERE NOT internal ORDER BY 1, 2"
        ):
            where = f"schema_name = {_quoted(schema)} AND table_name = {_quoted(name)}"
            columns = self.rows(
                f"SELECT column_name, data_type, NOT is_nullable, coalesce(comment, '') FROM duckdb_columns() WHERE {where} ORDER BY column_index"
            )
            shapes = [ColumnShape(name=n, kind=k, is_required=r, title=t) for n, k, r, t in columns]
            yield shape(name, shapes, self.primary_key(schema, name), rows=int(rows), title=title, schema="" if schema == "main" else schema)

    def text(self, column: Column, value: str = "") -> str:
        """The engine's text; JSON for what is nested."""
        return f"CAST({value or self.quote(column.name)} AS VARCHAR)"

    def hexed(self, column: Column) -> str:
        """``hex``, in small letters."""
        return f"lower(hex({self.quote(column.name)}))"

    def literal(self, column: Column, text: str) -> str:
        """A cast text."""
        return f"CAST({_quoted(text)} AS {column.type})"

    def less(self, column: Column, value: str, distance: float) -> str:
        """Subtraction; of seconds from dates (whole days, rounded up) and moments."""
        if column.kind in NUMBERS:
            return f"CAST({value} - {distance!r} AS {column.type})"
        if column.kind == "date":
            return f"({value} - {-(-int(distance) // 86400)})"
        return f"({value} - to_microseconds({int(distance * 1_000_000)}))" if column.kind in MOMENTS else value

    def figures(self, text: str) -> tuple[str, str, str]:
        """As the lake takes them."""
        digest = f"CAST('0x' || substring(md5({text}), 1, 15) AS BIGINT)"
        return f"count({text})", f"coalesce(sum(strlen({text})), 0)", f"coalesce(sum({digest}) FILTER ({text} IS NOT NULL), 0)"


def _column(name: str, words: str) -> Column:
    plain = words.split("(")[0]
    kind = "moment" if plain.startswith("TIMESTAMP") else "decimal" if plain == "DECIMAL" else _KINDS.get(plain, "other")
    return Column(name, "other" if words.endswith("]") else kind, words)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
