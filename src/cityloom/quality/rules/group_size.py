from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, column, plain
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value


@dataclass(frozen=True, kw_only=True)
class GroupSize:
    """Rows with the same values of the columns must be at least ``least`` and at most ``most`` in number.

    All rows of a group that is too small or too large break the rule. Rows with a missing value are not judged here.
    Under a condition only rows in which it holds are counted: one head of each household, say.
    """

    name: ClassVar[str] = "group_size"
    title: ClassVar[Title] = Title("组内记录数", "Rows of a group")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "table"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("a",), ("a",), ("b",), (None,)), 3, 2, {"most": 1}),
        TableCase((("a",), ("a",), ("b",)), 3, 1, {"least": 2, "most": 3}),
        TableCase((("a", "1"), ("a", "2"), ("a", None)), 2, 0, {"most": 1}),
        TableCase((), 0, 0, {"most": 1}),
    )

    least: int = 1
    most: int | None = None

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Rows without a missing value, and those of groups of the wrong size."""
        return sql(
            "SELECT coalesce(sum(g.n), 0) AS checked, coalesce(sum(CASE WHEN :wrong THEN g.n ELSE 0 END), 0) AS broken"
            " FROM :groups AS g",
            wrong=self._wrong(),
            groups=self._groups(rows, width),
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows of groups of the wrong size."""
        same = all_of(*(sql(":a = :b", a=column(f"c{i}", "r"), b=column(f"c{i}", "g")) for i in range(width)))
        return sql(
            "SELECT r._batch, r._row FROM (SELECT * FROM :rows) AS r JOIN :groups AS g ON :same WHERE :wrong",
            rows=rows,
            groups=self._groups(rows, width),
            same=same,
            wrong=self._wrong(),
        )

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows without a missing value, and those of groups of the wrong size."""
        groups = Counter(tuple(row) for row in rows if not any(is_blank_value(x) for x in row))
        broken = sum(n for n in groups.values() if n < self.least or (self.most is not None and n > self.most))
        return groups.total(), broken

    def _wrong(self) -> exp.Expression:
        small = sql("g.n < :least", least=self.least)
        return small if self.most is None else sql("(:small OR g.n > :most)", small=small, most=self.most)

    def _groups(self, rows: exp.Expression, width: int) -> exp.Expression:
        columns = [column(f"c{i}") for i in range(width)]
        there = exp.and_(*(sql("NOT :blank", blank=plain(is_blank(c))) for c in columns))
        query = exp.select(*columns, exp.alias_(sql("count(*)"), "n")).from_(rows.copy()).where(there)
        return exp.Subquery(this=query.group_by(*(c.copy() for c in columns)))
