from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, full_match
from cityloom.model.text import Title
from cityloom.quality.base import TableCase

_SHAPE = "[0-9]{4}-[0-9]{2}-[0-9]{2}.*"
_DAYS = {"continuous": 1, "hour": 1, "day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """The newest date of the table must be no older than the resource's cycle allows.

    ``cycles`` says how many cycles may pass. The table as a whole is one thing checked; dates of another
    form than ``yyyy-mm-dd`` and dates after today do not count.
    """

    name: ClassVar[str] = "fresh"
    title: ClassVar[Title] = Title("及时性", "Freshness")
    standard: ClassVar[str] = "GB/T 36344-2018 6.5"
    scope: ClassVar[str] = "table"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("2025-12-20",), ("2020-01-01",)), 1, 0, {"today": "2026-01-05", "cycle": "month"}),
        TableCase((("2025-10-20",),), 1, 1, {"today": "2026-01-05", "cycle": "month"}),
        TableCase((("2030-01-01",), ("2025-10-20",)), 1, 1, {"today": "2026-01-05", "cycle": "month"}),
        TableCase((("2026/1/4",),), 1, 1, {"today": "2026-01-05", "cycle": "day"}),
        TableCase(((None,),), 1, 1, {"today": "2026-01-05", "cycle": "day"}),
    )

    today: str
    cycle: str
    cycles: int = 2

    @property
    def oldest(self) -> str:
        """The day that the newest date must have reached."""
        return (date.fromisoformat(self.today) - timedelta(days=_DAYS.get(self.cycle, 1) * self.cycles)).isoformat()

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """One look at the newest date."""
        return sql(
            "SELECT 1 AS checked, CASE WHEN max(CASE WHEN :good THEN substr(c0, 1, 10) END) >= :oldest"
            " THEN 0 ELSE 1 END AS broken FROM :rows",
            good=sql("(:shape AND substr(c0, 1, 10) <= :today)", shape=full_match(column("c0"), _SHAPE), today=self.today),
            oldest=self.oldest,
            rows=rows,
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """No single row is at fault."""
        return sql("SELECT _batch, _row FROM :rows WHERE false", rows=rows)

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """One thing checked, broken when the newest date is too old."""
        days = [row[0][:10] for row in rows if row[0] is not None and re.fullmatch(_SHAPE, row[0])]
        return 1, int(max((day for day in days if day <= self.today), default="") < self.oldest)
