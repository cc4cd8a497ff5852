"""Sheets of Excel and OpenDocument workbooks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import python_calamine as calamine

from cityloom.collect.base import RejectSink, Slice, text_batch
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.table import join_header, require_header
from cityloom.kernel.errors import DataError
from cityloom.model.text import STRICT, Title

_CHUNK = 10_000


@dataclass(frozen=True, kw_only=True)
class Excel:
    """Workbooks (xlsx, xls, ods), one batch a sheet.

    ``_row`` is the row's number in the sheet. Rows without any value are no records. A cell without value
    is NULL; whole numbers come without decimals, dates and times in ISO form.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        sheet: name or number (from 1) of the sheet; ``*`` for every sheet.
        title_rows: rows above the header.
        header_rows: rows of the header; their names are joined with a dot, merged cells count for all theirs.
        totals: text with which the first value of a row of totals begins; such rows are left out.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "excel"
    title: ClassVar[Title] = Title("电子表格（Excel、ODS）", "Spreadsheets (Excel, ODS)")
    standard: ClassVar[str] = "ISO/IEC 29500"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"folder": "sources/mz", "pattern": "*.xlsx", "title_rows": 1, "header_rows": 2, "totals": "合计"},
    )

    folder: str
    pattern: str = "*.xlsx"
    sheet: str | int = 1
    title_rows: int = 0
    header_rows: int = 1
    totals: str = ""
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a sheet: its origin is the file, with ``#`` and the sheet where every sheet is taken."""
        for piece in file_slices(open_folder(self.base, self.folder, self.place), self.pattern):
            if self.sheet != "*" or piece.error:
                yield piece
                continue
            try:
                with _open(piece) as book:
                    names = list(book.sheet_names)
            except DataError as error:
                yield replace(piece, error=error)
                continue
            for name in names:
                yield replace(piece, origin=f"{piece.origin}#{name}")

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows under the header."""
        with _open(piece) as book:
            sheet = self._sheet(book, piece)
            place = f"{held_file(piece).name}, {sheet.name}"
            rows = enumerate(sheet.iter_rows(), 1)
            header = [row for number, row in _first(rows, self.title_rows + self.header_rows) if number > self.title_rows]
            names = _names(header, sheet, self.title_rows)
            require_header(names, place)
            numbers: list[int] = []
            records: list[Sequence[Any]] = []
            for number, row in rows:
                if self._is_record(row):
                    numbers.append(number)
                    records.append(row)
                if len(records) >= _CHUNK:
                    yield _batch(names, records, numbers, place)
                    numbers, records = [], []
            yield _batch(names, records, numbers, place)
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Rows with a value under the header and above the totals, counted by a second opening of the file."""
        with _open(piece) as book:
            body = itertools.islice(self._sheet(book, piece).iter_rows(), self.title_rows + self.header_rows, None)
            return sum(1 for row in body if self._is_record(row))

    def _sheet(self, book: Any, piece: Slice) -> Any:
        names = list(book.sheet_names)
        wanted: str | int = self.sheet
        if wanted == "*":
            wanted = piece.origin[len(held_file(piece).name) + 1 :]
        if isinstance(wanted, int) and 1 <= wanted <= len(names):
            wanted = names[wanted - 1]
        if wanted not in names:
            raise DataError(
                "collect.sheet.missing",
                "{file} has no sheet {sheet}.",
                hint="Its sheets: {known}.",
                file=held_file(piece).name,
                sheet=wanted,
                known=", ".join(names),
            )
        try:
            return book.get_sheet_by_name(wanted)
        except calamine.CalamineError:
            raise _damaged(held_file(piece).name, str(wanted)) from None

    def _is_record(self, row: Sequence[Any]) -> bool:
        first = next((v for v in row if v != ""), None)
        if first is None:
            return False
        return not (self.totals and isinstance(first, str) and "".join(first.split()).startswith(self.totals))


def _open(piece: Slice) -> Any:
    held = held_file(piece)
    try:
        return calamine.load_workbook(held.path)
    except calamine.PasswordError:
        raise DataError(
            "collect.excel.locked",
            "{file} is protected by a password.",
            hint="Have it delivered without one.",
            file=held.name,
        ) from None
    except calamine.CalamineError:
        raise _damaged(held.name, "-") from None


def _damaged(file: str, sheet: str) -> DataError:
    return DataError(
        "collect.excel.damaged",
        "{file}, sheet {sheet}: this is no readable workbook; it may be damaged or cut off.",
        hint="Open it in a spreadsheet program and save it anew, or have it delivered anew.",
        file=file,
        sheet=sheet,
    )


def _first(rows: Iterator[tuple[int, Any]], count: int) -> list[tuple[int, Any]]:
    return [row for _, row in zip(range(count), rows, strict=False)]


def _names(header: list[Sequence[Any]], sheet: Any, above: int) -> list[str]:
    """Column names; a cell merged over columns or rows gives its text to the uppermost row of each column."""
    grid = [[("" if v == "" else str(_text(v))).strip() for v in row] for row in header]
    offset = sheet.start[1] if sheet.start else 0
    merged = sheet.merged_cell_ranges
    for (top, left), (bottom, right) in merged or ():
        row, column = top - above, left - offset
        if 0 <= row < len(grid) and bottom >= top:
            for place in range(column, min(right - offset + 1, len(grid[row]))):
                grid[row][place] = grid[row][column]
    if merged is None:
        for row in grid[:-1]:
            for place in range(1, len(row)):
                if not row[place] and grid[-1][place]:
                    row[place] = row[place - 1]
    return join_header(grid)


def _batch(names: list[str], records: list[Sequence[Any]], numbers: list[int], place: str) -> pa.RecordBatch:
    columns = list(zip(*records, strict=True)) if records else [()] * len(names)
    return text_batch({n: list(map(_text, c)) for n, c in zip(names, columns, strict=True)}, numbers)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return None if value is None else str(value)
