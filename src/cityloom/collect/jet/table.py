"""A table: its definition from the file, and its rows as text."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cityloom.collect.jet.pages import BrokenError, JetFile
from cityloom.collect.jet.values import BOOLEAN, MEMO, OLE, field_text

_MOST_PAGES = 1000
_PRIMARY = 1


@dataclass(frozen=True)
class _Places:
    """Where a definition holds what, in bytes."""

    rows: int
    counts: int
    indexes: int
    usage: int
    end: int
    index_head: int
    column: int
    number: int
    variable: int
    scale: int
    flags: int
    fixed: int
    size: int
    index: int
    index_columns: int
    link: int
    link_kind: int


_JET3 = _Places(12, 21, 27, 35, 43, 8, 18, 1, 3, 10, 13, 14, 16, 39, 0, 20, 19)
_JET4 = _Places(16, 41, 47, 55, 63, 12, 25, 5, 7, 12, 15, 21, 23, 52, 4, 28, 23)


@dataclass(frozen=True)
class Column:
    """A column: its type's number, its place among all columns ever made, and where its field lies in a row."""

    name: str
    kind: int
    number: int
    is_fixed: bool
    at: int
    size: int
    scale: int


@dataclass(frozen=True)
class Definition:
    """A table as its file defines it. ``rows`` is the file's own figure."""

    page: int
    rows: int
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    usage: int


def read_definition(file: JetFile, page: int) -> Definition:
    """The definition that begins at a page."""
    try:
        return _definition(file, page)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise BrokenError(f"the definition at page {page} is cut off") from None


def rows(file: JetFile, table: Definition, encoding: str) -> Iterator[list[str | None] | BrokenError]:
    """The live rows in the order of their pages, each with one text a column; what hinders where one cannot be read."""
    for page in file.marked(table.usage):
        if page >= file.count:
            raise BrokenError(f"page {page} is not in the file")
        for raw in file.rows(page, table.page):
            if raw is None:
                continue
            try:
                yield _fields(file, table, raw, encoding)
            except (BrokenError, struct.error, IndexError) as error:
                broken = error if isinstance(error, BrokenError) else BrokenError("the row is cut off")
                broken.raw = raw
                yield broken


def count(file: JetFile, table: Definition) -> int:
    """The live rows, counted by their pages alone."""
    return sum(raw is not None for page in file.marked(table.usage) for raw in file.rows(page, table.page))


def _definition(file: JetFile, page: int) -> Definition:
    p = _JET3 if file.is_jet3 else _JET4
    raw = _whole(file, page)
    columns_count = struct.unpack_from("<H", raw, p.counts + 4)[0]
    links, indexes = struct.unpack_from("<II", raw, p.indexes)
    at = p.end + indexes * p.index_head
    entries = [raw[at + n * p.column : at + (n + 1) * p.column] for n in range(columns_count)]
    at += columns_count * p.column
    names, at = _names(file, raw, at, columns_count)
    columns = tuple(sorted((_column(p, e, n) for e, n in zip(entries, names, strict=True)), key=lambda c: c.number))
    key = _key(raw, at, p, links, indexes)
    by_number = {c.number: c.name for c in columns}
    return Definition(
        page=page,
        rows=struct.unpack_from("<I", raw, p.rows)[0],
        columns=columns,
        key=tuple(by_number[n] for n in key if n in by_number),
        usage=struct.unpack_from("<I", raw, p.usage)[0],
    )


def _whole(file: JetFile, page: int) -> bytes:
    found = b""
    for _ in range(_MOST_PAGES):
        raw = file.page(page)
        if raw[0] != 2:
            raise BrokenError(f"page {page} is no definition of a table")
        found += raw[8:] if found else raw
        page = struct.unpack_from("<I", raw, 4)[0]
        if not page:
            return found
    raise BrokenError("a definition goes in a circle")


