"""Workbooks of Office Open XML (xlsx, xlsm): ISO/IEC 29500, transitional and strict."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any

from lxml import etree

from cityloom.collect.sheets import cells, stream
from cityloom.collect.sheets.formats import GENERAL, Format, built_in, classify
from cityloom.collect.sheets.model import BookError, Range, Sheet, Value
from cityloom.collect.sheets.package import Package, local
from cityloom.collect.sheets.texts import keep_texts

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


class Xlsx:
    """An open workbook.

    Args:
        file: of it.

    Raises:
        BookError: where it is none.
    """

    limit = 1_048_576

    def __init__(self, file: IO[bytes]) -> None:
        self._package = Package(file)
        try:
            self._open()
        except etree.XMLSyntaxError:
            raise BookError("a part of it is no XML") from None

    def _open(self) -> None:
        roots = self._package.relations("")
        main = next((p for p in roots.values() if p.casefold().endswith("workbook.xml")), "xl/workbook.xml")
        parts = self._package.relations(main)
        self._is_1904 = False
        self._parts: dict[str, str] = {}
        found = []
        for one in self._package.elements(main, ("workbookPr", "sheet")):
            if local(one) == "workbookPr":
                self._is_1904 = one.get("date1904") in ("1", "true")
                continue
            name, part = one.get("name", ""), parts.get(_relation(one), "")
            if "worksheets/" in part.casefold() or part.casefold().rpartition("/")[2].startswith("sheet"):
                self._parts[name] = part
                found.append(Sheet(name, one.get("state", "visible") != "visible"))
        self._sheets = tuple(found)
        self._styles = self._read_styles(_part(parts, "styles.xml"))
        strings = _part(parts, "sharedstrings.xml")
        self._texts = keep_texts(_shared(self._package, strings) if strings and self._package.has(strings) else ())

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The work sheets."""
        return self._sheets

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Value]]]:
        """Rows with anything in them."""
        try:
            with self._package.open(self._parts[sheet]) as file:
                for number, row in stream.cells(file):
                    values = self._values(row)
                    if values:
                        yield number, values
        except (etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error, ValueError, IndexError, EOFError) as error:
            raise BookError(type(error).__name__) from None

    def merged(self, sheet: str) -> Sequence[Range]:
        """Merged cells."""
        found = []
        with self._package.open(self._parts[sheet]) as file:
            for first, last in stream.merged(file):
                (top, left), (bottom, right) = stream.split(first), stream.split(last)
                found.append(Range(top, left, bottom, right))
        return tuple(found)

    def close(self) -> None:
        """Let go of the file."""
        self._package.close()

    def _values(self, row: list[stream.Cell]) -> list[Value]:
        """The values from the first column on; none at all where every cell is empty."""
        found: list[Value] = []
        texts, width = self._texts, 0
        for column, style, kind, has_formula, text in row:
            if text is None and not has_formula:
                continue
            if column != width:
                found.extend(_gap(column - width))
                width = column
            if kind == "s" and text is not None:
                found.append(texts[int(text)] or None)
            elif not (style or kind) and text is not None and len(text) < 16 and text.isdigit():
                found.append(str(int(text)))
            else:
                found.append(self._value(style, kind, text))
            width += 1
        return found if any(v is not None for v in found) else []

    def _value(self, style: str, kind: str, text: str | None) -> Value:
        if text is None:
            return None if kind == "str" else cells.uncomputed()
        if not kind or kind == "n":
            known = self._styles[int(style)] if style else GENERAL
            return cells.number_cell(float(text), known, is_1904=self._is_1904)
        return _other(kind, text)

    def _read_styles(self, part: str | None) -> list[Format]:
        if not part or not self._package.has(part):
            return [GENERAL]
        own: dict[int, Format] = {}
        found: list[Format] = []
        for one in self._package.elements(part, ("numFmt", "cellXfs")):
            if local(one) == "numFmt":
                own[int(one.get("numFmtId", "0"))] = classify(one.get("formatCode", ""))
                continue
            for style in one:
                number = int(style.get("numFmtId", "0"))
                found.append(own[number] if number in own else built_in(number))
        return found or [GENERAL]


def _gap(width: int) -> list[Value]:
    if width < 0:
        raise BookError("cells out of order")
    return [None] * width


def _other(kind: str, text: str) -> Value:
    if kind == "b":
        return cells.boolean(text.strip() in ("1", "true"))
    if kind == "e":
        return cells.error(text)
    if kind == "d":
        return text.replace("T", " ").removesuffix(" 00:00:00").removesuffix("Z")
    return _unescaped(text) or None


def _relation(element: Any) -> str:
    return next((v for k, v in element.attrib.items() if k.endswith("}id")), "")


def _part(parts: dict[str, str], ending: str) -> str | None:
    return next((p for p in parts.values() if p.casefold().endswith(ending)), None)


def _shared(package: Package, part: str) -> Iterator[str]:
    for one in package.elements(part, ("si",)):
        yield _unescaped(stream.rich(one))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text) if "_x" in text else text
