from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.dates import day_of, day_terms


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
        Case("2024年1月3日8:05", "2024-01-03"),
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
        """The day."""
        day = day_terms(column)
        return sql("CASE WHEN :real THEN :iso END", real=day.is_real, iso=day.iso)

    def value(self, x: str | None) -> str | None:
        """The day."""
        return None if x is None else day_of(x)
