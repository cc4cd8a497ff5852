"""Rows in MariaDB's log: the description of a table, and the values of its columns as text."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from cityloom.collect.changes import binlog_values as values
from cityloom.collect.changes.binlog_values import Field
from cityloom.kernel.i18n import _

Row = list[str | None]
_BINARY = 63
_NUMERIC = (1, 2, 3, 4, 5, 8, 9, 13, 246)
"""Types with a sign; MariaDB counts years among them."""
_TEXTUAL = (15, 252, 253, 254)
_INTEGERS = {1: 1, 2: 2, 9: 3, 3: 4, 8: 8}
_ENUM, _SET = 247, 248
_SIGNS, _DEFAULT_CHARSET, _CHARSETS, _NAMES, _SETS, _ENUMS, _DEFAULT_LISTED, _LISTED = 1, 2, 3, 4, 5, 6, 10, 11
_NOTHING = memoryview(b"")
_META_SIZES = {4: 1, 5: 1, 15: 2, 16: 2, 17: 1, 18: 1, 19: 1, 245: 1, 246: 2, 247: 2, 248: 2, 252: 1, 253: 2, 254: 2, 255: 1}
_META_SIZES |= {140: 1, 141: 2}


class UnreadableError(Exception):
    """The log holds rows in a form that cannot be read; ``what`` says which."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Reading:
    """What the log does not tell of a table, and reading it needs.

    Args:
        codecs: by number of a collation Python's name of its encoding; empty for bytes.
        zone: in which values of type TIMESTAMP are shown.
        widths: characters of the columns that fill with zeros.
        scales: digits behind the point of binary numbers that are shown with so many.
    """

    codecs: Mapping[int, str]
    zone: tzinfo
    widths: Mapping[str, int]
    scales: Mapping[str, int]


@dataclass(frozen=True)
class TableMap:
    """A table as the log describes it, with how its columns' values stand."""

    schema: str
    name: str
    columns: tuple[str, ...]
    fields: tuple[Field, ...]


def table_id(body: memoryview) -> int:
    """Of a table's description or an event of rows: the number that joins them."""
    return int.from_bytes(body[:6], "little")


def table_name(body: memoryview) -> tuple[str, str]:
    """Schema and name of a table's description."""
    size = body[8]
    at = 9 + size + 1
    return str(body[9 : 9 + size], "utf-8"), str(body[at + 1 : at + 1 + body[at]], "utf-8")