def _names(file: JetFile, raw: bytes, at: int, count: int) -> tuple[list[str], int]:
    found = []
    for _ in range(count):
        head = 1 if file.is_jet3 else 2
        size = int.from_bytes(raw[at : at + head], "little")
        text = raw[at + head : at + head + size]
        found.append(text.decode(file.encoding if file.is_jet3 else "utf-16-le"))
        at += head + size
    return found, at


def _column(p: _Places, raw: bytes, name: str) -> Column:
    is_fixed = bool(raw[p.flags] & 1)
    return Column(
        name=name,
        kind=raw[0],
        number=struct.unpack_from("<H", raw, p.number)[0],
        is_fixed=is_fixed,
        at=struct.unpack_from("<H", raw, p.fixed if is_fixed else p.variable)[0],
        size=struct.unpack_from("<H", raw, p.size)[0],
        scale=raw[p.scale],
    )


def _key(raw: bytes, at: int, p: _Places, links: int, indexes: int) -> list[int]:
    """Numbers of the columns of the primary key."""
    bodies = at
    at += indexes * p.index
    for n in range(links):
        link = raw[at + n * p.link : at + (n + 1) * p.link]
        if len(link) == p.link and link[p.link_kind] == _PRIMARY:
            which = struct.unpack_from("<I", link, 8 if p is _JET4 else 4)[0]
            body = bodies + which * p.index + p.index_columns
            found = [struct.unpack_from("<H", raw, body + 3 * place)[0] for place in range(10)]
            return [number for number in found if number != 0xFFFF]
    return []


def _fields(file: JetFile, table: Definition, raw: bytes, encoding: str) -> list[str | None]:
    """The texts of a row: fixed fields, then variable ones by the table of their ends, then the mask of NULLs."""
    is_jet3 = file.is_jet3
    number = raw[0] if is_jet3 else struct.unpack_from("<H", raw)[0]
    mask = int.from_bytes(raw[len(raw) - (number + 7) // 8 :], "little")
    ends = None
    found: list[str | None] = []
    for column in table.columns:
        is_set = column.number < number and bool(mask >> column.number & 1)
        if column.kind == BOOLEAN:
            found.append("1" if is_set else "0")
        elif not is_set:
            found.append(None)
        elif column.is_fixed:
            at = column.at + (1 if is_jet3 else 2)
            found.append(_field(file, column, raw[at : at + max(column.size, 1)], encoding))
        else:
            if ends is None:
                ends = _ends3(raw, number) if is_jet3 else _ends4(raw, number)
            found.append(_field(file, column, _variable(raw, ends, column.at), encoding))
    return found


def _field(file: JetFile, column: Column, raw: bytes, encoding: str) -> str:
    content = file.long_value(raw) if column.kind in (MEMO, OLE) else raw
    return field_text(column.kind, content, scale=column.scale, encoding=encoding)


def _variable(raw: bytes, ends: list[int], place: int) -> bytes:
    if place + 1 >= len(ends):
        raise BrokenError("the row has no field where its definition says")
    start, end = ends[place], ends[place + 1]
    if not 0 < start <= end <= len(raw):
        raise BrokenError("a field lies outside of its row")
    return raw[start:end]


def _ends4(raw: bytes, number: int) -> list[int]:
    """Starts of the variable fields, and the last one's end."""
    at = len(raw) - (number + 7) // 8 - 2
    count = struct.unpack_from("<H", raw, at)[0]
    return [struct.unpack_from("<H", raw, at - 2 * (n + 1))[0] for n in range(count + 1)]


def _ends3(raw: bytes, number: int) -> list[int]:
    """The same in Jet 3, whose positions are single bytes; a table of jumps says where 256 are to be added."""
    at = len(raw) - (number + 7) // 8 - 1
    count = raw[at]
    jumps = (len(raw) - 1) // 256
    table = at - jumps - count - 1
    if (at - jumps - 1 - count) // 256 < jumps:
        jumps -= 1
    found, jump = [], 0
    for n in range(count + 1):
        while jump < jumps and n == raw[at - jump - 1]:
            jump += 1
        found.append(raw[table + count - n] + 256 * jump)
    return found
