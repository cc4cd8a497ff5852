"""What every kind of workbook offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cityloom.kernel.errors import DataError


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that shows something and yet has no value that could be taken.

    ``shown`` is what the cell shows; ``reason`` is without it.
    """

    code: str
    reason: str
    shown: str


Value = str | Fault | None
"""A cell: its text, what is wrong with it, or nothing."""


class Range(NamedTuple):
    """Cells merged into one: rows counted from 1, columns from 0, the last ones included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, and whether it is hidden from who opens the workbook."""

    name: str
    is_hidden: bool = False


class Book(Protocol):
    """An open workbook. ``limit`` is how many rows a sheet of its kind can hold."""

    limit: int

    @property
    def sheets(self) -> Sequence[Sheet]:
        """The sheets with cells, in their order."""
        ...

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Value]]]:
        """Rows with anything in them: number from 1, and cells from the first column on."""
        ...

    def merged(self, sheet: str) -> Sequence[Range]:
        """Merged cells. The value stands in the first one."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class BookError(Exception):
    """Bytes that are not what the format says; the text holds no value."""


def damaged(file: str, sheet: str = "-") -> DataError:
    """The error for what is no readable workbook."""
    return DataError(
        "collect.excel.damaged",
        "{file}, sheet {sheet}: this is no readable workbook; it may be damaged or cut off.",
        hint="Open it in a spreadsheet program and save it anew, or have it delivered anew.",
        file=file,
        sheet=sheet,
    )
