"""Days and times of day in the forms departments write them in, always year, month, day."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import is_day
from cityloom.engines.terms import full_match, is_real_date, shared

CLOCK = r"[0-9]{1,2}[:时](?:[0-9]{1,2}(?:[:分](?:[0-9]{1,2}(?:\.[0-9]{1,9})?秒?)?)?)?"
ZONE = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
PACKED = r"[0-9]{8}(?:[ T]?[0-9]{2}:?[0-9]{2}(?::?[0-9]{2})?)?"
SHAPE = (
    rf"[0-9]{{4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}(?:[ T]{CLOCK}{ZONE})?"
    rf"|[0-9]{{4}}年[0-9]{{1,2}}月[0-9]{{1,2}}(?:日|(?:日[ T]?|[ T]){CLOCK})?"
    rf"|{PACKED}"
)
"""Every form that is understood."""
_PARTS = re.compile(r"([0-9]{4})[^0-9]([0-9]{1,2})[^0-9]([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")


@dataclass(frozen=True)
class Day:
    """Terms of a day found in a text: whether it is one of the calendar, and the day as ``yyyy-mm-dd``."""

    is_real: exp.Expression
    iso: exp.Expression


def day_terms(column: exp.Expression) -> Day:
    """The day that a text says, by position once the shape is known."""
    shape = shared(full_match(column, SHAPE))
    packed = sql("substr(:x, 5, 1) BETWEEN '0' AND '9'", x=column)
    long_month = sql("substr(:x, 7, 1) BETWEEN '0' AND '9'", x=column)
    month = sql(
        "CASE WHEN :packed THEN substr(:x, 5, 2) WHEN :long THEN substr(:x, 6, 2) ELSE substr(:x, 6, 1) END",
        packed=packed,
        long=long_month,
        x=column,
    )
    tail = shared(
        sql(
            "CASE WHEN :packed THEN substr(:x, 7, 2) WHEN :long THEN substr(:x, 9, 2) ELSE substr(:x, 8, 2) END",
            packed=packed,
            long=long_month,
            x=column,
        )
    )
    day = sql("CASE WHEN substr(:d, 2, 1) BETWEEN '0' AND '9' THEN :d ELSE substr(:d, 1, 1) END", d=tail)
    y, m, d = (
        shared(sql("CASE WHEN :shape THEN TRY_CAST(:part AS INT) END", shape=shape, part=part))
        for part in (sql("substr(:x, 1, 4)", x=column), month, day)
    )
    iso = sql(
        "substr(:x, 1, 4) || '-' || lpad(CAST(:m AS VARCHAR), 2, '0') || '-' || lpad(CAST(:d AS VARCHAR), 2, '0')",
        x=column,
        m=m,
        d=d,
    )
    return Day(is_real=is_real_date(y, m, d), iso=iso)


def day_of(text: str) -> str | None:
    """The meaning of :func:`day_terms`."""
    if not re.fullmatch(SHAPE, text):
        return None
    found = _PARTS.match(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups() if part is not None)
    return f"{year:04d}-{month:02d}-{day:02d}" if is_day(year, month, day) else None
