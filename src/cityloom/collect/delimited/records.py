"""Records of delimited text line by line: every line belongs to one record, or is set apart by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cityloom.collect.delimited.dialect import BrokenError, Dialect, OpenError

LONGEST = 16 << 20
"""So many characters may one record have."""
_LINES = 20_000
"""So many lines may one record span."""
_MARK = "\ufeff"
_SIGN = re.compile(rb"\xff(?=\\x[0-9a-f]{2})")
"""Stands in a recoded copy before the digits of a byte that is no text."""


@dataclass(frozen=True)
class Record:
    """One record: its first line from 1, its text without the last line's end, its values; or why there are none."""

    line: int
    lines: int
    text: str
    values: list[str] | None
    code: str = ""
    reason: str = ""


_PROBLEMS = {
    "collect.row.undecodable": "bytes that are no text in the file's encoding",
    "collect.row.null": "a zero byte",
}


@dataclass(frozen=True)
class Line:
    """A line with its end; ``problem`` is the code of what makes it no text."""

    text: str
    problem: str = ""

    @property
    def reason(self) -> str:
        """What makes it no text, in words."""
        return _PROBLEMS.get(self.problem, "")


def read_lines(raw: Sequence[bytes]) -> list[Line]:
    """Lines of UTF-8 as text; a damaged one with what can be read of it."""
    return [read_line(line) for line in raw]


def read_line(data: bytes) -> Line:
    """One of them."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Line(_SIGN.sub(b"", data).decode("utf-8", "backslashreplace"), "collect.row.undecodable")
    if "\0" in text:
        return Line(text.replace("\0", "\u2400"), "collect.row.null")
    return Line(text)


def read_records(
    lines: Sequence[Line], dialect: Dialect, first: int, *, is_last: bool, most: int | None = None
) -> tuple[list[Record], int]:
    """The records of lines, as long as each is complete, and how many lines they and the blank ones between take.

    Args:
        lines: of the text.
        dialect: how they are written.
        first: number of the first line.
        is_last: whether the text ends with them; if not, a record that may go on ends the reading.
        most: so many records are enough.
    """
    records: list[Record] = []
    at = 0
    while at < len(lines) and (most is None or len(records) < most):
        line = lines[at]
        body = _body(line.text)
        if line.problem:
            records.append(Record(first + at, 1, body, None, line.problem, line.reason))
            at += 1
        elif not body:
            at += 1
        else:
            record = _record(lines, at, body, dialect, first, is_last)
            if record is None:
                break
            records.append(record)
            at += record.lines
    return records, at


def _record(
    lines: Sequence[Line], at: int, body: str, dialect: Dialect, first: int, is_last: bool
) -> Record | None:
    try:
        return Record(first + at, 1, body, dialect.split(body))
    except BrokenError as error:
        return _broken(first + at, body, error)
    except OpenError:
        return _joined(lines, at, dialect, first, is_last)


def _joined(lines: Sequence[Line], at: int, dialect: Dialect, first: int, is_last: bool) -> Record | None:
    """The record that begins in a line and goes on; None where the end is not among the lines."""
    body = _body(lines[at].text)
    text, length = [lines[at].text], len(lines[at].text)
    for end in range(at + 1, min(len(lines), at + _LINES)):
        line = lines[end]
        length += len(line.text)
        if line.problem or length > LONGEST:
            return _open(first + at, body)
        text.append(line.text)
        if dialect.is_plain(line.text) and not (dialect.escape and text[-2].rstrip("\r\n").endswith(dialect.escape)):
            continue
        whole = _body("".join(text))
        try:
            return Record(first + at, end + 1 - at, whole, dialect.split(whole))
        except BrokenError as error:
            return _broken(first + at, body, error)
        except OpenError:
            continue
    is_bounded = len(lines) - at >= _LINES
    return _open(first + at, body) if is_last or is_bounded else None


def _body(text: str) -> str:
    """A line without its end, and without a byte order mark before it."""
    if text.endswith("\r\n"):
        text = text[:-2]
    elif text.endswith(("\n", "\r")):
        text = text[:-1]
    return text.removeprefix(_MARK)


def _open(line: int, body: str) -> Record:
    reason = "a quote is opened and never closed; the file may be cut off"
    return Record(line, 1, body, None, "collect.csv.quote", reason)


def _broken(line: int, body: str, error: BrokenError) -> Record:
    reason = f"text after a closed quote, at character {error.column}"
    return Record(line, 1, body, None, "collect.csv.quote", reason)
