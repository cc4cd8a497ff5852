from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import is_day
from cityloom.engines.terms import full_match, is_real_date, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_TIME = r"(?:[ T]?[0-9]{1,2}[:时](?:[0-9]{1,2}(?:[:分](?:[0-9]{1,2}(?:\.[0-9]{1,9})?秒?)?)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_DAY = r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日?"
SHAPE = rf"(?:{_DAY}){_TIME}|[0-9]{{8}}(?:[0-9]{{6}}|[ T][0-9]{{2}}:?[0-9]{{2}}(?::?[0-9]{{2}})?)?"
_PARTS = re.compile(r"([0-9]{4})[^0-9]([0-9]{1,2})[^0-9]([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")


@dataclass(frozen=True, kw_only=True)
class ParseDate:
    """A day as ``yyyy-mm-dd``, from the forms departments write it in, with or without a time of day.

    Year, month, day in this order: ``20240131``, ``2024-1-31``, ``2024/1/31``, ``2024.1.31``,
    ``2024年1月31日``. What is no day of the calendar becomes missing and is counted.
    """

    name: ClassVar[str] = "parse_date"
    title: ClassVar[Title] = Title("解析日期", "Parse a date")
    standard: ClassVar[str] = "GB/T 7408"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("2024-01-31", "2024-01-31"),
        Case("20240131", "2024-01-31"),
        Case("2024/1/3", "2024-01-03"),
        Case("2024.12.3", "2024-12-03"),
        Case("2024年1月31日", "2024-01-31"),
        Case("2024年1月3", "2024-01-03"),
        Case("2024-01-31 08:09:10.5", "2024-01-31"),
        Case("2024-1-3T08:09:10+08:00", "2024-01-03"),
        Case("2024年12月31日 8时5分", "2024-12-31"),
        Case("20240131235959", "2024-01-31"),
        Case("2024-02-29", "2024-02-29"),
        Case("2023-02-29", None),
        Case("1900-02-29", None),
        Case("2000-02-29", "2000-02-29"),
        Case("2024-13-01", None),
        Case("2024-04-31", None),
        Case("0000-01-01", None),
        Case("2024-01", None),
        Case("31/01/2024", None),
        Case("2024-01-311", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The day, found by position once the shape is known."""
        shape = shared(full_match(column, SHAPE))
        # position of the first character after the year that is a digit: 5 in 20240131, else 6
        packed = sql("substr(:x, 5, 1) BETWEEN '0' AND '9'", x=column)
        short = sql("substr(:x, 7, 1) BETWEEN '0' AND '9'", x=column)
        month = sql(
            "CASE WHEN :packed THEN substr(:x, 5, 2) WHEN :short THEN substr(:x, 6, 2) ELSE substr(:x, 6, 1) END",
            packed=packed,
            short=short,
            x=column,
        )
        tail = sql(
            "CASE WHEN :packed THEN substr(:x, 7, 2) WHEN :short THEN substr(:x, 9, 2) ELSE substr(:x, 8, 2) END",
            packed=packed,
            short=short,
            x=column,
        )
        text = shared(tail)
        day = sql("CASE WHEN substr(:d, 2, 1) BETWEEN '0' AND '9' THEN :d ELSE substr(:d, 1, 1) END", d=text)
        y, m, d = (
            shared(sql("CASE WHEN :shape THEN TRY_CAST(:part AS INT) END", shape=shape, part=part))
            for part in (sql("substr(:x, 1, 4)", x=column), month, day)
        )
        return sql(
            "CASE WHEN :real THEN substr(:x, 1, 4) || '-' || lpad(CAST(:m AS VARCHAR), 2, '0') || '-'"
            " || lpad(CAST(:d AS VARCHAR), 2, '0') END",
            real=is_real_date(y, m, d),
            x=column,
            m=m,
            d=d,
        )

    def value(self, x: str | None) -> str | None:
        """The day."""
        if x is None or not re.fullmatch(SHAPE, x):
            return None
        found = _PARTS.match(x)
        if found is None:
            return None
        year, month, day = (int(part) for part in found.groups() if part is not None)
        return f"{year:04d}-{month:02d}-{day:02d}" if is_day(year, month, day) else None
