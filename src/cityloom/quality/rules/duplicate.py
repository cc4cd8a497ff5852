from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.quality.base import TableCase


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """The columns together must name a row once: every further row with the same values breaks the rule.

    Rows in which one of the columns is missing are not judged here. With ``whole_row`` they are, and two missing values
    are alike; where no columns are named all items of the resource are meant.
    """

    name: ClassVar[str] = "duplicate"
    title: ClassVar[Title] = Title("重复", "Duplicate")
    standard: ClassVar[str] = "GB/T 36344-2018 6.3"
    scope: ClassVar[str] = "table"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("a",), ("b",), ("a",), ("a",), (None,), (None,)), 4, 2),
        TableCase((("a", "1"), ("a", "2")), 2, 0),
        TableCase((("a", "1"), ("a", "1"), ("a", None)), 2, 1),
        TableCase((("a", None), ("a", None), ("a", "1"), (None, None), (None, None)), 5, 2, {"whole_row": True}),
        TableCase((), 0, 0),
    )

    whole_row: bool = False

    def _there(self, width: int) -> str:
        return "true" if self.whole_row else " AND ".join(f"c{i} IS NOT NULL" for i in range(width))

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Rows that may repeat are found by their hash first, one number a row; then compared as they are."""
        names = ", ".join(f"c{i}" for i in range(width))
        there = self._there(width)
        maybe = f"SELECT hash({names}) FROM :rows WHERE {there} GROUP BY hash({names}) HAVING count(*) > 1"
        return sql(
            f"SELECT (SELECT count(*) FROM :rows WHERE {there}) AS checked, coalesce(sum(g.n - 1), 0) AS broken"
            f" FROM (SELECT count(*) AS n FROM :rows WHERE {there} AND hash({names}) IN ({maybe}) GROUP BY {names}) AS g",
            rows=rows,
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """All rows but the first of each set of equal ones, by batch and row; only those that may repeat are put in order."""
        names = ", ".join(f"c{i}" for i in range(width))
        there = self._there(width)
        maybe = f"SELECT hash({names}) FROM :rows WHERE {there} GROUP BY hash({names}) HAVING count(*) > 1"
        return sql(
            "SELECT w._batch, w._row FROM (SELECT _batch, _row, row_number() OVER"
            f" (PARTITION BY {names} ORDER BY _batch, _row) AS n FROM :rows WHERE {there} AND hash({names}) IN ({maybe})) AS w"
            " WHERE w.n > 1",
            rows=rows,
        )

    def checked(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows that have all columns: how many are broken is known from the broken rows themselves."""
        there = self._there(width)
        return sql(f"SELECT count(*) FROM :rows WHERE {there}", rows=rows)

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows with all columns, and those that are not the first of their kind."""
        keys = [tuple(row) for row in rows if self.whole_row or all(value is not None for value in row)]
        return len(keys), len(keys) - len(set(keys))
