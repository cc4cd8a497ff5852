"""Types of columns between Arrow, Spark and the DuckDB dialect that the stages speak."""

from __future__ import annotations

import pyarrow as pa

from cityloom.kernel.errors import DataError

_TYPES: tuple[tuple[str, str, str], ...] = (
    ("string", "STRING", "VARCHAR"),
    ("large_string", "STRING", "VARCHAR"),
    ("string_view", "STRING", "VARCHAR"),
    ("bool", "BOOLEAN", "BOOLEAN"),
    ("int8", "TINYINT", "TINYINT"),
    ("int16", "SMALLINT", "SMALLINT"),
    ("int32", "INT", "INTEGER"),
    ("int64", "BIGINT", "BIGINT"),
    ("uint8", "SMALLINT", "UTINYINT"),
    ("uint16", "INT", "USMALLINT"),
    ("uint32", "BIGINT", "UINTEGER"),
    ("uint64", "DECIMAL(20, 0)", "UBIGINT"),
    ("float", "FLOAT", "FLOAT"),
    ("double", "DOUBLE", "DOUBLE"),
    ("date32[day]", "DATE", "DATE"),
    ("binary", "BINARY", "BLOB"),
    ("null", "STRING", "VARCHAR"),
)
_BY_NAME = {arrow: (spark, duckdb) for arrow, spark, duckdb in _TYPES}


def ddl(schema: pa.Schema) -> str:
    """The columns of Parquet files as Spark's DDL.

    Raises:
        DataError: ``engine.spark.type``.
    """
    return ", ".join(f"`{field.name.replace('`', '``')}` {_both(field.type, field.name)[0]}" for field in schema)


def name_of(kind: pa.DataType) -> str:
    """The name of a type in the DuckDB dialect."""
    return _both(kind, "")[1]


def _both(kind: pa.DataType, name: str) -> tuple[str, str]:
    if str(kind) in _BY_NAME:
        return _BY_NAME[str(kind)]
    if pa.types.is_decimal(kind):
        text = f"DECIMAL({kind.precision}, {kind.scale})"
        return text, text.replace(" ", "")
    if pa.types.is_timestamp(kind):
        return ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE") if kind.tz else ("TIMESTAMP_NTZ", "TIMESTAMP")
    if pa.types.is_list(kind):
        inner = _both(kind.value_type, name)
        return f"ARRAY<{inner[0]}>", f"{inner[1]}[]"
    if pa.types.is_struct(kind):
        inner_types = [(field.name, _both(field.type, name)) for field in kind]
        spark = ", ".join(f"`{key}`: {one[0]}" for key, one in inner_types)
        return f"STRUCT<{spark}>", f"STRUCT({', '.join(f'{key} {one[1]}' for key, one in inner_types)})"
    raise DataError(
        "engine.spark.type",
        "Spark cannot read the column {column} of the type {type}.",
        hint="Cast it in the stage that writes it.",
        column=name,
        type=str(kind),
    )
