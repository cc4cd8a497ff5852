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
class UniqueInGroup:
    """The value of the last column must stand once among the rows with the same values of the columns before it.

    All rows of a value that repeats break the rule: which of them is the wrong one cannot be told. Rows with a missing
    value are not judged here. See ``duplicate`` where every further row is the wrong one.
    """

    name: ClassVar[str] = "unique_in_group"
    title: ClassVar[Title] = Title("组内唯一", "Unique within a group")
    standard: ClassVar[str] = "GB/T 36344-2018 6.3"
    scope: ClassVar[str] = "table"
    blames: ClassVar[str] = "last"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("g", "1"), ("g", "1"), ("g", "2"), ("h", "1"), ("h", None), (None, "1")), 4, 2),
        TableCase((("g", "1"), ("h", "1")), 2, 0),
        TableCase((("1",), ("1",), ("2",)), 3, 2),
        TableCase((), 0, 0),
    )

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Rows without a missing value, and those whose value repeats."""
        return sql(
            "SELECT coalesce(sum(g.n), 0) AS checked, coalesce(sum(CASE WHEN g.n > 1 THEN g.n ELSE 0 END), 0) AS broken"
            " FROM :groups AS g",
            groups=self._groups(rows, width),
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows whose value repeats."""
        same = all_of(*(sql(":a = :b", a=column(f"c{i}", "r"), b=column(f"c{i}", "g")) for i in range(width)))
        return sql(
            "SELECT r._batch, r._row FROM (SELECT * FROM :rows) AS r JOIN :groups AS g ON :same WHERE g.n > 1",
            rows=rows,
            groups=self._groups(rows, width),
            same=same,
        )

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows without a missing value, and those whose value repeats."""
        groups = Counter(tuple(row) for row in rows if not any(is_blank_value(x) for x in row))
        return groups.total(), sum(n for n in groups.values() if n > 1)

    def _groups(self, rows: exp.Expression, width: int) -> exp.Expression:
        columns = [column(f"c{i}") for i in range(width)]
        there = exp.and_(*(sql("NOT :blank", blank=plain(is_blank(c))) for c in columns))
        query = exp.select(*columns, exp.alias_(sql("count(*)"), "n")).from_(rows.copy()).where(there)
        return exp.Subquery(this=query.group_by(*(c.copy() for c in columns)))
