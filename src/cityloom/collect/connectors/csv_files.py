"""Delimited text files of a folder."""

from __future__ import annotations

import csv
import io
import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.csv as pacsv

from cityloom.collect.base import RejectSink, Slice, text_batch
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.table import join_header, require_header
from cityloom.collect.text import Encoded, resolve
from cityloom.kernel.errors import DataError
from cityloom.model.text import STRICT, Title

_BLOCK = 4 << 20
_END = "\x00end"
_DELIMITERS = (",", ";", "\t", "|")
_NAMED = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@dataclass(frozen=True)
class _Layout:
    """How a file is to be read; ``start`` is where its records begin, in characters and in bytes."""

    encoded: Encoded
    delimiter: str
    names: tuple[str, ...]
    lines: int
    characters: int
    start: int


@dataclass(frozen=True, kw_only=True)
class CsvFiles:
    """CSV or TSV files, one batch a file.

    ``_row`` is the number of the record in the file, header rows included, blank lines not: the line as an
    editor shows it where no value holds a line break. Rows with too few or too many values are set apart.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        encoding: ``auto`` (byte order mark, else UTF-8, else GB18030, both proven) or an encoding's name.
        delimiter: ``auto`` (the most frequent of ``, ; tab |`` in the header), one character, or
            ``comma``, ``semicolon``, ``tab``, ``pipe``.
        header_rows: rows of the header; their names are joined with a dot.
        columns: names where ``header_rows`` is 0.
        quote: character around values; empty for none.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "csv_files"
    title: ClassVar[Title] = Title("分隔符文本文件（CSV）", "Delimited text files (CSV)")
    standard: ClassVar[str] = "RFC 4180"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"folder": "sources/ga", "pattern": "hukou_*.csv"},)

    folder: str
    pattern: str = "*.csv"
    encoding: str = "auto"
    delimiter: str = "auto"
    header_rows: int = 1
    columns: tuple[str, ...] = ()
    quote: str = '"'
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The file's records, a block at a time."""
        layout = self._layout(piece)
        bad: deque[int] = deque()
        noted: deque[tuple[int, int]] = deque()

        def skip(row: pacsv.InvalidRow) -> str:
            bad.append(row.number + self.header_rows)
            noted.append((row.number + self.header_rows, row.actual_columns))
            return "skip"

        row = self.header_rows + 1
        for batch in self._batches(piece, layout, skip):
            numbers, row = _number(row, batch.num_rows, bad)
            yield text_batch(dict(zip(layout.names, batch.columns, strict=True)), numbers)
            _tell(sink, layout.names, noted)
        _tell(sink, layout.names, noted)
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Records after the header, counted by a second reader.

        Raises:
            DataError: ``collect.csv.quote`` where a quote is not closed.
        """
        layout = self._layout(piece)
        held = held_file(piece)
        with layout.encoded.open(held.path) as text:
            text.read(layout.characters)
            if not self.quote or not _holds(held.path, self.quote, layout.encoded.encoding):
                return sum(1 for line in text if line.strip("\r\n"))
            return self._count_quoted(text, layout, held.name)

    def _count_quoted(self, text: io.TextIOWrapper, layout: _Layout, name: str) -> int:
        csv.field_size_limit(max(csv.field_size_limit(), _BLOCK))
        reader = csv.reader(itertools.chain(text, [_END]), delimiter=layout.delimiter, quotechar=self.quote)
        records, last, begun = 0, [""], 0
        try:
            ended = 0
            for last in reader:
                begun, ended = ended, reader.line_num
                records += bool(last)
        except csv.Error:
            raise _open_quote(name, layout.lines + reader.line_num) from None
        if last != [_END]:
            raise _open_quote(name, layout.lines + begun + 1)
        return records - 1

    def _layout(self, piece: Slice) -> _Layout:
        return _lay_out(self, held_file(piece).path, piece.origin, piece.digest)

    def _batches(self, piece: Slice, layout: _Layout, skip: Any) -> Iterator[pa.RecordBatch]:
        with held_file(piece).path.open("rb") as file:
            file.seek(layout.start)
            yield pa.RecordBatch.from_pydict({n: pa.array([], pa.string()) for n in layout.names})
            if piece.size <= layout.start:
                return
            try:
                reader = pacsv.open_csv(
                    file,
                    read_options=pacsv.ReadOptions(
                        column_names=list(layout.names),
                        use_threads=False,
                        block_size=_BLOCK,
                        encoding=layout.encoded.encoding,
                    ),
                    parse_options=pacsv.ParseOptions(
                        delimiter=layout.delimiter,
                        quote_char=self.quote or False,
                        newlines_in_values=True,
                        invalid_row_handler=skip,
                    ),
                    convert_options=pacsv.ConvertOptions(
                        column_types={n: pa.string() for n in layout.names}, strings_can_be_null=False
                    ),
                )
                for batch in reader:
                    yield pa.RecordBatch.from_arrays(batch.columns, names=list(layout.names))
            except pa.ArrowInvalid:
                raise DataError(
                    "collect.csv.malformed",
                    "{file} cannot be read as delimited text: a record is longer than {limit} bytes.",
                    hint="Check the delimiter and the quotes of the file.",
                    file=piece.origin,
                    limit=_BLOCK,
                ) from None


@lru_cache(maxsize=4)
def _lay_out(connector: CsvFiles, path: Path, name: str, digest: str) -> _Layout:
    """The layout of a file; ``digest`` makes the memory of it end when the file is another."""
    encoded = resolve(path, name, connector.encoding)
    consumed: list[str] = []

    with encoded.open(path) as text:
        first = text.readline()
        delimiter = _delimiter(connector.delimiter, first)
        text.seek(encoded.mark)
        lines = _noting(text, consumed)
        reader = csv.reader(lines, delimiter=delimiter, quotechar=connector.quote or None,
                            quoting=csv.QUOTE_MINIMAL if connector.quote else csv.QUOTE_NONE)  # fmt: skip
        header = list(itertools.islice((r for r in reader if r), connector.header_rows))
    names = join_header(header) if connector.header_rows else list(connector.columns)
    require_header(names if len(header) == connector.header_rows else [], name)
    head = "".join(consumed)
    return _Layout(
        encoded=encoded,
        delimiter=delimiter,
        names=tuple(names),
        lines=len(consumed),
        characters=len(head),
        start=encoded.mark + len(head.encode(encoded.encoding)),
    )


def _noting(lines: Iterator[str], consumed: list[str]) -> Iterator[str]:
    for line in lines:
        consumed.append(line)
        yield line


def _delimiter(wanted: str, line: str) -> str:
    if wanted != "auto":
        return _NAMED.get(wanted, wanted)
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _holds(path: Path, quote: str, encoding: str) -> bool:
    sought = quote.encode(encoding)
    with path.open("rb") as file:
        return any(sought in block for block in iter(lambda: file.read(_BLOCK), b""))


def _number(row: int, count: int, bad: deque[int]) -> tuple[pa.Array, int]:
    """Row numbers of the next ``count`` good rows, leaving out the bad ones; and the number after."""
    spans = []
    while count:
        while bad and bad[0] == row:
            bad.popleft()
            row += 1
        taken = min(count, bad[0] - row) if bad else count
        spans.append(range(row, row + taken))
        row, count = row + taken, count - taken
    return pa.array(list(itertools.chain(*spans)), pa.int64()), row


def _tell(sink: RejectSink, names: tuple[str, ...], noted: deque[tuple[int, int]]) -> None:
    while noted:
        row, actual = noted.popleft()
        column = names[actual] if actual < len(names) else ""
        sink(row, column, "collect.row.ragged", f"{actual} values instead of {len(names)}")


def _open_quote(name: str, line: int) -> DataError:
    return DataError(
        "collect.csv.quote",
        "{file}, line {line}: a quote is opened and never closed; the file may be cut off.",
        hint="Have the file delivered anew, or correct the quote.",
        file=name,
        line=line,
    )
