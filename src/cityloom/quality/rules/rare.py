from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import plain
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value
from cityloom.quality.spelling import LONGEST, without_one

_NEAR = """
    WITH v AS (SELECT c0 AS v, count(*) AS n FROM :rows WHERE NOT :blank AND length(c0) >= :short AND length(c0) <= :long
               GROUP BY c0),
         f AS (SELECT v, n FROM v WHERE n >= :times),
         e AS (SELECT v, n, unnest(list_distinct(list_append(
                   list_transform(range(length(v)), lambda i: concat(left(v, i), substr(v, i + 2))), v))) AS k FROM v),
         g AS (SELECT v, n, unnest(list_distinct(list_append(
                   list_transform(range(length(v)), lambda i: concat(left(v, i), substr(v, i + 2))), v))) AS k FROM f)
    SELECT e.v, max_by(g.v, g.n) AS near, max(g.n) AS m, max(e.n) AS n FROM e JOIN g ON e.k = g.k
    WHERE g.n >= :times * e.n AND e.v <> g.v
      AND regexp_replace(e.v, '[0-9]', '', 'g') <> regexp_replace(g.v, '[0-9]', '', 'g')
    GROUP BY e.v
"""


@dataclass(frozen=True, kw_only=True)
class Rare:
    """A value must not be one letter away from a value that is ``times`` as frequent: it would be a slip of the pen.

    One letter away: one more, one fewer, another one, or one that has moved. Values that differ in digits only are no
    slips, nor are values of fewer than ``least_length`` letters. New batches are judged by what the table holds.
    """

    name: ClassVar[str] = "rare"
    title: ClassVar[Title] = Title("疑似笔误", "Probable misspelling")
    standard: ClassVar[str] = "GB/T 36344-2018 6.3"
    scope: ClassVar[str] = "table"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((*[("Wayne",)] * 10, ("Wyane",), ("Oakland",), (None,), ("",)), 12, 1),
        TableCase((*[("Wayne",)] * 9, ("Wyane",)), 10, 0),
        TableCase((*[("Route 1",)] * 10, ("Route 2",)), 11, 0),
        TableCase((*[("yes",)] * 4, ("yxs",)), 5, 1, {"times": 4, "least_length": 3}),
        TableCase((), 0, 0),
    )

    times: int = 10
    least_length: int = 4

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Rows with a value, and those whose value is a slip."""
        return sql(
            "SELECT (SELECT count(*) FROM :rows WHERE NOT :blank) AS checked,"
            " (SELECT coalesce(sum(n), 0) FROM :near AS s) AS broken",
            rows=rows,
            blank=plain(is_blank(exp.column("c0"))),
            near=self._near(rows),
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows whose value is a slip."""
        return sql("SELECT r._batch, r._row FROM (SELECT * FROM :rows) AS r JOIN :near AS s ON r.c0 = s.v", rows=rows, near=self._near(rows))

    def repairs(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The frequent value beside each slip: ``_batch, _row, value, share, support``."""
        return sql(
            "SELECT r._batch, r._row, s.near AS value, s.m / (s.m + s.n) AS share, s.m AS support"
            " FROM (SELECT * FROM :rows) AS r JOIN :near AS s ON r.c0 = s.v",
            rows=rows,
            near=self._near(rows),
        )

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows with a value, and those whose value is a slip."""
        there = Counter(row[0] for row in rows if row[0] is not None and not is_blank_value(row[0]))
        long = {value: n for value, n in there.items() if self.least_length <= len(value) <= LONGEST}
        frequent = defaultdict(set)
        for value, n in long.items():
            if n >= self.times:
                for key in without_one(value):
                    frequent[key].add(value)
        slips = [n for v, n in long.items() if any(self._is_slip(v, n, f, long[f]) for k in without_one(v) for f in frequent[k])]
        return there.total(), sum(slips)

    def _is_slip(self, value: str, n: int, frequent: str, m: int) -> bool:
        bare = [re.sub("[0-9]", "", text) for text in (value, frequent)]
        return m >= self.times * n and value != frequent and bare[0] != bare[1]

    def _near(self, rows: exp.Expression) -> exp.Expression:
        near = sql(
            _NEAR,
            rows=rows,
            blank=plain(is_blank(exp.column("c0"))),
            short=self.least_length,
            long=LONGEST,
            times=self.times,
        )
        return exp.Subquery(this=near)
