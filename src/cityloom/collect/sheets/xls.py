"""Workbooks of Excel before 2007 (xls), and WPS tables (et), which are the same format: BIFF, in an OLE file or bare."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xlrd
from xlrd.biffh import error_text_from_code

from cityloom.collect.sheets import cells
from cityloom.collect.sheets.formats import GENERAL, Format, classify
from cityloom.collect.sheets.model import BookError, Range, Sheet, Value

_ENCRYPTED = "encrypted"
_RELOADED = 50
"""Versions of BIFF (in tenths) from which on a sheet can be read a second time."""


class Locked(Exception):  # noqa: N818 - a state, told on as an error by who opens
    """The workbook is encrypted."""


class Xls:
    """An open workbook; the sheets are read into memory one at a time, 65,536 rows at most.

    Args:
        path: of the file.

    Raises:
        BookError: where it is none.
        Locked: where a password encrypts it.
    """

    limit = 65_536

    def __init__(self, path: Path) -> None:
        try:
            self._book = xlrd.open_workbook(str(path), logfile=io.StringIO(), on_demand=True, formatting_info=True)
        except Exception as error:
            if _ENCRYPTED in str(error):
                raise Locked from None
            raise BookError(type(error).__name__) from None
        self._styles = [_style(self._book, xf) for xf in self._book.xf_list]

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The work sheets."""
        visible = self._book._sheet_visibility  # noqa: SLF001 - told nowhere else before a sheet is read
        return tuple(Sheet(name, bool(state)) for name, state in zip(self._book.sheet_names(), visible, strict=True))

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Value]]]:
        """Rows with anything in them."""
        found = self._sheet(sheet)
        try:
            for number in range(found.nrows):
                values = [self._value(cell) for cell in found.row(number)]
                if any(v is not None for v in values):
                    yield number + 1, values
        finally:
            if self._book.biff_version >= _RELOADED:
                self._book.unload_sheet(sheet)

    def merged(self, sheet: str) -> Sequence[Range]:
        """Merged cells."""
        return tuple(Range(top + 1, left, bottom, right - 1) for top, bottom, left, right in self._sheet(sheet).merged_cells)

    def close(self) -> None:
        """Let go of the file."""
        self._book.release_resources()

    def _sheet(self, name: str) -> Any:
        try:
            return self._book.sheet_by_name(name)
        except Exception as error:
            raise BookError(type(error).__name__) from None

    def _value(self, cell: Any) -> Value:
        kind, value = cell.ctype, cell.value
        if kind == xlrd.XL_CELL_TEXT:
            return value or None
        if kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
            at = cell.xf_index
            style = self._styles[at] if at is not None and 0 <= at < len(self._styles) else GENERAL
            return cells.number_cell(value, style, is_1904=bool(self._book.datemode))
        if kind == xlrd.XL_CELL_BOOLEAN:
            return cells.boolean(bool(value))
        if kind == xlrd.XL_CELL_ERROR:
            return cells.error(error_text_from_code.get(value, "#ERR"))
        return None


def _style(book: Any, xf: Any) -> Format:
    found = book.format_map.get(xf.format_key)
    return classify(found.format_str) if found else GENERAL
