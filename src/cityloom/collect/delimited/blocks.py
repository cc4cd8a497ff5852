"""UTF-8 text in stretches: one that is clean is taken whole, one that is not record by record.

A stretch is clean when a fast reader and the careful one (:mod:`records`) must read the same from it: it ends with a
record, quotes stand only around whole values (or doubled inside them), and nothing in it needs a second look: no
blank line, no record without any value, no escape, no repeated header, no byte order mark, no damaged byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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
class Span:
    """So many bytes of a text, whole records; ``records`` is None where it must be read with care.

    ``lines`` are more than the records where values hold line ends.
    """

    at: int
    length: int
    line: int
    lines: int
    records: int | None
    has_quotes: bool = False


@dataclass(frozen=True)
class Clean:
    """A span for a fast reader."""

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
        plan: the spans, once they were counted.
    """

    file: IO[bytes]
    start: int
    end: int
    line: int
    dialect: Dialect
    apart: Sequence[str]
    comment: str
    is_sound: bool
    plan: list[Span] = field(default_factory=list, compare=False, repr=False)

    def count(self, real: Callable[[list[Record]], list[Record]]) -> int:
        """The records: in clean spans told from the line ends outside quotes, elsewhere those that are ``real``.

        Raises:
            LongError: when a record is too long.
        """
        total, plan = 0, []
        for span in self._spans(self.start, self.end, self.line, STRETCH):
            plan.append(span)
            total += len(real(self._records(span))) if span.records is None else span.records
        self.plan[:] = plan
        return total

    def read(self, fast: Callable[[Clean], T | None]) -> Iterator[T | list[Record]]:
        """The text in order: what ``fast`` makes of a clean span; where that is None, or it is not clean, records.

        Raises:
            LongError: when a record is too long.
        """
        for span in self.plan or self._spans(self.start, self.end, self.line, STRETCH):
            yield from self._take(span, fast)

    def _take(self, span: Span, fast: Callable[[Clean], T | None]) -> Iterator[T | list[Record]]:
        if span.records is not None:
            made = fast(Clean(self._bytes(span), span.line, span.lines, span.records, span.has_quotes))
            if made is not None:
                yield made
                return
            if span.length > _CAREFUL:
                for part in self._spans(span.at, span.at + span.length, span.line, _CAREFUL):
                    yield from self._take(part, fast)
                return
        yield self._records(span)

    def _bytes(self, span: Span) -> bytes:
        self.file.seek(span.at)
        return self.file.read(span.length)

    def _records(self, span: Span) -> list[Record]:
        lines = read_lines(self._bytes(span).splitlines(keepends=True))
        return read_records(lines, self.dialect, span.line, is_last=True)[0]

    def _spans(self, start: int, end: int, line: int, most: int) -> Iterator[Span]:
        """The spans from one record to another, clean ones as long as may be."""
        window = _Window(self.file, start, end)
        size = most
        while data := window.look(size):
            clean = self._clean(data, window.at, line, window.is_end(len(data)))
            span = clean or self._careful(window, line)
            yield span
            window.skip(span.length)
            line += span.lines
            size = min(most, 2 * size) if clean else _CAREFUL

    def _careful(self, window: _Window, line: int) -> Span:
        """The next records, a few of them."""
        size = _CAREFUL
        while True:
            data = window.look(size)
            is_last = window.is_end(len(data))
            cut = len(data) if is_last else max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
            is_all = is_last or size > 2 * LONGEST
            raw = data[:cut].splitlines(keepends=True)
            _, lines = read_records(read_lines(raw), self.dialect, line, is_last=is_all)
            if lines:
                return Span(window.at, sum(map(len, raw[:lines])), line, lines, None)
            if is_all:
                raise LongError(line)
            size *= 4

    def _clean(self, data: bytes, at: int, line: int, is_last: bool) -> Span | None:
        quote = self.dialect.quote.encode()
        has_quotes = bool(quote) and quote in data
        cut = len(data) if is_last else _cut(data, quote if has_quotes else b"")
        chunk = data if cut == len(data) else data[:cut]
        lines = self._even(chunk) if chunk else 0
        if not lines:
            return None
        if not has_quotes:
            return Span(at, cut, line, lines, lines)
        within = self._line_ends_within(chunk)
        return None if within is None else Span(at, cut, line, lines, lines - within, True)

    def _line_ends_within(self, chunk: bytes) -> int | None:
        """Line ends within quotes; None where a quote stands at no edge of a value."""
        quote = self.dialect.quote.encode()
        if len(self.dialect.delimiter.encode()) != 1 or len(quote) != 1:
            return None
        if quote * 2 in chunk:
            if any(pattern.search(chunk) for pattern in self._glued):
                return None
            chunk = chunk.replace(quote * 2, b"")
        if self._paired[0].fullmatch(chunk):
            return 0
        if not self._paired[1].fullmatch(chunk):
            return None
        return sum(part.count(b"\n") for part in chunk.split(quote)[1::2])

    def _even(self, chunk: bytes) -> int:
        """The lines of a stretch; 0 where one needs the careful reader, quotes aside."""
        lines = chunk.split(b"\n")
        if not lines[-1]:
            lines.pop()
        firsts = {line[:1] for line in lines}
        if b"" in firsts or b"\r" in firsts or any(sign in chunk for sign in self._signs):
            return 0
        if b"\r" in chunk and chunk.count(b"\r") != chunk.count(b"\r\n"):
            return 0
        if not self._starts[0].isdisjoint(firsts) and any(line.startswith(self._starts[1]) for line in lines):
            return 0
        if not self._blank.isdisjoint(firsts) and not all(line.strip(self._filler) for line in lines):
            return 0
        return len(lines) if self.is_sound or _is_text(chunk) else 0

    @cached_property
    def _signs(self) -> tuple[bytes, ...]:
        """What must be nowhere in a clean stretch."""
        delimiter = self.dialect.delimiter.encode()
        spaced = delimiter + b" " if self.dialect.is_spaced else b""
        return tuple(s for s in (self.dialect.escape.encode(), spaced, b"" if len(delimiter) == 1 else UNIT) if s)

    @cached_property
    def _starts(self) -> tuple[frozenset[bytes], tuple[bytes, ...]]:
        """What must be at the start of no line in a clean stretch; and the first bytes of it."""
        blank = (b" ",) if self.dialect.is_spaced else ()
        starts = (_BOM, *blank, *(text.encode() for text in (*self.apart, self.comment) if text))
        return frozenset(start[:1] for start in starts), starts

    @cached_property
    def _blank(self) -> frozenset[bytes]:
        """With what a line without any value may begin."""
        return frozenset(s.encode()[:1] for s in (self.dialect.delimiter, self.dialect.quote) if s)

    @cached_property
    def _filler(self) -> bytes:
        """Of what a line without any value may consist."""
        return (self.dialect.delimiter + self.dialect.quote + "\r").encode()

    @cached_property
    def _paired(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """Text whose quotes stand around whole values: without line ends in them, and with."""
        d, q = (re.escape(s.encode()) for s in (self.dialect.delimiter, self.dialect.quote))

        def pattern(inner: bytes) -> re.Pattern[bytes]:
            value = q + b"[^" + inner + b"]*+" + q
            return re.compile(b"(?:[^%s]*+(?<![^\n%s])%s(?![^\r\n%s]))*+[^%s]*+" % (q, d, value, d, q))

        return pattern(q + rb"\n"), pattern(q)

    @cached_property
    def _glued(self) -> tuple[re.Pattern[bytes], ...]:
        """Text right behind an empty quoted value."""
        d, q = (re.escape(s.encode()) for s in (self.dialect.delimiter, self.dialect.quote))
        return tuple(re.compile(b"%s%s%s[^\r\n%s%s]" % (start, q, q, d, q)) for start in (rb"\A", b"\n", d))


class _Window:
    """Bytes of a file between two places, looked at and left behind."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file, self._end, self._buffer = file, end, b""
        self.at = start

    def look(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        if len(self._buffer) < size:
            held = self.at + len(self._buffer)
            self._file.seek(held)
            self._buffer += self._file.read(min(size - len(self._buffer), self._end - held))
        return self._buffer if size >= len(self._buffer) else self._buffer[:size]

    def is_end(self, size: int) -> bool:
        """Whether nothing comes behind the next ``size`` bytes."""
        return self.at + size >= self._end

    def skip(self, size: int) -> None:
        """Leave bytes behind."""
        self._buffer = self._buffer[size:]
        self.at += size


def _cut(data: bytes, quote: bytes) -> int:
    """Behind the last line end with an even number of quotes before it."""
    at = data.rfind(b"\n")
    before = data.count(quote, 0, at + 1) if quote else 0
    while at >= 0 and before % 2:
        earlier = data.rfind(b"\n", 0, at)
        before -= data.count(quote, earlier + 1, at + 1)
        at = earlier
    return at + 1


def _is_text(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in chunk
