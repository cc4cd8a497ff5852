"""Sheets of workbooks: Excel, WPS and OpenDocument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice, text_batch
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.sheets.layout import Area, Layout, Row, Table, Totals, find_table
from cityloom.collect.sheets.model import Book, BookError, Fault, Value, damaged
from cityloom.collect.sheets.open import open_book
from cityloom.collect.table import require_header
from cityloom.kernel.config import reference
from cityloom.kernel.errors import DataError
from cityloom.model.text import STRICT, Title

_CHUNK = 10_000
_LONG = "collect.cell.long"
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, kw_only=True)
class Excel:
    """Workbooks (xlsx, xls, xlsb, et, ods), one batch a sheet.

    What a file is shows by its content, not its name. ``_row`` is the row's number in the sheet. Rows without any
    value are no records. A cell without value is NULL; whole numbers come without decimals, numbers without the noise
    of binary arithmetic, dates and times in ISO form, codes with the zeros that their format shows (``000000``), a
    percentage as the number it is (``0.125``), a formula as its result. A row is set apart when a cell shows an error
    (``#REF!``), holds a formula without its result, or a number of more than 15 digits: a spreadsheet has lost the
    last digits of an id number that was typed as a number.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        sheet: name or number (from 1) of the sheet; a glob like ``*`` or ``2024*`` for every sheet whose name fits.
        hidden: whether a glob takes hidden sheets too.
        title_rows: rows above the header.
        header_rows: rows of the header; their names are joined with a dot, merged cells count for all theirs.
        totals: text with which the first value of a row of totals begins, or ``{column: …, text: …}``; such rows are
            left out.
        footer_rows: rows below the last record (signatures, notes); blank rows are not counted.
        fill_down: columns in which a cell without value takes the one above it (merged cells).
        table: where the table is when it does not fill its sheet: ``{start: B5}`` the first cell of its header, or
            ``{heading: …}`` the text in the row above; ``columns: "B:F"``; ``end: 40`` its last row, or ``until`` what
            ends it: ``blank`` or the text with which a row begins.
        long_numbers: what becomes of rows with numbers of more than 15 digits: ``reject`` or ``keep``.
        error_cells: what becomes of rows with cells that show an error: ``reject``, or ``text`` to take what is shown.
        full_sheet: what becomes of a sheet that is filled to the last row its format has, as if cut off: ``refuse`` or
            ``accept``.
        password: with which the files are encrypted, as a reference.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "excel"
    title: ClassVar[Title] = Title("电子表格（Excel、WPS、ODS）", "Spreadsheets (Excel, WPS, ODS)")
    standard: ClassVar[str] = "ISO/IEC 29500"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"folder": "sources/mz", "pattern": "*.xlsx", "title_rows": 1, "header_rows": 2, "totals": "合计"},
        {"folder": "sources/tj", "pattern": "*.xls", "sheet": "20*", "table": {"heading": "二、人口", "until": "blank"}},
    )

    folder: str
    pattern: str = "*.xlsx"
    sheet: str | int = 1
    hidden: bool = False
    title_rows: int = 0
    header_rows: int = 1
    totals: str | Totals = ""
    footer_rows: int = 0
    fill_down: tuple[str, ...] = ()
    table: Area = field(default_factory=Area)
    long_numbers: Literal["reject", "keep"] = "reject"
    error_cells: Literal["reject", "text"] = "reject"
    full_sheet: Literal["refuse", "accept"] = "refuse"
    password: str = ""
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a sheet: its origin is the file, with ``#`` and the sheet where a glob names the sheets."""
        for piece in file_slices(open_folder(self.base, self.folder, self.place), self.pattern):
            if not self._is_glob or piece.error:
                yield piece
                continue
            try:
                names = self._chosen(piece)
            except DataError as error:
                yield replace(piece, error=error)
                continue
            for name in names:
                yield replace(piece, origin=f"{piece.origin}#{name}")

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows under the header."""
        with open_book(held_file(piece).path, held_file(piece).name, self._password) as book:
            sheet = self._sheet(book, piece)
            found = self._table(book, sheet, piece)
            taken = _Taken(found, self.long_numbers == "keep", self.error_cells == "text")
            while True:
                chunk = list(islice(found.rows, _CHUNK))
                yield taken.batch(chunk, sink)
                if len(chunk) < _CHUNK:
                    break
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """The rows of the table, counted by a second opening of the file."""
        with open_book(held_file(piece).path, held_file(piece).name, self._password) as book:
            return sum(1 for _ in self._table(book, self._sheet(book, piece), piece).rows)

    @property
    def _is_glob(self) -> bool:
        return isinstance(self.sheet, str) and bool(_PATTERN & set(self.sheet))

    @property
    def _password(self) -> str:
        return reference(self.password, base=self.base) if self.password else ""

    @property
    def _layout(self) -> Layout:
        return Layout(
            title_rows=self.title_rows,
            header_rows=self.header_rows,
            totals=self.totals,
            footer_rows=self.footer_rows,
            fill_down=self.fill_down,
            area=self.table,
        )

    def _chosen(self, piece: Slice) -> list[str]:
        """The sheets that the glob names and that hold anything."""
        held = held_file(piece)
        with open_book(held.path, held.name, self._password) as book:
            known = [s for s in book.sheets if fnmatchcase(s.name, str(self.sheet))]
            if not known:
                raise _no_sheet(held.name, self.sheet, book)
            shown = [s.name for s in known if self.hidden or not s.is_hidden]
            return [name for name in shown if next(iter(book.rows(name)), None) is not None]

    def _sheet(self, book: Book, piece: Slice) -> str:
        names = [s.name for s in book.sheets]
        wanted: str | int = self.sheet
        if self._is_glob:
            wanted = max((n for n in names if piece.origin.endswith(f"#{n}")), key=len, default=self.sheet)
        if isinstance(wanted, int) and 1 <= wanted <= len(names):
            wanted = names[wanted - 1]
        if wanted not in names:
            raise _no_sheet(held_file(piece).name, wanted, book)
        return str(wanted)

    def _table(self, book: Book, sheet: str, piece: Slice) -> Table:
        """The table of a sheet, with a header that names every column that holds anything."""
        place = f"{held_file(piece).name}, {sheet}"
        try:
            merged = book.merged(sheet) if self.header_rows > 1 else ()
            found = find_table(self._rows(book, sheet, place), merged, self._layout, place)
            first = list(islice(found.rows, _CHUNK))
        except BookError:
            raise damaged(held_file(piece).name, sheet) from None
        _leave_blank_columns(found, first)
        require_header(found.names, place)
        found.rows = chain(first, _sound(found.rows, held_file(piece).name, sheet))
        return found

    def _rows(self, book: Book, sheet: str, place: str) -> Iterator[Row]:
        for number, values in book.rows(sheet):
            if number >= book.limit and self.full_sheet == "refuse":
                raise _full(place, book.limit)
            yield number, values


@dataclass
class _Taken:
    """Makes records of rows, or sets them apart."""

    table: Table
    keeps_long: bool
    keeps_errors: bool

    def batch(self, chunk: list[Row], sink: RejectSink) -> pa.RecordBatch:
        """The records of some rows."""
        width, blank = self.table.width, self.table.blank
        numbers: list[int] = []
        records: list[list[Value]] = []
        for number, values in chunk:
            known: list[Value] | None = values
            if Fault in map(type, values) or len(values) > width or (blank and self._is_stray(values)):
                known = self._checked(number, values, sink)
            if known is not None:
                known.extend([None] * (width - len(known)))
                numbers.append(number)
                records.append(known)
        columns = list(zip(*records, strict=True)) if records else [()] * width
        return text_batch({n: columns[p] for n, p in zip(self.table.names, self.table.places, strict=True)}, numbers)

    def _checked(self, number: int, values: list[Value], sink: RejectSink) -> list[Value] | None:
        """The values of a row that needs a closer look; ``None`` when it was set apart."""
        picked = [values[p] if p < len(values) else None for p in self.table.places]
        known = [self._kept(v) for v in picked]
        wrong = next(((n, v) for n, v in zip(self.table.names, known, strict=True) if isinstance(v, Fault)), None)
        if wrong is not None:
            sink(number, wrong[0], wrong[1].code, wrong[1].reason, self._content(picked))
            return None
        if any(v is not None for v in values[self.table.width :]) or self._is_stray(values):
            reason = "a value stands in a column without a name"
            sink(number, "", "collect.cell.unnamed", reason, self._content(picked))
            return None
        return [self._kept(v) for v in values[: self.table.width]]

    def _is_stray(self, values: list[Value]) -> bool:
        return any(p < len(values) and values[p] is not None for p in self.table.blank)

    def _kept(self, value: Value) -> Value:
        if not isinstance(value, Fault):
            return value
        keeps = self.keeps_long if value.code == _LONG else self.keeps_errors
        return value.shown if keeps else value

    def _content(self, picked: list[Value]) -> dict[str, str | None]:
        shown = (v if v is None or isinstance(v, str) else v.shown for v in picked)
        return dict(zip(self.table.names, shown, strict=True))


def _leave_blank_columns(table: Table, first: list[Row]) -> None:
    """Leave out columns without a name and without a value; what has a value and no name is the header's fault."""
    unnamed = [p for p, name in zip(table.places, table.names, strict=True) if not name]
    blank = {p for p in unnamed if all(p >= len(values) or values[p] is None for _, values in first)}
    kept = [(p, n) for p, n in zip(table.places, table.names, strict=True) if p not in blank]
    table.places, table.names = [p for p, _ in kept], [n for _, n in kept]
    table.blank = tuple(sorted(blank))


def _sound(rows: Iterator[Row], file: str, sheet: str) -> Iterator[Row]:
    try:
        yield from rows
    except BookError:
        raise damaged(file, sheet) from None


def _no_sheet(file: str, sheet: str | int, book: Book) -> DataError:
    return DataError(
        "collect.sheet.missing",
        "{file} has no sheet {sheet}.",
        hint="Its sheets: {known}.",
        file=file,
        sheet=sheet,
        known=", ".join(s.name for s in book.sheets) or "-",
    )


def _full(place: str, limit: int) -> DataError:
    return DataError(
        "collect.sheet.full",
        "{place} is filled to its last row, {limit}: what came after may have been cut off.",
        hint="Have it delivered in parts; where it is whole, set the option full_sheet to accept.",
        place=place,
        limit=limit,
    )
