"""Delimited lines as a database makes them itself: NULL is nothing, an empty text is two quotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from cityloom.collect.databases.failures import undecodable


def parse(lines: bytes | bytearray, names: Sequence[str], place: str) -> pa.RecordBatch:
    """Whole lines as text columns.

    Args:
        lines: comma between values, quotes doubled inside quotes, in UTF-8.
        names: of the columns; one that comes twice is still two.
        place: for the error.

    Raises:
        DataError: ``collect.text.undecodable``.
    """
    numbered = [str(n) for n in range(len(names))]
    convert = pacsv.ConvertOptions(
        column_types=dict.fromkeys(numbered, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    if not lines:
        return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=list(names))
    try:
        table: Any = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(lines)),
            read_options=pacsv.ReadOptions(column_names=numbered, block_size=len(lines) + 1, use_threads=False),
            parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=convert,
        )
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise undecodable(place) from None
        raise
    return pa.RecordBatch.from_arrays([c.combine_chunks() for c in table.columns], names=list(names))
