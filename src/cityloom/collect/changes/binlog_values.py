"""How MariaDB lays values down in the log, read as the text that the server shows for them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple

Decoder = Callable[[memoryview, int], tuple[str, int]]
"""Of the bytes and where the value begins: its text, and where the next one begins."""


class Field(NamedTuple):
    """How a column's values stand: what reads one, and the bytes of one; below zero the bytes of its length before it."""

    decode: Decoder
    size: int


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_float = struct.Struct("<f").unpack_from
_double = struct.Struct("<d").unpack_from
_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Bytes for so many digits of a decimal that do not fill nine."""


def integer(size: int, is_unsigned: bool, width: int = 0) -> Field:
    """A number of so many bytes; ``width`` digits where the column fills with zeros."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        end = at + size
        value = int.from_bytes(data[at:end], "little", signed=not is_unsigned)
        return str(value).rjust(width, "0"), end

    return Field(decode, size)


def real(size: int, scale: int = -1) -> Field:
    """A binary number, exactly: FLOAT as the same number in DOUBLE; ``scale`` digits where it is shown with so many."""
    unpack = _float if size == 4 else _double
    shown = real_text if scale < 0 else f"{{:.{scale}f}}".format

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        return shown(unpack(data, at)[0]), at + size

    return Field(decode, size)


def real_text(value: float) -> str:
    """A number as MariaDB writes it: the fewest digits that tell it, with an exponent from 1e15 and below 1e-15."""
    negative, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    plain, sign = "".join(map(str, digits)), "-" if negative else ""
    point = len(plain) + int(exponent)
    if plain == "0":
        return f"{sign}0"
    if point > 15 or point < -14:
        rest = f".{plain[1:]}" if len(plain) > 1 else ""
        return f"{sign}{plain[0]}{rest}e{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{plain}"
    if point >= len(plain):
        return f"{sign}{plain}{'0' * (point - len(plain))}"
    return f"{sign}{plain[:point]}.{plain[point:]}"


