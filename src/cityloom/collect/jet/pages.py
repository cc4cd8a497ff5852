"""The pages of a database file: its version, its encoding, rows by pointer, long values, the pages of a table."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cityloom.kernel.errors import DataError

_MAGIC = (b"Standard Jet DB", b"Standard ACE DB")
_HEADER_KEY = bytes.fromhex("c7da396b")
_DELETED, _MOVED, _OFFSET = 0x8000, 0x4000, 0x1FFF
_INLINE, _ONE_ROW, _LENGTH = 0x80000000, 0x40000000, 0x3FFFFFFF
_MOST_LINKS = 100_000
"""Of a chain of pages or rows; more means that it goes in a circle."""


class BrokenError(Exception):
    """Bytes that are not what the format says; the text holds positions and no values. ``raw`` is the row, where it is
    one."""

    raw = b""


@dataclass(frozen=True)
class Layout:
    """What differs between Jet 3 and its followers: sizes and positions in bytes."""

    page_size: int
    rows_at: int


JET3 = Layout(page_size=2048, rows_at=8)
JET4 = Layout(page_size=4096, rows_at=12)


class JetFile:
    """An open database file.

    Args:
        path: of the file.
        name: what to call it in errors.
        encoding: of texts in Jet 3; empty takes the code page that the file names. Later versions hold Unicode.

    Raises:
        DataError: ``collect.access.damaged`` where it is none, ``collect.access.locked`` where a password is needed.
    """

    def __init__(self, path: Path, name: str, encoding: str = "") -> None:
        self.name = name
        self._wanted = encoding
        self._file: IO[bytes] = path.open("rb")
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        start = self._file.read(256)
        if len(start) < 256 or not start[4:].startswith(_MAGIC):
            raise damaged(self.name, "it does not begin as a database of Access")
        self.version = start[0x14]
        self.is_jet3 = self.version == 0
        self.layout = JET3 if self.is_jet3 else JET4
        plain = _arc4(_HEADER_KEY, start[0x18 : 0x18 + (126 if self.is_jet3 else 128)])
        self.codepage, self._key = struct.unpack_from("<HI", plain, 0x3C - 0x18)
        if self._key and self.version >= 2:
            raise locked(self.name)
        self.encoding = (self._wanted or f"cp{self.codepage or 1252}") if self.is_jet3 else ""
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self.count = len(self._bytes) // self.layout.page_size

    def __enter__(self) -> JetFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()
        self._file.close()

    def page(self, number: int) -> bytes:
        """A page by number."""
        size = self.layout.page_size
        if not 0 < number < self.count:
            raise BrokenError(f"page {number} is not in the file")
        raw = self._bytes[number * size : (number + 1) * size]
        return _arc4(struct.pack("<I", self._key ^ number), raw) if self._key else raw

    def rows(self, number: int, owner: int) -> Iterator[bytes | None]:
        """The rows of a data page in order; ``None`` for one that was deleted or moved here from another page."""
        page = self.page(number)
        if page[0] != 1 or struct.unpack_from("<I", page, 4)[0] != owner:
            return
        for row in range(self._row_count(page)):
            start, end = self._bounds(page, row)
            if start & _DELETED:
                yield None
            elif start & _MOVED:
                yield self._moved(page[start & _OFFSET : end])
            else:
                yield page[start & _OFFSET : end]

    def row(self, pointer: int) -> bytes:
        """The bytes of a row by pointer: its page in the upper 24 bits, its number there in the lower 8."""
        page = self.page(pointer >> 8)
        number = pointer & 0xFF
        if number >= self._row_count(page):
            raise BrokenError(f"page {pointer >> 8} has no row {number}")
        start, end = self._bounds(page, number)
        return page[start & _OFFSET : end]

    def long_value(self, field: bytes) -> bytes:
        """The bytes that a field of a memo or an OLE object stands for."""
        if len(field) < 12:
            raise BrokenError("a long value is cut off")
        length, pointer = struct.unpack_from("<II", field)
        size = length & _LENGTH
        if length & _INLINE:
            found = field[12 : 12 + size]
        elif length & _ONE_ROW:
            found = self.row(pointer)[:size]
        else:
            found = self._chain(pointer, size)
        if len(found) != size:
            raise BrokenError("a long value is cut off")
        return found

    def marked(self, pointer: int) -> Iterator[int]:
        """Numbers of the pages that a usage map marks, rising."""
        usage = self.row(pointer)
        if usage[0] == 0:
            yield from _bits(usage[5:], struct.unpack_from("<I", usage, 1)[0])
            return
        covered = (self.layout.page_size - 4) * 8
        for place, (number,) in enumerate(struct.iter_unpack("<I", usage[1 : 1 + (len(usage) - 1) // 4 * 4])):
            if number:
                yield from _bits(self.page(number)[4:], place * covered)

    def _chain(self, pointer: int, size: int) -> bytes:
        found = bytearray()
        for _ in range(_MOST_LINKS):
            if not pointer or len(found) >= size:
                return bytes(found[:size])
            row = self.row(pointer)
            pointer = struct.unpack_from("<I", row)[0]
            found += row[4:]
        raise BrokenError("a long value goes in a circle")

    def _moved(self, pointer: bytes) -> bytes:
        for _ in range(16):
            target = struct.unpack_from("<I", pointer)[0]
            page = self.page(target >> 8)
            start, end = self._bounds(page, target & 0xFF)
            if not start & _MOVED:
                return page[start & _OFFSET : end]
            pointer = page[start & _OFFSET : end]
        raise BrokenError("a row was moved in a circle")

    def _row_count(self, page: bytes) -> int:
        return int(struct.unpack_from("<H", page, self.layout.rows_at)[0])

    def _bounds(self, page: bytes, row: int) -> tuple[int, int]:
        """Start of a row with its flags, and its end."""
        at = self.layout.rows_at + 2 + 2 * row
        start = int(struct.unpack_from("<H", page, at)[0])
        end = struct.unpack_from("<H", page, at - 2)[0] & _OFFSET if row else self.layout.page_size
        if not at < start & _OFFSET <= end <= self.layout.page_size:
            raise BrokenError(f"row {row} of a page lies outside of it")
        return start, end


def damaged(file: str, problem: str) -> DataError:
    """The error for a file that is no sound database."""
    return DataError(
        "collect.access.damaged",
        "{file} is no readable database of Access: {problem}.",
        hint="Open it in Access, compact and repair it there, or have it delivered anew.",
        file=file,
        problem=problem,
    )


def locked(file: str) -> DataError:
    """The error for a database that a password encrypts."""
    return DataError(
        "collect.access.locked",
        "{file} is encrypted with a password.",
        hint="Take the password away in Access (File, Info, Decrypt), or have it delivered without one.",
        file=file,
    )


def _bits(mask: bytes, first: int) -> Iterator[int]:
    for place, byte in enumerate(mask):
        if byte:
            yield from (first + place * 8 + bit for bit in range(8) if byte >> bit & 1)


def _arc4(key: bytes, data: bytes) -> bytes:
    """Jet's own scrambling; the key stands in the file, so it protects nothing."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 0xFF
        state[i], state[j] = state[j], state[i]
    out = bytearray(data)
    i = j = 0
    for place, byte in enumerate(data):
        i = (i + 1) & 0xFF
        j = (j + state[i]) & 0xFF
        state[i], state[j] = state[j], state[i]
        out[place] = byte ^ state[(state[i] + state[j]) & 0xFF]
    return bytes(out)
