"""Where the table stands on a sheet: below which rows, how many rows its header has, where it ends."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cityloom.collect.sheets.model import Fault, Range, Value
from cityloom.collect.table import join_header
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.model.text import STRICT

_PLACE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_SPAN = re.compile(r"([A-Za-z]{1,3}):([A-Za-z]{1,3})")
_BLANK = "blank"
_WIDEST = 1 << 20
Row = tuple[int, list[Value]]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Rows that sum up others: those whose cell in ``column`` (as the header names it) begins with ``text``."""

    __pydantic_config__ = STRICT

    column: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Area:
    """A table that does not fill its sheet.

    ``start`` is the first cell of its header (``B5``), or ``heading`` a text that stands alone in a row above it;
    ``columns`` its columns (``B:F``; from ``start`` to the last one otherwise); ``end`` the number of its last row;
    ``until`` what ends it: ``blank`` a row without any value, else the text with which the first value of a row begins.
    """

    __pydantic_config__ = STRICT

    start: str = ""
    heading: str = ""
    columns: str = ""
    end: int = 0
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table is laid out; see the options of the connector."""

    title_rows: int = 0
    header_rows: int = 1
    totals: str | Totals = ""
    footer_rows: int = 0
    fill_down: tuple[str, ...] = ()
    area: Area = field(default_factory=Area)


@dataclass
class Table:
    """A table found on a sheet: the names of its columns, the column of the sheet of each, and its rows.

    From the column ``width`` on, and in the columns ``blank``, nothing is expected.
    """

    names: list[str]
    places: list[int]
    rows: Iterator[Row]
    width: int
    blank: tuple[int, ...] = ()


def find_table(rows: Iterable[Row], merged: Sequence[Range], layout: Layout, place: str) -> Table:
    """The table of a sheet.

    Args:
        rows: of the sheet, those with anything in them.
        merged: cells of the sheet.
        layout: where the table is.
        place: file and sheet, for errors.

    Raises:
        DataError: ``collect.table.unfound`` when its heading is nowhere, ``collect.column.missing`` for a column of
            the layout that the header has not.
        ConfigError: ``collect.table.place`` for a place that is none.
    """
    area = layout.area
    top, left, right = _corner(area)
    rest = _within(iter(rows), left, right) if left or right < _WIDEST else iter(rows)
    above = layout.title_rows + (top - 1 if top else 0)
    if area.heading:
        above = _below_heading(rest, area.heading, place) + layout.title_rows
    header, rest = _split(rest, above, above + layout.header_rows)
    grid = _grid(header, merged, above, layout.header_rows)
    names = [name.strip() for name in join_header(grid)]
    places = [p for p, name in enumerate(names) if p >= left]
    while places and not names[places[-1]]:
        places.pop()
    found = Table([names[p] for p in places], places, rest, places[-1] + 1 if places else 0)
    for wanted in (*layout.fill_down, *((layout.totals.column,) if isinstance(layout.totals, Totals) else ())):
        if wanted not in found.names:
            raise _no_column(wanted, found.names, place)
    if layout.fill_down or layout.footer_rows or layout.totals or area.end or area.until:
        found.rows = _body(found, rest, layout)
    return found


def _corner(area: Area) -> tuple[int, int, int]:
    """Row of the header from 1 (0: not said), first and last column from 0 (a large number: not said)."""
    top, left, right = 0, 0, _WIDEST
    if area.start:
        found = _PLACE.fullmatch(area.start)
        if not found:
            raise _no_place("start", area.start)
        top, left = int(found.group(2)), _column(found.group(1))
    if area.columns:
        span = _SPAN.fullmatch(area.columns)
        if not span or _column(span.group(2)) < _column(span.group(1)):
            raise _no_place("columns", area.columns)
        left, right = _column(span.group(1)), _column(span.group(2))
    return top, left, right


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _within(rows: Iterator[Row], left: int, right: int) -> Iterator[Row]:
    """The rows without what stands beside the table."""
    for number, values in rows:
        kept = [None] * min(left, len(values)) + values[left : right + 1]
        if any(v is not None for v in kept):
            yield number, kept


def _below_heading(rows: Iterator[Row], heading: str, place: str) -> int:
    wanted = "".join(heading.split())
    for number, values in rows:
        texts = [v for v in values if v is not None]
        if texts and isinstance(texts[0], str) and "".join(texts[0].split()).startswith(wanted):
            return number
    raise DataError(
        "collect.table.unfound",
        "{place}: no row begins with the heading {heading}.",
        hint="Correct the option table.heading, or have the delivery corrected.",
        place=place,
        heading=heading,
    )


def _split(rows: Iterator[Row], above: int, last: int) -> tuple[list[Row], Iterator[Row]]:
    """The rows of the header, and those behind; rows above are gone."""
    header: list[Row] = []
    for number, values in rows:
        if number > last:
            return header, _again((number, values), rows)
        if number > above:
            header.append((number, values))
    return header, iter(())


def _again(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _grid(header: list[Row], merged: Sequence[Range], above: int, height: int) -> list[list[str]]:
    """The header's texts by row; a merged cell gives its text to all its columns in its uppermost row."""
    width = max((len(values) for _, values in header), default=0)
    grid = [[""] * width for _ in range(height)]
    for number, values in header:
        for column, value in enumerate(values):
            grid[number - above - 1][column] = (value.shown if isinstance(value, Fault) else value or "").strip()
    for top, left, bottom, right in merged:
        row = top - above - 1
        if 0 <= row < len(grid) and bottom >= top and left < width:
            grid[row][left : right + 1] = [grid[row][left]] * (min(right + 1, width) - left)
    return grid


