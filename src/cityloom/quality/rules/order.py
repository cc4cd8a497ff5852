from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, never_null
from cityloom.model.text import Title
from cityloom.quality.base import Case

_SHAPE = "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]*)?"


@dataclass(frozen=True, kw_only=True)
class Order:
    """The first date must not be after the second; both as ``yyyy-mm-dd`` with or without a time.

    Texts are compared as they are, day by day: a date of another form is not judged here.
    """

    name: ClassVar[str] = "order"
    title: ClassVar[Title] = Title("先后顺序", "Order of dates")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("2024-01-31", "2024-02-01"), False),
        Case(("2024-01-31", "2024-01-31"), False),
        Case(("2024-01-31T10:00:00", "2024-01-31"), False),
        Case(("2024-02-01", "2024-01-31"), True),
        Case(("2024年2月1日", "2024-01-31"), False),
        Case((None, "2024-01-31"), False),
    )

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the first is later."""
        return never_null(
            sql(
                "(substr(:a, 1, 10) > substr(:b, 1, 10) AND :good_a AND :good_b)",
                a=columns[0],
                b=columns[1],
                good_a=full_match(columns[0], _SHAPE),
                good_b=full_match(columns[1], _SHAPE),
            )
        )

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the first is later."""
        a, b = values
        if a is None or b is None:
            return False
        return all(re.fullmatch(_SHAPE, x) for x in (a, b)) and a[:10] > b[:10]
