"""Workbooks of OpenDocument (ods): ISO/IEC 26300."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any

from lxml import etree

from cityloom.collect.sheets import cells
from cityloom.collect.sheets.formats import GENERAL
from cityloom.collect.sheets.model import BookError, Range, Sheet, Value
from cityloom.collect.sheets.package import Package, local

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_CONTENT = "content.xml"
_ERROR = re.compile(r"#[A-Z0-9/]+[!?]?|Err:\d+")
_SPAN = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:([\d.,]+)S)?")
_NUMBERS = frozenset(("float", "percentage", "currency"))
_WIDEST = 16_384


class Ods:
    """An open workbook.

    Args:
        file: of it.

    Raises:
        BookError: where it is none.
    """

    limit = 1_048_576

    def __init__(self, file: IO[bytes]) -> None:
        self._package = Package(file)
        if not self._package.has(_CONTENT):
            raise BookError("it holds no content")
        self._sheets = tuple(self._list())

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The sheets."""
        return self._sheets

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Value]]]:
        """Rows with anything in them."""
        number = 1
        for row in self._rows(sheet):
            times = _count(row, "number-rows-repeated")
            values = _values(row)
            for repeat in range(times if values else 0):
                yield number + repeat, list(values)
            number += times

    def merged(self, sheet: str) -> Sequence[Range]:
        """Merged cells."""
        found, number = [], 1
        for row in self._rows(sheet):
            column = 0
            for cell in _cells(row):
                down, across = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
                if down > 1 or across > 1:
                    found.append(Range(number, column, number + down - 1, column + across - 1))
                column += _count(cell, "number-columns-repeated")
            number += _count(row, "number-rows-repeated")
        return tuple(found)

    def close(self) -> None:
        """Let go of the file."""
        self._package.close()

    def _list(self) -> Iterator[Sheet]:
        hidden: set[str | None] = set()
        for event, element, depth in self._events():
            if local(element) == "style" and event == "end":
                if any(part.get(f"{_TABLE}display") == "false" for part in element):
                    hidden.add(next((v for k, v in element.attrib.items() if k.endswith("}name")), None))
            elif local(element) == "table" and event == "start" and depth == 1:
                yield Sheet(element.get(f"{_TABLE}name", ""), element.get(f"{_TABLE}style-name") in hidden)

    def _rows(self, sheet: str) -> Iterator[Any]:
        is_wanted = False
        for event, element, depth in self._events():
            tag = local(element)
            if tag == "table" and event == "start" and depth == 1:
                is_wanted = element.get(f"{_TABLE}name", "") == sheet
            elif tag == "table" and depth == 0 and is_wanted:
                return
            elif tag == "table-row" and event == "end" and depth == 1 and is_wanted:
                yield element

    def _events(self) -> Iterator[tuple[str, Any, int]]:
        """Beginnings and ends of styles, tables and rows, with how many tables are open; rows go after their end."""
        tags = (f"{_TABLE}table", f"{_TABLE}table-row", "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}style")
        depth = 0
        try:
            with self._package.open(_CONTENT) as file:
                options = {"resolve_entities": False, "no_network": True, "huge_tree": True}
                for event, element in etree.iterparse(file, events=("start", "end"), tag=tags, **options):
                    if element.tag == tags[0]:
                        depth += 1 if event == "start" else -1
                    yield event, element, depth
                    if event == "end" and element.tag != tags[0] and depth < 2:
                        element.clear()
                        while element.getprevious() is not None:
                            del element.getparent()[0]
        except (etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise BookError(type(error).__name__) from None


def _values(row: Any) -> list[Value]:
    """The values from the first column on, up to the last that has one."""
    found: list[Value] = []
    column = 0
    for cell in _cells(row):
        times = min(_count(cell, "number-columns-repeated"), _WIDEST)
        value = _value(cell)
        if value is not None:
            found.extend([None] * (column - len(found)))
            found.extend([value] * times)
        column += times
    return found


def _cells(row: Any) -> Iterator[Any]:
    return (cell for cell in row if local(cell) in ("table-cell", "covered-table-cell"))


def _count(element: Any, name: str) -> int:
    text = element.get(f"{_TABLE}{name}", "1")
    return int(text) if text.isdigit() else 1


def _value(cell: Any) -> Value:
    kind = cell.get(f"{_OFFICE}value-type") or cell.get(f"{_CALC}value-type")
    has_formula = cell.get(f"{_TABLE}formula") is not None
    if kind is None:
        return cells.uncomputed() if has_formula and not len(cell) else _shown(cell) or None
    shown = _shown(cell)
    if cell.get(f"{_CALC}value-type") == "error" or (has_formula and _ERROR.fullmatch(shown)):
        return cells.error(shown)
    if kind in _NUMBERS:
        return _number(cell.get(f"{_OFFICE}value", ""), shown)
    if kind == "date":
        return cell.get(f"{_OFFICE}date-value", "").replace("T", " ") or None
    if kind == "time":
        return _span(cell.get(f"{_OFFICE}time-value", ""))
    if kind == "boolean":
        return cells.boolean(cell.get(f"{_OFFICE}boolean-value") == "true")
    return cell.get(f"{_OFFICE}string-value") or shown or None


def _number(text: str, shown: str) -> Value:
    try:
        value = float(text)
    except ValueError:
        raise BookError("a number is none") from None
    if shown.startswith("0") and shown.isdigit() and int(shown) == value:
        return shown
    return cells.number_cell(value, GENERAL)


def _span(text: str) -> Value:
    """``PT12H30M00S`` as ``12:30:00``."""
    found = _SPAN.fullmatch(text)
    if not found:
        return text or None
    sign, days, hours, minutes, seconds = found.groups()
    whole, _, part = (seconds or "0").replace(",", ".").partition(".")
    total = int(days or 0) * 24 + int(hours or 0)
    ms = f".{part[:3].ljust(3, '0')}" if part.strip("0") else ""
    return f"{sign}{total:02}:{int(minutes or 0):02}:{int(whole):02}{ms}"


def _shown(cell: Any) -> str:
    """What the cell shows: its paragraphs, without notes on it."""
    return "\n".join("".join(_pieces(part)) for part in cell if part.tag == f"{_TEXT}p")


def _pieces(element: Any) -> Iterator[str]:
    yield element.text or ""
    for part in element:
        tag = local(part)
        if tag == "s":
            yield " " * int(part.get(f"{_TEXT}c", "1"))
        elif tag == "tab":
            yield "\t"
        elif tag == "line-break":
            yield "\n"
        elif tag not in ("note", "annotation", "ruby-text"):
            yield from _pieces(part)
        yield part.tail or ""
