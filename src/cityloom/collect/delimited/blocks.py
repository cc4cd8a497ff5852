"""UTF-8 text in stretches: one that is clean is taken whole, one that is not record by record.

A stretch is clean when a fast reader and the careful one (:mod:`records`) must read the same from it: it ends with a
record, quotes stand only around whole values (or doubled inside them), and nothing in it needs a second look: no
blank line, no record without any value, no escape, no repeated header, no byte order mark, no damaged byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TypeVar

from cityloom.collect.delimited.dialect import Dialect
from cityloom.collect.delimited.records import LONGEST, Record, read_lines, read_records

T = TypeVar("T")

STRETCH = 4 << 20
UNIT = b"\x1f"
"""Stands for a delimiter of several bytes, or of none, on the fast way."""
_CAREFUL = 128 << 10
_BOM = b"\xef\xbb\xbf"


class LongError(Exception):
    """A record is longer than may be; ``line`` is its first."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True)
class Clean:
    """A stretch for a fast reader: so many records from ``line`` on; ``lines`` are more where values hold line ends."""

    data: bytes
    line: int
    lines: int
    records: int
    has_quotes: bool


@dataclass(frozen=True)
class Body:
    """The records of a text: where they stand in its bytes, and how they are written.

    Args:
        file: UTF-8 bytes.
        start: where the first record begins.
        end: behind the last one.
        line: number of the first line.
        dialect: how records are written.
        apart: texts of lines that are looked at one by one wherever they come: those of the header.
        comment: what a line that is no record begins with; empty for none.
        is_sound: whether no line is damaged.
    """

    file: IO[bytes]
    start: int
    end: int
    line: int
    dialect: Dialect
    apart: Sequence[str]
    comment: str
    is_sound: bool

    def read(self, fast: Callable[[Clean], T | None]) -> Iterator[T | list[Record]]:
        """The text in order: what ``fast`` makes of a clean stretch; where that is None, or it is not clean, records.

        Raises:
            LongError: when a record is too long.
        """
        window = _Window(self.file, self.start, self.end)
        line, size = self.line, STRETCH
        while data := window.look(size):
            clean = self._clean(data, line, window.is_end(len(data)))
            made = fast(clean) if clean else None
            if clean and made is not None:
                yield made
                window.skip(len(clean.data))
                line, size = line + clean.lines, min(STRETCH, 2 * size)
            else:
                records, length, lines = self._careful(window, line)
                yield records
                window.skip(length)
                line, size = line + lines, _CAREFUL

    def _careful(self, window: _Window, line: int) -> tuple[list[Record], int, int]:
        """The next records, and how many bytes and lines they take."""
        size = _CAREFUL
        while True:
            data = window.look(size)
            is_last = window.is_end(len(data))
            cut = len(data) if is_last else max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
            is_all = is_last or size > 2 * LONGEST
            raw = data[:cut].splitlines(keepends=True)
            records, lines = read_records(read_lines(raw), self.dialect, line, is_last=is_all)
            if lines:
                return records, sum(map(len, raw[:lines])), lines
            if is_all:
                raise LongError(line)
            size *= 4

    def _clean(self, data: bytes, line: int, is_last: bool) -> Clean | None:
        quote = self.dialect.quote.encode()
        parts = [data] if not quote or quote not in data else data.split(quote)
        cut = len(data) if is_last else _cut(parts, len(quote))
        chunk = data[:cut]
        if not chunk or self._is_odd(chunk):
            return None
        end = not chunk.endswith(b"\n")
        if not quote or quote not in chunk:
            records = chunk.count(b"\n") + end
            return Clean(chunk, line, records, records, False)
        parts = self._paired(chunk, quote)
        if not parts:
            return None
        records = sum(part.count(b"\n") for part in parts[::2]) + end
        return Clean(chunk, line, chunk.count(b"\n") + end, records, True)

    def _is_odd(self, chunk: bytes) -> bool:
        """Whether something in a stretch needs the careful reader, quotes aside."""
        if any(sign in chunk for sign in self._signs) or chunk.startswith(self._starts):
            return True
        if chunk.count(b"\r") != chunk.count(b"\r\n"):
            return True
        may_be_valueless = chunk.startswith(self._blanks) or any(b"\n" + blank in chunk for blank in self._blanks)
        if may_be_valueless and self._valueless.search(chunk):
            return True
        return not self.is_sound and not _is_text(chunk)

    @cached_property
    def _signs(self) -> tuple[bytes, ...]:
        """What must be nowhere in a clean stretch."""
        simple = len(self.dialect.delimiter.encode()) == 1
        signs = [_BOM, b"\n\n", b"\n\r\n", *(b"\n" + start for start in self._starts[2:])]
        signs += [self.dialect.escape.encode()] if self.dialect.escape else []
        return tuple(signs if simple else [*signs, UNIT])

    @cached_property
    def _starts(self) -> tuple[bytes, ...]:
        """What must be at the start of no line in a clean stretch."""
        texts = [*self.apart, self.comment] if self.comment else [*self.apart]
        return (b"\n", b"\r\n", *(text.encode() for text in texts))

    @cached_property
    def _blanks(self) -> tuple[bytes, ...]:
        """With what a line without any value may begin."""
        return tuple(s.encode() for s in (self.dialect.delimiter, self.dialect.quote * 2) if s)

    @cached_property
    def _valueless(self) -> re.Pattern[bytes]:
        return re.compile(rb"^(?:" + b"|".join(map(re.escape, self._blanks)) + rb")+\r?$", re.MULTILINE)

    def _paired(self, chunk: bytes, quote: bytes) -> list[bytes]:
        """A stretch parted at its quotes, doubled ones left out; empty where one stands at no edge of a value."""
        delimiter = self.dialect.delimiter.encode()
        if len(delimiter) != 1 or self._glued.search(chunk):
            return []
        parts = chunk.replace(quote + quote, b"").split(quote)
        if len(parts) % 2 == 0:
            return []
        before = {part[-1:] for part in parts[2:-1:2]} | {parts[0][-1:] or b"\n"}
        behind = {part[:1] for part in parts[2:-1:2]} | {parts[-1][:1] or b"\n"}
        is_fit = before <= {delimiter, b"\n"} and behind <= {delimiter, b"\r", b"\n"}
        return parts if is_fit or len(parts) == 1 else []

    @cached_property
    def _glued(self) -> re.Pattern[bytes]:
        """Text right behind an empty quoted value."""
        delimiter, quote = (re.escape(s.encode()) for s in (self.dialect.delimiter, self.dialect.quote))
        return re.compile(rb"(?:\A|[\n" + delimiter + rb"])" + quote * 2 + rb"[^\r\n" + delimiter + quote + rb"]")


class _Window:
    """Bytes of a file between two places, looked at and left behind."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file, self._at, self._end, self._buffer = file, start, end, b""

    def look(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        missing = min(size - len(self._buffer), self._end - self._at)
        if missing > 0:
            self._file.seek(self._at)
            self._buffer += self._file.read(missing)
            self._at += missing
        return self._buffer[:size]

    def is_end(self, size: int) -> bool:
        """Whether nothing comes behind the next ``size`` bytes."""
        return self._at >= self._end and size >= len(self._buffer)

    def skip(self, size: int) -> None:
        """Leave bytes behind."""
        self._buffer = self._buffer[size:]


def _cut(parts: list[bytes], step: int) -> int:
    """Behind the last line end that is not between two quotes."""
    end = sum(map(len, parts)) + step * (len(parts) - 1)
    for number in range(len(parts) - 1, -1, -1):
        begin = end - len(parts[number])
        at = parts[number].rfind(b"\n") if number % 2 == 0 else -1
        if at >= 0:
            return begin + at + 1
        end = begin - step
    return 0


def _is_text(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in chunk
