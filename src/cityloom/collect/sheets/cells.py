"""Numbers of cells as text: dates and times ISO, whole numbers without a point, codes with their zeros."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from cityloom.collect.sheets.formats import Format, Kind
from cityloom.collect.sheets.model import Fault, Value

_FIRST = datetime.fromisoformat("1899-12-30")
_SHIFT_1904 = 1462
_LAST_SERIAL = 2_958_466
"""The first of January of the year 10000."""
_DAY_MS = 86_400_000
_LEAP = 60
"""The 29th of February 1900, which the format has and the calendar has not."""
_EXACT = 1e15
"""Whole numbers below keep all their digits in a spreadsheet."""
_NOISE = 3
_SMALL = 1e-30


def long_number(shown: str) -> Fault:
    """A whole number of more than 15 digits, whose last ones a spreadsheet does not keep: an id number typed as a number."""
    return Fault("collect.cell.long", "a number of more than 15 digits: the spreadsheet does not keep the last ones", shown)


def error(shown: str) -> Fault:
    """A formula that came to an error."""
    return Fault("collect.cell.error", f"the cell shows the error {shown}" if shown.startswith("#") else "the cell shows an error", shown)


def uncomputed() -> Fault:
    """A formula whose result the file does not hold."""
    return Fault("collect.cell.uncomputed", "the file holds a formula here and not its result", "=")


def boolean(is_true: bool) -> str:
    """As a spreadsheet shows it."""
    return "TRUE" if is_true else "FALSE"


def number_cell(value: float, style: Format, *, is_1904: bool = False) -> Value:
    """A number as its format means it. A date that there is not stays a number."""
    if style.kind is not Kind.NUMBER:
        shown = _styled(value, style, is_1904)
        if shown is not None:
            return shown
    return plain(value)


def plain(value: float) -> Value:
    """A number without the noise of binary arithmetic: ``274.66`` for ``274.65999999999997``."""
    if value != value or value in (float("inf"), float("-inf")):
        return error("#NUM!")
    if abs(value) >= _EXACT:
        text = f"{value:.15g}"
        return long_number(f"{Decimal(text):f}" if abs(value) < 1 / _SMALL else text)
    if value == int(value):
        return str(int(value))
    short, full = f"{value:.15g}", repr(value)
    chosen = short if len(short) < len(full) - _NOISE else full
    return f"{Decimal(chosen):f}" if "e" in chosen and abs(value) > _SMALL else chosen


def _styled(value: float, style: Format, is_1904: bool) -> str | None:
    if style.kind is Kind.CODE:
        is_code = 0 <= value < _EXACT and value == int(value)
        return str(int(value)).zfill(style.width) if is_code else None
    if style.kind is Kind.SPAN:
        return _span(value)
    serial = value + _SHIFT_1904 if is_1904 else value
    if not 0 <= serial < _LAST_SERIAL:
        return None
    day, ms = divmod(round(serial * _DAY_MS), _DAY_MS)
    if style.kind is Kind.TIME and day == 0:
        return _clock(ms)
    if day == 0 and not is_1904:
        return _clock(ms) if ms else None
    if style.kind is Kind.TIME or ms or style.kind is Kind.MOMENT:
        return f"{_day(day, is_1904)} {_clock(ms)}"
    return _day(day, is_1904)


def _day(day: int, is_1904: bool) -> str:
    if day == _LEAP and not is_1904:
        return "1900-02-29"
    return (_FIRST + timedelta(days=day if day > _LEAP or is_1904 else day + 1)).date().isoformat()


def _clock(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{rest:03}" if rest else text


def _span(value: float) -> str:
    """A length of time in hours: ``36:00:00``."""
    sign = "-" if value < 0 else ""
    return sign + _clock(round(abs(value) * _DAY_MS))