def _body(table: Table, rest: Iterator[Row], layout: Layout) -> Iterator[Row]:
    """The rows of the table, without totals and footers, blanks filled where the layout says so."""
    rows = _filled(table, _before_end(rest, layout), layout.fill_down)
    held: deque[Row] = deque()
    for row in rows:
        held.append(row)
        if len(held) > layout.footer_rows:
            number, values = held.popleft()
            if not _is_total(table, values, layout.totals):
                yield number, values


def _before_end(rows: Iterator[Row], layout: Layout) -> Iterator[Row]:
    area, last = layout.area, 0
    for number, values in rows:
        if area.end and number > area.end:
            return
        if area.until == _BLANK and last and number > last + 1:
            return
        if area.until not in ("", _BLANK) and _first(values).startswith("".join(area.until.split())):
            return
        yield number, values
        last = number


def _filled(table: Table, rows: Iterator[Row], columns: tuple[str, ...]) -> Iterator[Row]:
    places = [table.places[table.names.index(name)] for name in columns]
    above: dict[int, Value] = {}
    for number, values in rows:
        for place in places:
            values.extend([None] * (place + 1 - len(values)))
            if values[place] is None:
                values[place] = above.get(place)
            above[place] = values[place]
        yield number, values


def _is_total(table: Table, values: list[Value], totals: str | Totals) -> bool:
    if isinstance(totals, Totals):
        place = table.places[table.names.index(totals.column)]
        value = values[place] if place < len(values) else None
        return isinstance(value, str) and "".join(value.split()).startswith(totals.text)
    return bool(totals) and _first(values).startswith(totals)


def _first(values: list[Value]) -> str:
    """The first value of a row, without blanks in it."""
    value = next((v for v in values if v is not None), "")
    return "".join(value.split()) if isinstance(value, str) else ""


def _no_place(option: str, text: str) -> ConfigError:
    return ConfigError(
        "collect.table.place",
        "{text} is no place on a sheet for table.{option}.",
        hint="Write a cell like B5 for start, and columns like B:F.",
        text=text,
        option=option,
    )


def _no_column(name: str, known: list[str], place: str) -> DataError:
    return DataError(
        "collect.layout.column",
        "{place}: the header has no column {column}, which the option totals or fill_down names.",
        hint="It has: {known}.",
        place=place,
        column=name,
        known=", ".join(known) or "-",
    )
