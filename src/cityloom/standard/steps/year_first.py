from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match
from cityloom.model.text import Title
from cityloom.standard.base import Case

_TIME = "(?: [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AaPp][Mm])?)?"
SHAPE = f"([0-9]{{1,2}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{4}}){_TIME}"


@dataclass(frozen=True, kw_only=True)
class YearFirst:
    """A day written with its year last, with or without a time of day, becomes ``year-month-day``; any other
    text stays. Put before ``parse_date``, which says whether it is a day of the calendar.

    ``order`` is how the day is written: ``dmy`` (31/01/2024) or ``mdy`` (01/31/2024).
    """

    name: ClassVar[str] = "year_first"
    title: ClassVar[Title] = Title("年份提前", "Year first")
    standard: ClassVar[str] = "GB/T 7408"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("31/01/2024", "2024-01-31"),
        Case("31.1.2024 08:09", "2024-1-31"),
        Case("06/26/2018 10:58:54 PM", "2018-06-26", {"order": "mdy"}),
        Case("06/26/2018", "2018-26-06"),
        Case("2024-01-31", "2024-01-31"),
        Case("31/01/24", "31/01/24"),
        Case("31/01/2024 soon", "31/01/2024 soon"),
        Case("", ""),
        Case(None, None),
    )

    order: str = "dmy"

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The text in its new order; one of another shape costs one look."""
        month, day = (1, 2) if self.order == "mdy" else (2, 1)
        parts = {
            name: sql(f"regexp_extract(:x, :shape, {group})", x=column, shape=SHAPE)
            for name, group in (("y", 3), ("m", month), ("d", day))
        }
        return sql(
            "CASE WHEN :is THEN :y || '-' || :m || '-' || :d ELSE :x END",
            **{"is": full_match(column, SHAPE)},
            x=column,
            **parts,
        )

    def value(self, x: str | None) -> str | None:
        """The text in its new order."""
        found = re.fullmatch(SHAPE, x) if x is not None else None
        if found is None:
            return x
        first, second, year = found.groups()
        return f"{year}-{first}-{second}" if self.order == "mdy" else f"{year}-{second}-{first}"
