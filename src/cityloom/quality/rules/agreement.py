from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, column, plain
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value, softened, softened_count

_IN = {"resource": "other", "items": ("id", "name")}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Another ``resource`` must say the same: the first ``keys`` columns find its rows, the others must agree.

    ``items`` are the other resource's items for the columns, in their order. A row is judged when no value of it is
    missing and the other resource has rows of its key that say something; it breaks the rule when none of them agrees.
    With ``share`` below 1 none breaks it as long as at least that share agrees.
    """

    name: ClassVar[str] = "agreement"
    title: ClassVar[Title] = Title("跨源一致", "Agreement of sources")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "table"
    blames: ClassVar[str] = "last"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("1", "a"), ("2", "b"), ("3", "c"), ("4", None)), 2, 1, _IN, ((("1", "a"), ("2", "x"), ("4", "d")),)),
        TableCase((("1", "a"),), 1, 0, _IN, ((("1", "b"), ("1", "a"), ("1", None)),)),
        TableCase((("1", "a"),), 0, 0, _IN, ((("1", None),),)),
        TableCase((("1", "a"), ("2", "b")), 2, 0, {**_IN, "share": 0.5}, ((("1", "a"), ("2", "x")),)),
        TableCase((("1", "a"),), 0, 0, _IN, ((),)),
    )

    resource: str
    items: tuple[str, ...]
    keys: int = 1
    share: float = 1.0

    @property
    def others(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The resource that must agree."""
        return ((self.resource, self.items),)

    def counts(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """Rows that are judged, and those that nothing agrees with."""
        query = sql(
            "SELECT count(*) AS n, coalesce(sum(CASE WHEN j.agreed = 0 THEN 1 ELSE 0 END), 0) AS lost FROM :judged AS j",
            judged=self._judged(rows, others[0]),
        )
        return softened(query, self.share)

    def broken_rows(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """The rows that nothing agrees with, unless enough do."""
        return sql(
            "SELECT j._batch, j._row FROM :judged AS j WHERE j.agreed = 0 AND (SELECT q.broken FROM :counted AS q) > 0",
            judged=self._judged(rows, others[0]),
            counted=exp.Subquery(this=self.counts(rows, width, others)),
        )

    def count(self, rows: Sequence[Sequence[str | None]], others: Sequence[Sequence[Sequence[str | None]]]) -> tuple[int, int]:
        """Rows that are judged, and those that nothing agrees with."""
        said = defaultdict(set)
        for row in others[0]:
            if not any(is_blank_value(x) for x in row):
                said[tuple(row[: self.keys])].add(tuple(row[self.keys :]))
        judged = [row for row in rows if not any(is_blank_value(x) for x in row) and tuple(row[: self.keys]) in said]
        lost = sum(tuple(row[self.keys :]) not in said[tuple(row[: self.keys])] for row in judged)
        return softened_count(len(judged), lost, self.share)

    def _judged(self, rows: exp.Expression, other: exp.Expression) -> exp.Expression:
        """Rows with how many rows of the other resource agree: it is looked at once for each set of values."""
        columns = [column(f"c{i}") for i in range(len(self.items))]
        there = exp.and_(*(sql("NOT :blank", blank=plain(is_blank(c))) for c in columns))
        said = exp.select(*columns).from_(other.copy()).where(there).distinct()
        whole = exp.select("*").from_(rows.copy()).where(there)
        found = [sql(":a = :b", a=column(c.name, "r"), b=column(c.name, "k")) for c in columns]
        agreed = sql("sum(CASE WHEN :same THEN 1 ELSE 0 END)", same=all_of(*found[self.keys :]))
        query = (
            exp.select(sql("r._batch"), sql("r._row"), exp.alias_(agreed, "agreed"))
            .from_(whole.subquery("r"))
            .join(said.subquery("k"), on=exp.and_(*found[: self.keys]))
            .group_by(sql("r._batch"), sql("r._row"))
        )
        return exp.Subquery(this=query)
