"""Where a table begins in a text: rows of titles above it, rows of its header, and the columns' names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cityloom.collect.delimited.records import Record
from cityloom.collect.delimited.sniff import is_typed
from cityloom.collect.table import join_header

_LOOKED = 40
"""So many records from the start may be titles or header."""


@dataclass(frozen=True)
class Heading:
    """The records above the data, and the names of the columns; ``remarks`` are codes with what was done."""

    titles: int
    rows: int
    names: tuple[str, ...]
    remarks: dict[str, str] = field(default_factory=dict)


def find_heading(
    records: Sequence[Record], *, titles: int | None, rows: int | None, columns: Sequence[str], known: Sequence[str]
) -> Heading:
    """The heading of a table, from its first records.

    Args:
        records: the first ones, titles included.
        titles: rows of titles, None where they are to be found.
        rows: rows of the header, None where they are to be found.
        columns: names to take instead of the header's; empty for none. With them there are no titles, and no header
            but one with the same names, unless declared.
        known: names of columns that are expected: the row that holds most of them is the header.
    """
    rows_of = [[_name(value, known) for value in record.values or ()] for record in records]
    if columns and rows is None:
        rows = int(rows_of[titles or 0 :][:1] == [list(columns)])
    if rows == 0 or columns:
        titles = titles or 0
    if titles is None or rows is None:
        titles, rows = _place(rows_of, titles, rows, set(known))
    below = rows_of[titles + rows :]
    width = typical_width(below)
    is_usual = sum(len(row) == width for row in below) * 2 > len(below)
    header = rows_of[titles : titles + rows]
    remarks: dict[str, str] = {}
    if columns:
        return Heading(titles, rows, tuple(columns), remarks)
    if not rows:
        remarks["collect.header.absent"] = f"no header is seen; the {width} columns are named col_0 and so on"
        return Heading(titles, rows, tuple(f"col_{n}" for n in range(width)), remarks)
    names = join_header(header)
    names = _fit(names, width, remarks) if is_usual else names
    return Heading(titles, rows, _named(names, remarks), remarks)


def _name(value: str, known: Sequence[str]) -> str:
    """A name without blanks around it, unless it is known with them or other names are known."""
    bare = value.strip()
    return bare if not known or bare in known else value if bare else ""


def _place(
    rows_of: list[list[str]], titles: int | None, rows: int | None, known: set[str]
) -> tuple[int, int]:
    """The numbers of rows of titles and of the header."""
    for count in (1, 2, 3) if rows is None else (rows,):
        places = range(min(_LOOKED, len(rows_of))) if titles is None else [titles]
        hits = {at: len(known & set(join_header(rows_of[at : at + count]))) for at in places} if count else {}
        best = max(hits, key=lambda at: hits[at], default=0)
        if hits and hits[best] * 2 >= len(known) > 0:
            return best, count
    width = typical_width(rows_of)
    if titles is None:
        titles = _titles(rows_of, width)
    if rows is None:
        rows = int(_is_header(rows_of[titles : titles + _LOOKED]))
    return titles, rows


def _titles(rows_of: list[list[str]], width: int) -> int:
    """Rows from the start that hold one value at most, or far fewer than the table has columns."""
    if width < 2:
        return 0
    for number, row in enumerate(rows_of[:_LOOKED]):
        filled = sum(map(bool, row))
        if filled > 1 and (len(row) >= width or filled * 3 > width):
            return number
    return 0


def _is_header(rows_of: list[list[str]]) -> bool:
    """Whether the first row names the columns: its values are not of the kinds that those below are."""
    if not rows_of:
        return False
    first, below = rows_of[0], [row for row in rows_of[1:] if any(row)]
    if not below:
        return not any(map(is_typed, first))
    typed = []
    for number, value in enumerate(first):
        values = [row[number] for row in below if number < len(row) and row[number]]
        if values and sum(map(is_typed, values)) >= 0.8 * len(values):
            typed.append(bool(value) and is_typed(value))
    if not typed or sum(typed) < 0.3 * len(typed):
        return True
    return _is_counting([value for value in first if is_typed(value)], below) and not all(map(is_typed, first))


def _is_counting(values: list[str], below: list[list[str]]) -> bool:
    """Whether values are years, or numbers that rise by one, as names of columns may be and data are not."""
    if not all(value.isascii() and value.isdigit() for value in values) or len(values) < 2:
        return False
    numbers = [int(value) for value in values]
    steps = {b - a for a, b in zip(numbers, numbers[1:], strict=False)}
    return len(steps) == 1 and abs(steps.pop()) == 1


def typical_width(rows_of: Sequence[Sequence[str]]) -> int:
    """The width that most records have."""
    widths = Counter(len(row) for row in rows_of if row)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _fit(names: list[str], width: int, remarks: dict[str, str]) -> list[str]:
    """Names for a table of a width that the header has not."""
    if not width or len(names) == width:
        return names
    if len(names) < width:
        remarks["collect.header.narrow"] = f"the header has {len(names)} cells and most rows have {width}"
        return [*names, *[""] * (width - len(names))]
    filled = [name for name in names if name]
    if not any(names[width:]):
        return names[:width]
    if len(filled) == width:
        remarks["collect.header.wide"] = f"the header has {len(names)} cells and most rows have {width}; its empty cells are left out"
        return filled
    return names


def _named(names: list[str], remarks: dict[str, str]) -> tuple[str, ...]:
    taken = {name.casefold() for name in names}
    made = [n for n, name in enumerate(names) if not name]
    if made:
        called = {n: _free(f"col_{n}", taken) for n in made}
        remarks["collect.header.unnamed"] = f"columns without a name in the header are called {', '.join(called.values())}"
        return tuple(name or called[n] for n, name in enumerate(names))
    return tuple(names)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
