"""Elements of a list within a JSON document, one at a time: memory holds one element, however long the list is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from cityloom.collect.nested import exact_decoder
from cityloom.kernel.errors import DataError

LONGEST = 32 << 20
"""So many characters may one element have."""
_CHUNK = 1 << 18
_NEAR = 64
_SPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRUCTURE = re.compile(r'["\[\]{}]')


def _nested(depth: int) -> str:
    """A pattern for an object or a list that holds others up to a depth."""
    inner = [_STRING.pattern, r'[^"\[\]{}]++', *([_nested(depth - 1)] if depth else [])]
    return r"[\[{](?:" + "|".join(inner) + r")*+[\]}]"


_SHALLOW = re.compile(_nested(3), re.DOTALL)
"""Goes over most values at once."""


@dataclass(frozen=True)
class Element:
    """One element: its number from 1, its text, its value; or what is wrong with it."""

    number: int
    text: str
    value: Any
    problem: str = ""


class JsonStream:
    """A JSON document, read from its start to its end once.

    Args:
        text: the document.
        name: what to call it in errors.
    """

    def __init__(self, text: IO[str], name: str) -> None:
        self._text, self._name = text, name
        self._buffer, self._at, self._is_end = "", 0, False
        self._lines, self._column = 1, 0
        self._exact, self._plain = exact_decoder(), json.JSONDecoder()

    def elements(self, path: str) -> Iterator[Element]:
        """The elements of the list at a dotted path, the whole document for an empty one.

        Raises:
            DataError: ``collect.json.malformed`` with line and column, ``collect.json.path``, ``collect.json.shape``,
                ``collect.json.long``.
        """
        depth = self._open(path)
        number = 0
        while self._next_element(number):
            number += 1
            yield self._element(number)
        self._close(depth)

    def count(self, path: str) -> int:
        """The number of elements, by their brackets and commas alone.

        Raises:
            DataError: as :meth:`elements`.
        """
        depth = self._open(path)
        number = 0
        while self._next_element(number):
            number += 1
            self._skip()
        self._close(depth)
        return number

    def _open(self, path: str) -> int:
        """Go into the list; returns in how many objects it is."""
        parts = [part for part in path.split(".") if part]
        for depth, part in enumerate(parts):
            self._expect("{", ".".join(parts[:depth]))
            self._member(part, ".".join(parts[: depth + 1]))
        self._expect("[", path)
        return len(parts)

    def _expect(self, bracket: str, path: str) -> None:
        found = self._peek()
        if found != bracket:
            lists = self._lists() if found == "{" and bracket == "[" else ""
            raise DataError(
                "collect.json.shape",
                "{file}: what stands at {path} begins with {found}, not with {wanted}. Lists in it: {lists}.",
                hint="State with records_path where the list of records is; for one object a line use json_lines.",
                file=self._name,
                path=path or "$",
                found=found or "-",
                wanted=bracket,
                lists=lists or "-",
            )
        self._at += 1

    def _lists(self) -> str:
        """Names of the lists in the object that begins here."""
        self._at += 1
        return ", ".join(name for name in self._keys() if self._peek() == "[")

    def _member(self, wanted: str, path: str) -> None:
        known = []
        for name in self._keys():
            if name == wanted:
                return
            known.append(name)
        raise DataError(
            "collect.json.path",
            "{file}: there is nothing at {path}; there are {known}.",
            hint="Correct records_path.",
            file=self._name,
            path=path,
            known=", ".join(known[:20]) or "-",
        )

    def _keys(self) -> Iterator[str]:
        """The names of an object's members, each time at its value; a value that is not read is skipped."""
        is_first = True
        while self._peek() != "}":
            if not is_first:
                self._take(",")
                self._peek()
            is_first = False
            name, _ = self._decode(self._plain)
            if not isinstance(name, str):
                raise self._malformed()
            self._take(":")
            self._peek()
            yield name
            self._skip()
        self._at += 1

    def _next_element(self, number: int) -> bool:
        found = self._peek()
        if found == "]":
            self._at += 1
            return False
        if number:
            self._take(",")
            if self._peek() == "]":
                raise self._malformed()
        return True

    def _element(self, number: int) -> Element:
        self._peek()
        try:
            value, text = self._decode(self._exact)
            return Element(number, text, value)
        except RecursionError:
            problem = "it nests too deep"
        except ValueError as error:
            problem = str(error)
        return Element(number, self._skip(is_kept=True), None, problem)

    def _close(self, depth: int) -> None:
        """Read to the end: what is open must be closed, and nothing may follow."""
        for _ in range(depth):
            while self._peek() != "}":
                self._take(",")
                self._peek()
                self._decode(self._plain)
                self._take(":")
                self._skip()
            self._at += 1
        if self._peek():
            raise self._malformed()

    def _decode(self, decoder: json.JSONDecoder) -> tuple[Any, str]:
        """The value that begins here, and its text."""
        while True:
            try:
                value, end = decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.pos >= len(self._buffer) - _NEAR or error.msg.startswith("Unterminated")
                if self._is_end or not is_cut:
                    raise self._malformed(error.pos) from None
            else:
                if end < len(self._buffer) or self._is_end:
                    text = self._buffer[self._at : end]
                    self._at = end
                    return value, text
            self._fill(self._at)

    def _skip(self, is_kept: bool = False) -> str:
        """Go behind the value that begins here, without looking into it; its text, where that is to be kept."""
        if self._peek() not in ("{", "[", '"'):
            return self._decode(self._plain)[1]
        whole = None if is_kept else _SHALLOW.match(self._buffer, self._at)
        if whole:
            self._at = whole.end()
            return ""
        begin, depth = self._at, 0
        while True:
            found = _STRUCTURE.search(self._buffer, self._at)
            self._at = found.start() if found else len(self._buffer)
            if found and found[0] == '"':
                found = _STRING.match(self._buffer, self._at)
            if not found:
                self._fill(begin if is_kept else self._at)
                begin = 0
                continue
            self._at = found.end()
            depth += {"{": 1, "[": 1, "]": -1, "}": -1}.get(found[0], 0)
            if not depth:
                return self._buffer[begin : self._at] if is_kept else ""

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._is_end:
                return ""
            self._fill(self._at)

    def _take(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise self._malformed()
        self._at += 1

    def _fill(self, keep: int) -> None:
        """Read more, and let go of what stands before ``keep``, which is the buffer's begin then."""
        if self._is_end:
            raise self._malformed(len(self._buffer))
        if len(self._buffer) - keep > LONGEST:
            raise DataError(
                "collect.json.long",
                "{file}, line {line}: a value is longer than {limit} characters.",
                hint="State with records_path where the list of records is, or have the file delivered as JSON Lines.",
                file=self._name,
                line=self._place(self._at)[0],
                limit=LONGEST,
            )
        self._lines, self._column = self._place(keep)
        more = self._text.read(max(_CHUNK, len(self._buffer) - keep))
        self._is_end = not more
        self._buffer = self._buffer[keep:] + more
        self._at -= keep

    def _place(self, at: int) -> tuple[int, int]:
        """Line from 1 and characters before in it, of a place in the buffer."""
        before = self._buffer[:at]
        if "\n" not in before:
            return self._lines, self._column + len(before)
        return self._lines + before.count("\n"), len(before) - before.rfind("\n") - 1

    def _malformed(self, at: int | None = None) -> DataError:
        line, column = self._place(self._at if at is None else at)
        return DataError(
            "collect.json.malformed",
            "{file}, line {line}, column {column}: this is no JSON; the file may be cut off.",
            hint="Have the file delivered anew; one object a line is read by json_lines.",
            file=self._name,
            line=line,
            column=column + 1,
        )
