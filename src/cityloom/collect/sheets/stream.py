"""The cells of a sheet of Office Open XML, a stretch of rows at a time.

Nearly all programs write cells in the same few forms. Those are recognised by one expression, many times faster than
any parser; a stretch in which it does not account for every cell is parsed as XML.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from html import unescape
from itertools import chain
from typing import IO, Any

from lxml import etree

from cityloom.collect.sheets.model import BookError
from cityloom.collect.sheets.package import local

_BLOCK = 1 << 18
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})([0-9]+)"(?: s="([0-9]+)")?(?: t="([a-zA-Z]+)")?(?:/>|>'
    r"(?:<f(?:| [^<>]*?)(/>|>[^<]*</f>))?"
    r'(?:<v>([^<]*)</v>|<v/>|<is><t(?: xml:space="preserve")?>([^<]*)</t></is>)?</c>)'
)
_ROOT = re.compile(r"<(?:(\w+):)?worksheet[\s>]")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]+)")
_MERGE = re.compile(r'<mergeCell\s[^>]*?ref="([A-Z]+[0-9]+)(?::([A-Z]+[0-9]+))?"')
_END = "</row>"


Cell = tuple[int, str, str, bool, str | None]
"""A cell as it stands in the file: its column from 0, number of its style, type, whether a formula stands before, and its
text (``None`` where it has none)."""


def cells(file: IO[bytes]) -> Iterator[tuple[int, list[Cell]]]:
    """Rows with cells: number from 1, and the cells in their order.

    Raises:
        BookError: where it is no sheet, or is cut off.
    """
    blocks = _plain(_decoded(file))
    head = ""
    while "<sheetData" not in head:
        block = next(blocks, "")
        head += block
        if not block or len(head) > 16 * _BLOCK:
            raise BookError("it has no rows")
    root = _ROOT.search(head)
    if not root:
        raise BookError("it is no sheet")
    start = head[root.start() : head.index(">", root.start()) + 1]
    yield from _stretches(head[head.index("<sheetData") :], blocks, start)


def merged(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """First and last cell of each merged range; they stand behind the rows."""
    tail, is_behind = "", False
    for block in _plain(_decoded(file)):
        tail += block
        at = tail.rfind("</sheetData>")
        is_behind = is_behind or at >= 0
        tail = tail[at:] if at >= 0 else tail if is_behind else tail[-20:]
    yield from ((first, last or first) for first, last in _MERGE.findall(tail))


def column_of(letters: str) -> int:
    """The number of a column, from 0, by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def split(reference: str) -> tuple[int, int]:
    """Row from 1 and column from 0 of ``B5``."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        raise BookError("a cell has no place")
    return int(found.group(2)), column_of(found.group(1))


def rich(element: Any) -> str:
    """The text of all runs of an element, without how it is read aloud."""
    pieces = []
    for part in element:
        tag = local(part)
        if tag == "t":
            pieces.append(part.text or "")
        elif tag == "r":
            pieces += [t.text or "" for t in part if local(t) == "t"]
    return "".join(pieces)


def _decoded(file: IO[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
    try:
        while block := file.read(_BLOCK):
            yield decoder.decode(block)
    except UnicodeDecodeError:
        raise BookError("it is not UTF-8") from None


def _plain(blocks: Iterator[str]) -> Iterator[str]:
    """The same without the prefix that some programs put before every name: ``<x:c>``."""
    first = next(blocks, "")
    root = _ROOT.search(first)
    prefix = root.group(1) if root else None
    if not prefix:
        yield first
        yield from blocks
        return
    rest = first.replace(f"xmlns:{prefix}=", "xmlns=", 1)
    for block in chain(blocks, ("",)):
        cut = rest.rfind("<") if block else len(rest)
        yield rest[:cut].replace(f"<{prefix}:", "<").replace(f"</{prefix}:", "</")
        rest = rest[cut:] + block


def _stretches(text: str, blocks: Iterator[str], start: str) -> Iterator[tuple[int, list[Cell]]]:
    """The rows of whole stretches; what is left over goes to the next one."""
    is_over = False
    number = 0
    while not is_over:
        is_over = "</sheetData>" in text or "<sheetData/>" in text
        end = text.rfind(_END)
        if end >= 0:
            for last, row in _rows(text[: end + len(_END)], start, number):
                yield last, row
                number = last
            text = text[end + len(_END) :]
        block = "" if is_over else next(blocks, "")
        if not block and not is_over:
            raise BookError("it is cut off")
        text += block


def _rows(text: str, start: str, number: int) -> Iterator[tuple[int, list[Cell]]]:
    found = _CELL.findall(text)
    if len(found) != text.count("<c ") + text.count("<c>") or "<!" in text or "<?" in text:
        yield from _parsed(text, start, number)
        return
    has_escapes = "&" in text
    current = ""
    row: list[Cell] = []
    columns: dict[str, int] = {}
    for letters, place, style, kind, formula, value, inline in found:
        if place != current:
            if row:
                yield int(current), row
            current, row = place, []
        column = columns.get(letters)
        if column is None:
            column = columns[letters] = column_of(letters)
        content = value or inline
        if has_escapes and "&" in content:
            content = unescape(content)
        row.append((column, style, kind, formula != "", content or None))
    if row:
        yield int(current), row


def _parsed(text: str, start: str, number: int) -> Iterator[tuple[int, list[Cell]]]:
    begin = text.find("<row")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(f"{start}{text[begin:]}</worksheet>".encode(), parser)
    except etree.XMLSyntaxError:
        raise BookError("it is no XML") from None
    for row in root:
        if local(row) != "row":
            continue
        given = row.get("r")
        number = int(given) if given else number + 1
        yield number, list(_parsed_cells(row))


def _parsed_cells(row: Any) -> Iterator[Cell]:
    column = -1
    for cell in row:
        if local(cell) != "c":
            continue
        place = cell.get("r")
        column = split(place)[1] if place else column + 1
        parts = {local(part): part for part in cell}
        text = parts["v"].text if "v" in parts else rich(parts["is"]) if "is" in parts else None
        yield column, cell.get("s", ""), cell.get("t", ""), "f" in parts, text or None
