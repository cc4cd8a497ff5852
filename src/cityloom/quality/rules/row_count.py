from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.quality.base import TableCase


@dataclass(frozen=True, kw_only=True)
class RowCount:
    """The table must have at least ``least`` and at most ``most`` rows; under a condition, rows in which it holds.

    The table as a whole is one thing checked; no columns are named.
    """

    name: ClassVar[str] = "row_count"
    title: ClassVar[Title] = Title("记录数范围", "Number of rows")
    standard: ClassVar[str] = "GB/T 36344-2018 6.2"
    scope: ClassVar[str] = "table"
    needs_columns: ClassVar[bool] = False
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("a",), (None,)), 1, 0, {"least": 2, "most": 2}),
        TableCase((("a",),), 1, 1, {"least": 2}),
        TableCase((("a",), ("a",)), 1, 1, {"most": 1}),
        TableCase((), 1, 1, {}),
    )

    least: int = 1
    most: int | None = None

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """One count."""
        good = sql("(count(*) >= :least)", least=self.least)
        if self.most is not None:
            good = sql("(:good AND count(*) <= :most)", good=good, most=self.most)
        return sql("SELECT 1 AS checked, CASE WHEN :good THEN 0 ELSE 1 END AS broken FROM :rows", good=good, rows=rows)

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """No single row is at fault."""
        return sql("SELECT _batch, _row FROM :rows WHERE false", rows=rows)

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """One thing checked, broken when there are too few rows or too many."""
        return 1, int(not self.least <= len(rows) or (self.most is not None and len(rows) > self.most))
