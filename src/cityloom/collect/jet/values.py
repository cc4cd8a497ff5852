"""Fields of a row as exact text."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from cityloom.collect.jet.pages import BrokenError
from cityloom.collect.numbers import number_text

BOOLEAN, MEMO, OLE, COMPLEX = 1, 12, 11, 18
KINDS = {
    1: "Yes/No",
    2: "Byte",
    3: "Integer",
    4: "Long Integer",
    5: "Currency",
    6: "Single",
    7: "Double",
    8: "Date/Time",
    9: "Binary",
    10: "Text",
    11: "OLE Object",
    12: "Memo",
    15: "Replication ID",
    16: "Decimal",
    18: "Complex",
    19: "Large Number",
    20: "Date/Time Extended",
}
"""What Access calls its types, by number."""
WIDTHS = {2: 1, 3: 2, 4: 4, 5: 8, 6: 4, 7: 8, 8: 8, 15: 16, 16: 17, 18: 4, 19: 8, 20: 42}
"""Bytes of the types of fixed width."""
_START = datetime.fromisoformat("1899-12-30")
_DAY_MS = 86_400_000


def _single(raw: bytes) -> str:
    value = struct.unpack("<f", raw)[0]
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == raw:
            break
    return number_text(float(text))


def _moment(raw: bytes) -> str:
    """Days since the end of 1899; before it the fraction still counts forwards."""
    value = struct.unpack("<d", raw)[0]
    try:
        days = int(value)
        at = _START + timedelta(days=days, milliseconds=round(abs(value - days) * _DAY_MS))
    except (OverflowError, ValueError):
        raise BrokenError("a date that there is not") from None
    return at.isoformat(sep=" ", timespec="milliseconds" if at.microsecond else "seconds")


def _decimal(raw: bytes, scale: int) -> str:
    words = struct.unpack("<4I", raw[1:17])
    whole = 0
    for word in words:
        whole = whole << 32 | word
    return f"{Decimal((1 if raw[0] else 0, tuple(map(int, str(whole))), -scale)):f}"


def _extended(raw: bytes) -> str:
    """``days:nanoseconds/100:digits``: days since the year 1, and parts of the day."""
    try:
        days, ticks, _ = raw.decode("ascii").split(":", 2)
        at = datetime.fromisoformat("0001-01-01") + timedelta(days=int(days), seconds=int(ticks) // 10_000_000)
        return f"{at.isoformat(sep=' ')}.{int(ticks) % 10_000_000:07d}"
    except (ValueError, OverflowError, UnicodeDecodeError):
        raise BrokenError("a date that there is not") from None


_FIXED: dict[int, Callable[[bytes], str]] = {
    2: lambda raw: str(raw[0]),
    3: lambda raw: str(struct.unpack("<h", raw)[0]),
    4: lambda raw: str(struct.unpack("<i", raw)[0]),
    5: lambda raw: f"{Decimal(struct.unpack('<q', raw)[0]).scaleb(-4):f}",
    6: _single,
    7: lambda raw: number_text(struct.unpack("<d", raw)[0]),
    8: _moment,
    15: lambda raw: "{" + str(UUID(bytes_le=raw)).upper() + "}",
    18: lambda raw: str(struct.unpack("<i", raw)[0]),
    19: lambda raw: str(struct.unpack("<q", raw)[0]),
    20: _extended,
}


def field_text(kind: int, raw: bytes, *, scale: int, encoding: str) -> str:
    """The text of a field that is not NULL; binary data are hexadecimal.

    Args:
        kind: number of its type.
        raw: its bytes; of a long value what it stands for.
        scale: decimals of a decimal number.
        encoding: of texts in Jet 3; empty in later versions, which hold Unicode.
    """
    width = WIDTHS.get(kind)
    if width is not None and len(raw) < width:
        raise BrokenError("a field is cut off")
    if kind in _FIXED:
        return _FIXED[kind](raw[:width])
    if kind == 16:
        return _decimal(raw, scale)
    if kind in (10, 12):
        return _text(raw, encoding)
    if kind in (9, 11):
        return raw.hex()
    raise BrokenError(f"a field of the unknown type {kind}")


def _text(raw: bytes, encoding: str) -> str:
    try:
        if encoding:
            return raw.decode(encoding)
        if not raw.startswith(b"\xff\xfe"):
            return raw.decode("utf-16-le")
        parts = raw[2:].split(b"\0")
        return "".join(part.decode("utf-16-le" if i % 2 else "latin-1") for i, part in enumerate(parts))
    except UnicodeDecodeError:
        raise BrokenError(f"a text that is not {encoding or 'Unicode'}") from None
