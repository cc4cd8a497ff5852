from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import is_day
from cityloom.engines.terms import full_match, is_real_date, never_null, shared
from cityloom.model.text import Title
from cityloom.quality.base import Case, Sure

_SHAPE = "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2})?"
_PLAIN = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAY = (
    "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|[12][0-9]))(?:T[0-9]{2}:[0-9]{2}:[0-9]{2})?"
)
"""A day that its month has, but for the 29th of February."""


@dataclass(frozen=True, kw_only=True)
class DateRange:
    """A date (``yyyy-mm-dd``, with or without a time) must be in the calendar, not before ``first`` and not
    after ``last`` (the present day when it is not given). A text of another form breaks the rule."""

    name: ClassVar[str] = "date_range"
    title: ClassVar[Title] = Title("日期范围", "Range of dates")
    standard: ClassVar[str] = "GB/T 36344-2018 6.3"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("2024-02-29",), False, {"today": "2026-01-05"}),
        Case(("2024-02-30",), True, {"today": "2026-01-05"}),
        Case(("2026-01-06",), True, {"today": "2026-01-05"}),
        Case(("2026-01-05T23:00:00",), False, {"today": "2026-01-05"}),
        Case(("1899-12-31",), True, {"today": "2026-01-05"}),
        Case(("2030-01-01",), False, {"today": "2026-01-05", "last": "2099-12-31"}),
        Case(("20240131",), True, {"today": "2026-01-05"}),
        Case((None,), False, {"today": "2026-01-05"}),
    )

    first: str = "1900-01-01"
    last: str | None = None
    today: str

    def sure(self, column: exp.Expression) -> Sure:
        """A day that is written as the engine writes it, in range."""
        term = sql(
            "(length(:x) = 10 AND CAST(TRY_CAST(:x AS DATE) AS VARCHAR) = :x AND :x BETWEEN :first AND :last)",
            x=column,
            first=max(self.first, "0001-01-01"),
            last=self.last or self.today,
        )
        return Sure(term=term, pattern=_PLAIN)

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the date is out of range."""
        x = columns[0]
        year = sql("TRY_CAST(substr(:x, 1, 4) AS INT)", x=x)
        good = sql(
            "CASE WHEN NOT :day THEN false WHEN NOT substr(:x, 1, 10) BETWEEN :first AND :last THEN false"
            " WHEN substr(:x, 6, 5) <> '02-29' THEN true ELSE :real END",
            day=shared(full_match(x, _DAY)),
            x=x,
            first=max(self.first, "0001-01-01"),
            last=self.last or self.today,
            real=is_real_date(year, exp.Literal.number(2), exp.Literal.number(29)),
        )
        return sql("(:x IS NOT NULL AND NOT :good)", x=x, good=never_null(good))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the date is out of range."""
        x = values[0]
        if x is None:
            return False
        if not re.fullmatch(_SHAPE, x) or not is_day(int(x[:4]), int(x[5:7]), int(x[8:10])):
            return True
        return not self.first <= x[:10] <= (self.last or self.today)
