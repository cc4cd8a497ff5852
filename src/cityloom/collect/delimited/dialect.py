"""How delimited text is written: what parts values, what encloses them, what takes a character's meaning away."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

NAMED = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "none": ""}
"""Delimiters by a name that is easier to write and to read."""


class OpenError(Exception):
    """A quote is opened, or an escape stands at the end: the record goes on in the next line, or is broken."""


class BrokenError(Exception):
    """Text stands after a closed quote; ``column`` from 1."""

    def __init__(self, column: int) -> None:
        super().__init__(column)
        self.column = column


@dataclass(frozen=True)
class Dialect:
    """A way of writing records.

    ``delimiter`` one or more characters, empty where a line is one value; ``quote`` one character or empty, doubled
    inside a quoted value, meaningful only where a value begins; ``escape`` one character or empty; ``is_spaced``
    whether blanks behind a delimiter belong to it.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    is_spaced: bool = False

    def split(self, text: str) -> list[str]:
        """The values of one record, without the end of its line.

        Raises:
            OpenError: when the text ends inside a quoted value, or in an escape.
            BrokenError: when text stands after a closed quote.
        """
        if self.is_plain(text):
            return self._plain(text)
        return [value for value, _ in self._scan(text)]

    def split_marked(self, text: str) -> list[tuple[str, bool]]:
        """As ``split``, each value as it is written when it stands without quotes, and whether it is bare so."""
        if self.is_plain(text):
            return [(value, True) for value in self._plain(text)]
        return self._scan(text, is_raw=True)

    def is_plain(self, text: str) -> bool:
        """Whether only delimiters have a meaning in a text."""
        return not (self.quote and self.quote in text) and not (self.escape and self.escape in text)

    def _plain(self, text: str) -> list[str]:
        values = text.split(self.delimiter) if self.delimiter else [text]
        return [value.lstrip(" ") for value in values] if self.is_spaced else values

    def _scan(self, text: str, is_raw: bool = False) -> list[tuple[str, bool]]:
        values: list[tuple[str, bool]] = []
        at, end, step = 0, len(text), len(self.delimiter)
        while True:
            while self.is_spaced and text.startswith(" ", at):
                at += 1
            is_bare = not (self.quote and text.startswith(self.quote, at))
            body, at = self._bare(text, at) if is_bare else self._quoted(text, at)
            values.append((body if is_bare and is_raw else self._clear(body, is_bare), is_bare))
            if at == end:
                return values
            if not step or not text.startswith(self.delimiter, at):
                if is_bare:
                    raise OpenError
                raise BrokenError(at + 1)
            at += step

    def _quoted(self, text: str, at: int) -> tuple[str, int]:
        found = self._within.match(text, at)
        if found is None:
            raise OpenError
        return found[1], found.end()

    def _bare(self, text: str, at: int) -> tuple[str, int]:
        if self.escape:
            found = self._outside.match(text, at)
            return (found[0], found.end()) if found else ("", at)
        end = text.find(self.delimiter, at) if self.delimiter else -1
        return (text[at:], len(text)) if end < 0 else (text[at:end], end)

    @cached_property
    def _within(self) -> re.Pattern[str]:
        q, e = re.escape(self.quote), re.escape(self.escape)
        escaped = f"|{e}." if e else ""
        return re.compile(f"{q}((?:[^{q}{e}]++|{q}{q}{escaped})*+){q}", re.DOTALL)

    @cached_property
    def _outside(self) -> re.Pattern[str]:
        stop = f"(?!{re.escape(self.delimiter)})" if self.delimiter else ""
        return re.compile(f"(?:{stop}[^{re.escape(self.escape)}]|{re.escape(self.escape)}.)*+", re.DOTALL)

    @cached_property
    def _clear(self) -> Callable[[str, bool], str]:
        q, e = self.quote, self.escape
        pattern = re.compile(f"{re.escape(e)}(.)", re.DOTALL) if e else None
        both = re.compile(f"{re.escape(e)}(.)|{re.escape(q)}({re.escape(q)})", re.DOTALL) if e and q else None

        def clear(body: str, is_bare: bool) -> str:
            if not pattern or e not in body:
                return body if is_bare or not q else body.replace(q + q, q)
            if is_bare or not both:
                return pattern.sub(r"\1", body)
            return both.sub(lambda m: m[1] or m[2], body)

        return clear
