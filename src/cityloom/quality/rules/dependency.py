from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, column, plain
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """All columns but the last determine the last one: a row that differs from most rows of its group breaks the rule.

    A group are the rows with the same values of the determining columns. It is judged where it has at least
    ``least_rows`` rows and one value of the last column stands in more than ``least_share`` of them; with
    ``undecided`` all rows of a group without such a value break the rule too. Rows with a missing value are not
    judged here.
    """

    name: ClassVar[str] = "dependency"
    title: ClassVar[Title] = Title("函数依赖", "Functional dependency")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "table"
    blames: ClassVar[str] = "last"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("x", "a"), ("x", "a"), ("x", "b"), ("y", "b"), ("y", None)), 4, 1),
        TableCase((("x", "a"), ("x", "b"), ("y", "b")), 3, 0),
        TableCase((("x", "a"), ("x", "b"), ("y", "b")), 3, 2, {"undecided": True}),
        TableCase((("x", "a"), ("x", "a"), ("x", "b")), 3, 0, {"least_rows": 4}),
        TableCase((("x", "1", "a"), ("x", "1", "a"), ("x", "2", "b"), ("x", "1", "c")), 4, 1),
        TableCase((("a",), ("a",), ("b",), (" ",)), 3, 1),
        TableCase((), 0, 0),
    )

    least_rows: int = 3
    least_share: float = 0.5
    undecided: bool = False

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Rows without a missing value, and those that differ from the most of their group."""
        return sql(
            "SELECT coalesce(sum(p.n), 0) AS checked, coalesce(sum(CASE WHEN :wrong THEN p.n END), 0) AS broken"
            " FROM :pairs AS p JOIN :groups AS g ON :same",
            wrong=self._wrong(),
            pairs=self._pairs(rows, width),
            groups=self._groups(rows, width),
            same=_same("p", "g", width),
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows that differ from the most of their group."""
        values = all_of(*(sql(":a = :b", a=column(f"c{i}", "r"), b=column(f"c{i}", "p")) for i in range(width)))
        return sql(
            "SELECT r._batch, r._row FROM (SELECT * FROM :rows) AS r JOIN :pairs AS p ON :values JOIN :groups AS g ON :same WHERE :wrong",
            rows=rows,
            pairs=self._pairs(rows, width),
            values=values,
            groups=self._groups(rows, width),
            same=_same("p", "g", width),
            wrong=self._wrong(),
        )

    def repairs(self, rows: exp.Expression, width: int) -> exp.Expression:
        """For rows of decided groups that differ or miss the last value: ``_batch, _row, value, share, support``."""
        mine = _same("r", "g", width)
        return sql(
            "SELECT r._batch, r._row, g.best AS value, g.top / g.total AS share, g.total AS support"
            " FROM (SELECT * FROM :rows) AS r JOIN :groups AS g ON :same"
            " WHERE (:y IS NULL OR :y <> g.best) AND g.total >= :least AND g.top > :share * g.total",
            rows=rows,
            groups=self._groups(rows, width),
            same=mine,
            y=column(f"c{width - 1}", "r"),
            least=self.least_rows,
            share=self.least_share,
        )

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows without a missing value, and those that differ from the most of their group."""
        groups: dict[tuple[str | None, ...], Counter[str | None]] = defaultdict(Counter)
        for row in rows:
            if not any(is_blank_value(value) for value in row):
                groups[tuple(row[:-1])][row[-1]] += 1
        broken = sum(self._broken_of(group) for group in groups.values())
        return sum(group.total() for group in groups.values()), broken

    def _broken_of(self, group: Counter[str | None]) -> int:
        total, top = group.total(), max(group.values())
        if total >= self.least_rows and top > self.least_share * total:
            return sum(n for n in group.values() if n < top)
        return total if self.undecided and len(group) > 1 else 0

    def _wrong(self) -> exp.Expression:
        decided = sql(
            "(g.total >= :least AND g.top > :share * g.total)", least=self.least_rows, share=self.least_share
        )
        if self.undecided:
            return sql("((:d AND p.n < g.top) OR (NOT :d AND g.unlike > 1))", d=decided)
        return sql("(:d AND p.n < g.top)", d=decided)

    def _pairs(self, rows: exp.Expression, width: int) -> exp.Expression:
        columns = [column(f"c{i}") for i in range(width)]
        there = all_of(*(sql("NOT :blank", blank=plain(is_blank(c))) for c in columns))
        picks = [c.copy() for c in columns]
        query = exp.select(*picks, exp.alias_(sql("count(*)"), "n")).from_(rows.copy()).where(there)
        return exp.Subquery(this=query.group_by(*(c.copy() for c in columns)))

    def _groups(self, rows: exp.Expression, width: int) -> exp.Expression:
        keys = [column(f"c{i}") for i in range(width - 1)]
        last = column(f"c{width - 1}")
        query = exp.select(
            *(k.copy() for k in keys),
            sql("sum(n) AS total"),
            sql("max(n) AS top"),
            sql("count(*) AS unlike"),
            exp.alias_(sql("max_by(:y, n)", y=last), "best"),
        ).from_(exp.alias_(self._pairs(rows, width), "q"))
        return exp.Subquery(this=query.group_by(*(k.copy() for k in keys)) if keys else query)


def _same(left: str, right: str, width: int) -> exp.Expression:
    keys = [sql(":a = :b", a=column(f"c{i}", left), b=column(f"c{i}", right)) for i in range(width - 1)]
    return all_of(*keys) if keys else exp.true()
