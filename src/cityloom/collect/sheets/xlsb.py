"""Binary workbooks of Excel since 2007 (xlsb): [MS-XLSB]."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import IO

from cityloom.collect.sheets import cells
from cityloom.collect.sheets.formats import GENERAL, Format, built_in, classify
from cityloom.collect.sheets.model import BookError, Range, Sheet, Value
from cityloom.collect.sheets.package import Package
from cityloom.collect.sheets.texts import keep_texts

_ROW, _BLANK, _RK, _ERROR, _BOOL, _REAL, _TEXT, _SHARED = range(8)
_FORMULAS = {8: _TEXT, 9: _REAL, 10: _BOOL, 11: _ERROR}
_STRING_ITEM, _FORMAT, _XF, _CELL_XFS, _CELL_XFS_END = 19, 44, 47, 617, 618
_BOOK_SETTINGS, _BUNDLE_SHEET, _MERGE = 153, 156, 176
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
Record = tuple[int, bytes]


class Xlsb:
    """An open workbook.

    Args:
        file: of it.

    Raises:
        BookError: where it is none.
    """

    limit = 1_048_576

    def __init__(self, file: IO[bytes]) -> None:
        self._package = Package(file)
        main = "xl/workbook.bin"
        parts = self._package.relations(main)
        self._parts: dict[str, str] = {}
        self._is_1904 = False
        found = []
        try:
            for kind, raw in self._records(main):
                if kind == _BOOK_SETTINGS:
                    self._is_1904 = bool(raw[0] & 1)
                elif kind == _BUNDLE_SHEET:
                    relation, at = _wide(raw, 8)
                    name, _ = _wide(raw, at)
                    if "worksheets/" in parts.get(relation, "").casefold():
                        self._parts[name] = parts[relation]
                        found.append(Sheet(name, struct.unpack_from("<I", raw)[0] != 0))
            self._styles = list(self._read_styles("xl/styles.bin"))
            self._texts = keep_texts(self._strings("xl/sharedStrings.bin"))
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise BookError(type(error).__name__) from None
        self._sheets = tuple(found)

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The work sheets."""
        return self._sheets

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Value]]]:
        """Rows with anything in them."""
        number, values = 0, list[Value]()
        try:
            for kind, raw in self._records(self._parts[sheet]):
                if kind == _ROW:
                    if any(v is not None for v in values):
                        yield number, values
                    number, values = struct.unpack_from("<I", raw)[0] + 1, []
                elif kind < _ROW + 12 and kind != _BLANK:
                    column = struct.unpack_from("<I", raw)[0]
                    values.extend([None] * (column - len(values)))
                    values.append(self._value(_FORMULAS.get(kind, kind), raw))
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise BookError(type(error).__name__) from None
        if any(v is not None for v in values):
            yield number, values

    def merged(self, sheet: str) -> Sequence[Range]:
        """Merged cells."""
        found = [struct.unpack_from("<4I", raw) for kind, raw in self._records(self._parts[sheet]) if kind == _MERGE]
        return tuple(Range(top + 1, left, bottom + 1, right) for top, bottom, left, right in found)

    def close(self) -> None:
        """Let go of the file."""
        self._package.close()

    def _value(self, kind: int, raw: bytes) -> Value:
        if kind == _SHARED:
            return self._texts[struct.unpack_from("<I", raw, 8)[0]] or None
        if kind == _TEXT:
            return _wide(raw, 8)[0] or None
        if kind == _BOOL:
            return cells.boolean(raw[8] != 0)
        if kind == _ERROR:
            return cells.error(_ERRORS.get(raw[8], "#ERR"))
        number = _short(struct.unpack_from("<I", raw, 8)[0]) if kind == _RK else struct.unpack_from("<d", raw, 8)[0]
        style = int.from_bytes(raw[4:7], "little")
        known = self._styles[style] if style < len(self._styles) else GENERAL
        return cells.number_cell(number, known, is_1904=self._is_1904)

    def _read_styles(self, part: str) -> Iterator[Format]:
        own: dict[int, Format] = {}
        is_cells = False
        for kind, raw in self._records(part) if self._package.has(part) else ():
            if kind == _FORMAT:
                own[struct.unpack_from("<H", raw)[0]] = classify(_wide(raw, 2)[0])
            elif kind in (_CELL_XFS, _CELL_XFS_END):
                is_cells = kind == _CELL_XFS
            elif kind == _XF and is_cells:
                number = struct.unpack_from("<H", raw, 2)[0]
                yield own[number] if number in own else built_in(number)

    def _strings(self, part: str) -> Iterator[str]:
        for kind, raw in self._records(part) if self._package.has(part) else ():
            if kind == _STRING_ITEM:
                yield _wide(raw, 1)[0]

    def _records(self, part: str) -> Iterator[Record]:
        """The records of a part: kind and content."""
        with self._package.open(part) as file:
            while first := file.read(1):
                kind = first[0]
                if kind & 0x80:
                    kind = kind & 0x7F | file.read(1)[0] << 7
                size = 0
                for place in range(4):
                    byte = file.read(1)[0]
                    size |= (byte & 0x7F) << 7 * place
                    if not byte & 0x80:
                        break
                raw = file.read(size)
                if len(raw) < size:
                    raise BookError("it is cut off")
                yield kind, raw


def _wide(raw: bytes, at: int) -> tuple[str, int]:
    """A text with its length before it, and where it ends."""
    end = at + 4 + 2 * struct.unpack_from("<I", raw, at)[0]
    if end > len(raw):
        raise IndexError
    return raw[at + 4 : end].decode("utf-16-le", "surrogatepass"), end


def _short(packed: int) -> float:
    """A number packed into 30 bits: a whole number or the upper half of a double, maybe in hundredths."""
    if packed & 2:
        value: float = (packed >> 2) - (1 << 30 if packed & 0x80000000 else 0)
    else:
        value = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<I", packed & 0xFFFFFFFC))[0]
    return value / 100 if packed & 1 else value
