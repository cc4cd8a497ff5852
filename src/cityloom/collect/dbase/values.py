"""Fields as exact text."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from cityloom.collect.numbers import number_text

_BLANK = b" \0"
_JULIAN = 1_721_425
"""Days from the start of the Julian count to the last day before the year 1."""
_DAY_MS = 86_400_000
_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]*([eE][+-]?[0-9]+)?")


class FieldError(Exception):
    """A field that is not what its column says; the text holds no value. ``column`` is named by who reads the row."""

    column = ""


def plain(kind: str, data: bytes) -> str | None:
    """The text of a field that is neither text of people nor a memo; ``None`` where it is blank.

    Args:
        kind: letter of the column's type.
        data: its bytes.

    Raises:
        FieldError: where the bytes are no such value.
    """
    try:
        return _READERS[kind](data)
    except (ValueError, OverflowError, struct.error):
        raise FieldError("no value of the column's type") from None


def _number(data: bytes) -> str | None:
    """The digits as they stand; a program writes asterisks where a number did not fit."""
    text = data.strip(_BLANK).decode("ascii")
    if text and not text.strip("*"):
        raise FieldError("the number did not fit its column when it was written")
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return text or None


def _date(data: bytes) -> str | None:
    if not data.strip(b" 0\0"):
        return None
    text = data.decode("ascii")
    if len(text) != 8 or not text.isdigit():
        raise ValueError
    return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()


def _logical(data: bytes) -> str | None:
    if not data.strip(b" ?\0"):
        return None
    if data not in (b"T", b"t", b"Y", b"y", b"F", b"f", b"N", b"n", b"1", b"0"):
        raise ValueError
    return "1" if data in b"TtYy1" else "0"


def _moment(data: bytes) -> str | None:
    if not data.strip(_BLANK):
        return None
    day, ms = struct.unpack("<II", data)
    if not day:
        return None
    at = datetime.fromordinal(day - _JULIAN) + timedelta(milliseconds=round(ms / 1000) * 1000 % _DAY_MS)
    return at.isoformat(sep=" ")


def _long(data: bytes) -> str | None:
    return None if not data.strip(_BLANK) and len(data) != 4 else str(struct.unpack("<i", data)[0])


def _double(data: bytes) -> str:
    return number_text(struct.unpack("<d", data)[0])


def _currency(data: bytes) -> str:
    return f"{Decimal(struct.unpack('<q', data)[0]).scaleb(-4):f}"


def _bytes(data: bytes) -> str | None:
    return data.hex() or None


_READERS: dict[str, Callable[[bytes], str | None]] = {
    "N": _number,
    "F": _number,
    "D": _date,
    "L": _logical,
    "T": _moment,
    "@": _moment,
    "I": _long,
    "+": _long,
    "O": _double,
    "B": _double,
    "Y": _currency,
    "Q": _bytes,
}
