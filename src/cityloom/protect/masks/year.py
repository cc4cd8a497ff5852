"""Generalise a date to its year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match
from cityloom.model.text import Title
from cityloom.protect.mask import DATE, Case


@dataclass(frozen=True, kw_only=True)
class Year:
    """The year of a date or time; nothing for a text that is none."""

    name: ClassVar[str] = "year"
    title: ClassVar[Title] = Title("保留年份", "Year only")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("1990-01-31", "1990"),
        Case("19900131", "1990"),
        Case("1990-01-31 08:30:00", "1990"),
        Case("1990", None),
        Case("1990-13-31", None),
        Case("1990-01-31\n", None),
        Case("", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """The first four digits of a date."""
        return sql("CASE WHEN :is_date THEN left(:x, 4) END", x=column, is_date=full_match(column, DATE))

    def value(self, x: str | None) -> str | None:
        """The first four digits of a date."""
        return x[:4] if x is not None and re.fullmatch(DATE, x) else None