def decimal(precision: int, scale: int, fill: int = 0) -> Field:
    """An exact number with ``scale`` digits behind the point; ``fill`` characters where the column fills with zeros."""
    whole = precision - scale
    spans: list[tuple[int, int, int]] = []
    size = 0
    for width in (whole % 9, *[9] * (whole // 9), *[9] * (scale // 9), scale % 9):
        spans.append((size, size + _DIGIT_BYTES[width], 10**width))
        size += _DIGIT_BYTES[width]
    mask, top, behind = (1 << 8 * size) - 1, 1 << (8 * size - 1), 10**scale

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        end = at + size
        held = int.from_bytes(data[at:end], "big") ^ top
        sign = "-" if held & top else ""
        raw = (held ^ mask if sign else held).to_bytes(size, "big")
        number = 0
        for first, last, times in spans:
            number = number * times + int.from_bytes(raw[first:last], "big")
        if not scale:
            return f"{sign}{number}".rjust(fill, "0"), end
        return f"{sign}{number // behind}.{number % behind:0{scale}d}".rjust(fill, "0"), end

    return Field(decode, size)


def date() -> Field:
    """A day, also one that is none."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        value = int.from_bytes(data[at : at + 3], "little")
        return f"{value >> 9:04d}-{value >> 5 & 15:02d}-{value & 31:02d}", at + 3

    return Field(decode, 3)


def year() -> Field:
    """A year of four digits."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        return (f"{1900 + data[at]}" if data[at] else "0000"), at + 1

    return Field(decode, 1)


def _fraction(value: int, digits: int) -> str:
    return f".{value:06d}"[: digits + 1] if digits else ""


def _micros(data: memoryview, at: int, digits: int) -> tuple[int, int]:
    size = (digits + 1) // 2
    value = int.from_bytes(data[at : at + size], "big") * 10 ** (6 - 2 * size)
    return value, at + size


def timestamp(digits: int, zone: tzinfo) -> Field:
    """A moment, as a zone shows it."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        seconds = int.from_bytes(data[at : at + 4], "big")
        micros, end = _micros(data, at + 4, digits)
        if not seconds and not micros:
            return f"0000-00-00 00:00:00{_fraction(0, digits)}", end
        moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
        return moment.strftime("%Y-%m-%d %H:%M:%S") + _fraction(micros, digits), end

    return Field(decode, 4 + (digits + 1) // 2)


def old_timestamp(zone: tzinfo) -> Field:
    """A moment of a table of MariaDB before 10.1."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        seconds = int.from_bytes(data[at : at + 4], "little")
        if not seconds:
            return "0000-00-00 00:00:00", at + 4
        return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"), at + 4

    return Field(decode, 4)


def datetime_(digits: int) -> Field:
    """Day and time, also ones that are none."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        value = int.from_bytes(data[at : at + 5], "big") - 0x8000000000
        micros, end = _micros(data, at + 5, digits)
        months, rest = value >> 22, value & 0x3FFFFF
        day, hour, minute, second = rest >> 17, rest >> 12 & 31, rest >> 6 & 63, rest & 63
        text = f"{months // 13:04d}-{months % 13:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"
        return text + _fraction(micros, digits), end

    return Field(decode, 5 + (digits + 1) // 2)


def old_datetime() -> Field:
    """Day and time of a table of MariaDB before 10.1."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        text = str(int.from_bytes(data[at : at + 8], "little")).rjust(14, "0")
        return f"{text[:-10]}-{text[-10:-8]}-{text[-8:-6]} {text[-6:-4]}:{text[-4:-2]}:{text[-2:]}", at + 8

    return Field(decode, 8)


def time_(digits: int) -> Field:
    """A span of time."""
    size = 3 + (digits + 1) // 2
    places = 10 ** (6 - 2 * (size - 3))

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        value = int.from_bytes(data[at : at + size], "big") - (0x800000 << 8 * (size - 3))
        sign, value = ("-", -value) if value < 0 else ("", value)
        micros = (value & ((1 << 8 * (size - 3)) - 1)) * places
        whole = value >> 8 * (size - 3)
        text = f"{sign}{whole >> 12 & 0x3FF:02d}:{whole >> 6 & 63:02d}:{whole & 63:02d}"
        return text + _fraction(micros, digits), at + size

    return Field(decode, size)


def old_time() -> Field:
    """A span of time of a table of MariaDB before 10.1."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        value = int.from_bytes(data[at : at + 3], "little", signed=True)
        sign, value = ("-", -value) if value < 0 else ("", value)
        return f"{sign}{value // 10000:02d}:{value // 100 % 100:02d}:{value % 100:02d}", at + 3

    return Field(decode, 3)


def bits(count: int) -> Field:
    """Bits, as the number they make."""
    size = (count + 7) // 8

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        return str(int.from_bytes(data[at : at + size], "big")), at + size

    return Field(decode, size)


def text(length_size: int, codec: str, fill: int = 0) -> Field:
    """Text in a codec of Python, after its length; without a codec bytes, as their hexadecimal digits.

    The log leaves out zeros at the end of a column of ``fill`` bytes.
    """

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        start = at + length_size
        end = start + int.from_bytes(data[at:start], "little")
        raw = data[start:end]
        return (str(raw, codec) if codec else raw.hex().ljust(2 * fill, "0")), end

    return Field(decode, -length_size)


def one_of(size: int, names: list[str]) -> Field:
    """One of some names; number 0 is what was invalid."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        number = int.from_bytes(data[at : at + size], "little")
        return (names[number - 1] if number else ""), at + size

    return Field(decode, size)


def some_of(size: int, names: list[str]) -> Field:
    """Any of some names."""

    def decode(data: memoryview, at: int) -> tuple[str, int]:
        mask = int.from_bytes(data[at : at + size], "little")
        return ",".join(name for i, name in enumerate(names) if mask >> i & 1), at + size

    return Field(decode, size)
