"""Records to rows: as wide as the table, or set apart with the reason; lines that are no records left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from cityloom.collect.base import RejectSink, text_batch
from cityloom.collect.delimited.blocks import UNIT, Clean
from cityloom.collect.delimited.layout import Layout
from cityloom.collect.delimited.records import Record
from cityloom.collect.delimited.repair import repaired


@dataclass(frozen=True)
class Rows:
    """The rows of a laid-out file.

    Args:
        layout: of the file.
        nulls: texts that mean there is no value, where they stand without quotes.
        is_padded: whether a row that is too short gets empty values, one that is too long loses values that are
            empty, and one with a quote too many is read as if that were text.
        skips_empty: whether a record without any value is none.
        tally: counts what was done, by code.
        others: widths of further tables below, whose header begins as this one's and is narrower or wider.
    """

    layout: Layout
    nulls: tuple[str, ...] = ()
    is_padded: bool = False
    skips_empty: bool = True
    tally: Counter[str] = field(default_factory=Counter)
    others: set[int] = field(default_factory=set)

    def batch(self, records: Sequence[Record], sink: RejectSink) -> pa.RecordBatch:
        """The rows of records; those that cannot be taken go to ``sink``."""
        names = self.layout.names
        values: list[Sequence[str | None]] = []
        lines: list[int] = []
        for record in self.real(records):
            self._look_for_another(record)
            row = self._fitted(record)
            if row is None:
                self._refuse(record, sink)
            else:
                values.append(row)
                lines.append(record.line)
        columns = list(zip(*values, strict=True)) if values else [()] * len(names)
        return text_batch(dict(zip(names, columns, strict=True)), lines)

    def real(self, records: Sequence[Record]) -> list[Record]:
        """The records that are none of comments, repeated headers and lines without any value."""
        comment, headers = self.layout.body.comment, self.layout.headers
        kept = []
        for record in records:
            if comment and record.text.startswith(comment):
                self.tally["collect.lines.comment"] += 1
            elif record.text in headers:
                self.tally["collect.header.again"] += 1
            elif self.skips_empty and record.values is not None and not any(record.values):
                self.tally["collect.rows.empty"] += 1
            else:
                kept.append(record)
        return kept

    def fast(self, clean: Clean) -> pa.RecordBatch | None:
        """The rows of a clean stretch by the fast reader; None where one is not as wide as the table."""
        dialect, names = self.layout.body.dialect, list(self.layout.names)
        delimiter, data = dialect.delimiter.encode(), clean.data
        if len(delimiter) != 1:
            data = data.replace(delimiter, UNIT) if delimiter else data
            delimiter = UNIT
        try:
            table = pacsv.read_csv(
                pa.py_buffer(data),
                read_options=pacsv.ReadOptions(column_names=names, block_size=len(data) + 1),
                parse_options=pacsv.ParseOptions(
                    delimiter=delimiter.decode(),
                    quote_char=dialect.quote if clean.has_quotes else False,
                    newlines_in_values=clean.lines != clean.records,
                ),
                convert_options=pacsv.ConvertOptions(
                    check_utf8=False,
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=bool(self.nulls),
                    null_values=list(self.nulls),
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != clean.records:
            return None
        arrays = [pa.concat_arrays(column.chunks) for column in table.columns]
        return text_batch(dict(zip(names, arrays, strict=True)), _lines(clean, arrays))

    def _fitted(self, record: Record) -> Sequence[str | None] | None:
        width = len(self.layout.names)
        dialect = self.layout.body.dialect
        values = record.values
        if values is None:
            values = repaired(record.text, dialect, width) if self.is_padded and "quote" in record.code else None
            self.tally["collect.row.quote"] += values is not None
            return values
        if self.nulls:
            marked = dialect.split_marked(record.text)
            pairs = zip(values, marked, strict=True)
            row: list[str | None] = [None if bare and raw in self.nulls else v for v, (raw, bare) in pairs]
        else:
            row = list(values)
        if len(row) == width:
            return row
        if not self.is_padded or any(row[width:]) or len(row) in self.others:
            return None
        self.tally["collect.row.padded" if len(row) < width else "collect.row.cut"] += 1
        return [*row[:width], *[None] * (width - len(row))]

    def _look_for_another(self, record: Record) -> None:
        """Take note of a header that is not this table's."""
        names, values = self.layout.names, record.values or []
        shared = min(len(names), len(values))
        if len(names) != len(values) and shared > 1 and self.layout.headers and values[:shared] == list(names[:shared]):
            self.others.add(len(values))

    def _refuse(self, record: Record, sink: RejectSink) -> None:
        content = {"": record.text}
        if record.values is None:
            sink(record.line, "", record.code, record.reason, content)
            return
        names, actual = self.layout.names, len(record.values)
        if actual in self.others:
            sink(record.line, "", "collect.row.other", f"of another table with {actual} columns", content)
            return
        column = names[actual] if actual < len(names) else ""
        sink(record.line, column, "collect.row.ragged", f"{actual} values instead of {len(names)}", content)


def _lines(clean: Clean, arrays: Sequence[pa.Array]) -> pa.Array:
    """The first line of each record: the next one, or as many on as the values above hold line ends."""
    if clean.lines == clean.records:
        return pa.array(range(clean.line, clean.line + clean.records), pa.int64())
    taken = pa.array([1] * clean.records, pa.int64())
    for array in arrays:
        taken = pc.add(taken, pc.cast(pc.fill_null(pc.count_substring(array, "\n"), 0), pa.int64()))
    ends = pc.cumulative_sum(taken)
    return pc.add(pc.subtract(ends, taken), clean.line)
