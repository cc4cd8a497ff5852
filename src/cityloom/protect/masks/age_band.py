"""Generalise a date of birth to a band of ages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.protect.mask import DATE, Case, check_count, check_given


@dataclass(frozen=True, kw_only=True)
class AgeBand:
    """The band of ``width`` years in which the age of someone born on that day lies today, ``top`` and above
    as one; nothing for a text that is no date, or a day to come."""

    name: ClassVar[str] = "age_band"
    title: ClassVar[Title] = Title("年龄段", "Age band")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("1990-01-31", "30-39"),
        Case("19861121", "40-49"),
        Case("1986-11-22", "30-39"),
        Case("2026-11-21", "0-9"),
        Case("2026-11-22", None),
        Case("1936-11-21", "90+"),
        Case("1966-05-01", "60+", {"width": 5, "top": 60}),
        Case("1990", None),
        Case("", None),
        Case(None, None),
    )

    width: int = 10
    """Years in a band."""
    top: int = 90
    """Age from which on there is only one band; a multiple of ``width``."""
    today: str = ""
    """The day from which ages count (ISO), given by the platform."""

    def __post_init__(self) -> None:
        check_count(self.name, "width", self.width, least=1)
        check_count(self.name, "top", self.top, least=1)
        if self.top % self.width:
            raise ConfigError(
                "protect.mask.bands",
                "The highest band of ages must begin where a band ends.",
                hint="Make {top} a multiple of {width}.",
                top=self.top,
                width=self.width,
            )

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """The band, by whole numbers only."""
        check_given(self.name, "today", self.today)
        days = sql("left(replace(left(:x, 10), '-', ''), 8)", x=column)
        age = sql(
            "(:year - TRY_CAST(left(:days, 4) AS INTEGER) - CASE WHEN right(:days, 4) > :day THEN 1 ELSE 0 END)",
            days=days,
            year=int(self.today[:4]),
            day=self._day,
        )
        return sql(
            "CASE WHEN NOT :is_date OR :age < 0 THEN NULL WHEN :age >= :top THEN :highest"
            " WHEN :is_date THEN CAST(:age - :age % :width AS TEXT) || '-'"
            " || CAST(:age - :age % :width + :width - 1 AS TEXT) END",
            is_date=full_match(column, DATE),
            age=age,
            top=self.top,
            highest=f"{self.top}+",
            width=self.width,
        )

    def value(self, x: str | None) -> str | None:
        """The band."""
        check_given(self.name, "today", self.today)
        if x is None or not re.fullmatch(DATE, x):
            return None
        days = x[:10].replace("-", "")[:8]
        age = int(self.today[:4]) - int(days[:4]) - (days[4:] > self._day)
        if age < 0:
            return None
        low = age - age % self.width
        return f"{self.top}+" if age >= self.top else f"{low}-{low + self.width - 1}"

    @property
    def _day(self) -> str:
        return self.today[5:7] + self.today[8:10]
