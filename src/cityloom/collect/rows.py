"""JSON deliveries as one record a line, read piece by piece: memory holds one record, whatever the delivery's size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from cityloom.kernel.errors import DataError

_BLOCK = 1 << 16
_LONGEST = 16 << 20
"""Characters that one record may have."""
_BLANK = " \t\r\n"
_KEYS = ("batch_key", "delivery")


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What a JSON delivery says of itself, and how many records it holds."""

    rows: int
    batch_key: str = ""
    delivery: str = ""


def write_lines(source: Path, target: Path) -> Envelope:
    """Write the records of a JSON delivery one a line, in order: line 3 is the third record.

    A delivery is a list of objects, or an object with the list under ``rows`` and optionally ``batch_key`` and
    ``delivery``. Numbers keep their digits. What is no object stands on its line as it came, for the row's own error.

    Raises:
        DataError: ``collect.json.broken`` with the character where it ends to be JSON, ``collect.json.shape``.
    """
    try:
        with source.open(encoding="utf-8-sig", newline="") as text, target.open("w", encoding="utf-8", newline="\n") as lines:
            return _Reader(text).run(lines)
    except UnicodeDecodeError as error:
        raise _broken(error.start) from None


class _Reader:
    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = ""
        self._at = 0
        self._passed = 0
        self._is_over = False
        self._decoder = json.JSONDecoder()

    def run(self, lines: TextIO) -> Envelope:
        if self._look() == "[":
            rows = self._list(lines)
            found: dict[str, str] = {}
        elif self._look() == "{":
            rows, found = self._object(lines)
        else:
            raise self._shape() if self._look() else _broken(0)
        if self._look():
            raise self._wrong()
        return Envelope(rows=rows, **found)

    def _object(self, lines: TextIO) -> tuple[int, dict[str, str]]:
        rows, found = -1, {}
        self._skip("{")
        while self._look() != "}":
            key = str(self._value()[0])
            self._skip(":")
            if key == "rows" and rows < 0 and self._look() == "[":
                rows = self._list(lines)
            elif key in _KEYS and key not in found:
                value = self._value()[0]
                found[key] = value if isinstance(value, str) else ""
            else:
                raise self._shape()
            if self._look() != "}":
                self._skip(",")
        self._skip("}")
        if rows < 0:
            raise self._shape()
        return rows, found

    def _list(self, lines: TextIO) -> int:
        """The records of a list: a line break inside one stands between two of its signs, never in a text."""
        count = 0
        self._skip("[")
        while self._look() != "]":
            if count:
                self._skip(",")
            raw = self._value()[1]
            lines.write(raw.replace("\n", " ").replace("\r", " ") + "\n")
            count += 1
        self._skip("]")
        return count

    def _value(self) -> tuple[Any, str]:
        """The next value and its text. A number that ends where the block ends may go on in the next."""
        self._look()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._at)
                if end < len(self._held) or self._is_over:
                    raw = self._held[self._at : end]
                    self._at = end
                    return value, raw
            except (json.JSONDecodeError, RecursionError):
                pass
            if self._is_over or len(self._held) - self._at > _LONGEST:
                raise self._wrong()
            self._more()

    def _look(self) -> str:
        while True:
            while self._at < len(self._held) and self._held[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._held) or self._is_over:
                return self._held[self._at : self._at + 1]
            self._more()

    def _skip(self, sign: str) -> None:
        if self._look() != sign:
            raise self._wrong()
        self._at += 1

    def _more(self) -> None:
        block = self._text.read(max(_BLOCK, len(self._held) - self._at))
        self._is_over = not block
        self._passed += self._at
        self._held = self._held[self._at :] + block
        self._at = 0

    def _wrong(self) -> DataError:
        return _broken(self._passed + self._at)

    def _shape(self) -> DataError:
        return DataError(
            "collect.json.shape",
            "The JSON is neither a list of records nor an object with the list under rows.",
            hint='Send [{{"column": "value"}}] or {{"batch_key": "…", "rows": [ … ]}}.',
        )


def _broken(at: int) -> DataError:
    return DataError(
        "collect.json.broken",
        "The JSON ends to be JSON at character {at}.",
        hint="Check that it was sent whole, in UTF-8.",
        at=at + 1,
    )


def lines_of(records: Iterator[dict[str, str | None]], target: Path) -> int:
    """Write records of texts one a line; returns how many."""
    count = 0
    with target.open("w", encoding="utf-8", newline="\n") as lines:
        for record in records:
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count