def table_map(body: memoryview, reading: Reading) -> TableMap:
    """The description of a table.

    Raises:
        UnreadableError: without names of columns, or with a type that is not known.
    """
    schema, name = table_name(body)
    at = 9 + len(schema.encode()) + 2 + len(name.encode()) + 1
    count, at = _number(body, at)
    types = list(body[at : at + count])
    size, at = _number(body, at + count)
    metas = _metas(types, body[at : at + size])
    extra = _extra(body[at + size + (count + 7) // 8 :])
    if _NAMES not in extra:
        raise UnreadableError(_("the names of columns are not in the log: binlog_row_metadata is not FULL"))
    names = tuple(_texts(extra[_NAMES]))
    columns = _Columns(types, metas, extra, reading)
    return TableMap(schema, name, names, tuple(columns.field(*one) for one in zip(names, columns.types, metas, strict=True)))


def rows(
    kind: str, version: int, body: memoryview, table: TableMap, *, is_compressed: bool
) -> Iterator[tuple[int | None, memoryview, Row]]:
    """The rows of an event: for an update where the row before it begins in the bytes, the bytes, and the row.

    Raises:
        UnreadableError: when columns are left out.
    """
    at = 8 if version == 1 else 8 + int.from_bytes(body[8:10], "little")
    count, at = _number(body, at)
    size = (count + 7) // 8
    images = 2 if kind == "u" else 1
    present = body[at : at + images * size]
    at += images * size
    if count != len(table.columns) or any(not _is_full(present[i * size : (i + 1) * size], count) for i in range(images)):
        raise UnreadableError(_("rows are not whole in the log: binlog_row_image was not FULL"))
    data = memoryview(inflated(body[at:])) if is_compressed else body[at:]
    at = 0
    while at < len(data):
        before = None
        if images == 2:
            before, at = at, _past(data, at, table.fields, size)
        row, at = row_at(data, at, table.fields)
        yield before, data, row


def row_at(data: memoryview, at: int, fields: Sequence[Field]) -> tuple[Row, int]:
    """The row that begins somewhere, and where the next one begins."""
    size = (len(fields) + 7) // 8
    nulls = int.from_bytes(data[at : at + size], "little")
    at += size
    row: Row = []
    for decode, _size in fields:
        if nulls & 1:
            row.append(None)
        else:
            value, at = decode(data, at)
            row.append(value)
        nulls >>= 1
    return row, at


def _past(data: memoryview, at: int, fields: Sequence[Field], size: int) -> int:
    """Where the row ends that begins somewhere."""
    nulls = int.from_bytes(data[at : at + size], "little")
    at += size
    for _decode, width in fields:
        if not nulls & 1:
            at += width if width >= 0 else int.from_bytes(data[at : at - width], "little") - width
        nulls >>= 1
    return at


def _is_full(present: memoryview, count: int) -> bool:
    return int.from_bytes(present, "little") & ((1 << count) - 1) == (1 << count) - 1


def inflated(body: memoryview) -> bytes:
    """What MariaDB packed: a head with the size's size, the size, and zlib's bytes."""
    return zlib.decompress(body[1 + (body[0] & 0x07) :])


def _number(body: memoryview, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where the next thing begins."""
    first = body[at]
    if first < 251:
        return first, at + 1
    size = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(body[at + 1 : at + 1 + size], "little"), at + 1 + size


def _metas(types: Sequence[int], body: memoryview) -> list[bytes]:
    found, at = [], 0
    for kind in types:
        size = _META_SIZES.get(kind, 0)
        found.append(bytes(body[at : at + size]))
        at += size
    return found


def _extra(body: memoryview) -> dict[int, memoryview]:
    found, at = {}, 0
    while at < len(body):
        kind = body[at]
        size, at = _number(body, at + 1)
        found[kind] = body[at : at + size]
        at += size
    return found


def _texts(body: memoryview) -> Iterator[str]:
    at = 0
    while at < len(body):
        size, at = _number(body, at)
        yield str(body[at : at + size], "utf-8")
        at += size


def _numbers(body: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(body):
        value, at = _number(body, at)
        found.append(value)
    return found


class _Columns:
    """What reads the columns: each takes the next of the signs, encodings and lists of names that are its kind's."""

    def __init__(
        self,
        types: Sequence[int],
        metas: Sequence[bytes],
        extra: Mapping[int, memoryview],
        reading: Reading,
    ) -> None:
        self.types = [m[0] if t == 254 and m[0] in (_ENUM, _SET) else t for t, m in zip(types, metas, strict=True)]
        self._reading = reading
        signs = extra.get(_SIGNS, _NOTHING)
        self._signs = iter([bool(signs[i // 8] >> (7 - i % 8) & 1) for i in range(8 * len(signs))])
        textual = sum(t in _TEXTUAL for t in self.types)
        listed = sum(t in (_ENUM, _SET) for t in self.types)
        self._charsets = iter(_charsets(extra, _DEFAULT_CHARSET, _CHARSETS, textual))
        self._listed = iter(_charsets(extra, _DEFAULT_LISTED, _LISTED, listed))
        self._enums = iter(_lists(extra.get(_ENUMS, _NOTHING)))
        self._sets = iter(_lists(extra.get(_SETS, _NOTHING)))

    def field(self, name: str, kind: int, meta: bytes) -> Field:
        is_unsigned = next(self._signs, False) if kind in _NUMERIC else False
        if kind in _INTEGERS:
            return values.integer(_INTEGERS[kind], is_unsigned, self._reading.widths.get(name, 0))
        if kind in (4, 5):
            return values.real(4 if kind == 4 else 8, self._reading.scales.get(name, -1))
        if kind == 246:
            return values.decimal(meta[0], meta[1], self._reading.widths.get(name, 0))
        if kind in _TEXTUAL:
            return self._text(kind, meta)
        if kind == _ENUM:
            return values.one_of(meta[1], self._names(next(self._enums)))
        if kind == _SET:
            return values.some_of(meta[1], self._names(next(self._sets)))
        return _plain(kind, meta, self._reading.zone)

    def _text(self, kind: int, meta: bytes) -> Field:
        codec = self._codec(next(self._charsets))
        if kind == 252:
            return values.text(meta[0], codec)
        if kind == 254:
            most = meta[1] | ((meta[0] & 0x30) ^ 0x30) << 4
            return values.text(2 if most > 255 else 1, codec, 0 if codec else most)
        return values.text(2 if int.from_bytes(meta, "little") > 255 else 1, codec)


    def _names(self, names: list[bytes]) -> list[str]:
        codec = self._codec(next(self._listed)) or "utf-8"
        return [str(name, codec) for name in names]

    def _codec(self, collation: int) -> str:
        if collation not in self._reading.codecs:
            raise UnreadableError(_("text is in a collation that is not known ({collation})").format(collation=collation))
        return self._reading.codecs[collation]


def _charsets(extra: Mapping[int, memoryview], default: int, each: int, count: int) -> list[int]:
    """The collation of each column of a kind: all told, or one for all and those that differ."""
    if each in extra:
        return _numbers(extra[each])
    found = _numbers(extra.get(default, _NOTHING)) or [_BINARY]
    charsets = [found[0]] * count
    for index, charset in zip(found[1::2], found[2::2], strict=True):
        charsets[index] = charset
    return charsets


def _plain(kind: int, meta: bytes, zone: tzinfo) -> Field:
    digits = meta[0] if meta else 0
    makers: dict[int, Callable[[], Field]] = {
        7: lambda: values.old_timestamp(zone),
        10: values.date,
        11: values.old_time,
        12: values.old_datetime,
        13: values.year,
        16: lambda: values.bits(meta[1] * 8 + meta[0]),
        17: lambda: values.timestamp(digits, zone),
        18: lambda: values.datetime_(digits),
        19: lambda: values.time_(digits),
        255: lambda: values.text(digits, ""),
    }
    if kind not in makers:
        raise UnreadableError(_("a column is of a type that is not known ({kind})").format(kind=kind))
    return makers[kind]()


def _lists(body: memoryview) -> list[list[bytes]]:
    found, at = [], 0
    while at < len(body):
        count, at = _number(body, at)
        names = []
        for _name in range(count):
            size, at = _number(body, at)
            names.append(bytes(body[at : at + size]))
            at += size
        found.append(names)
    return found
