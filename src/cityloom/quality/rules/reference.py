from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, plain
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value, softened, softened_count

_IN = {"resource": "other", "items": ("code",)}
_TWO = {"resource": "other", "items": ("code", "part")}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The columns together must be found in ``items`` of another ``resource``.

    Rows with a missing value are not judged here. With ``share`` below 1 the reference is a soft one: as long as at
    least that share of the rows is found, none breaks the rule.
    """

    name: ClassVar[str] = "reference"
    title: ClassVar[Title] = Title("引用完整", "Referential integrity")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "table"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("a",), ("b",), ("c",), (None,)), 3, 1, _IN, ((("a",), ("b",), ("b",), (None,)),)),
        TableCase((("a", "1"), ("a", "2"), ("b", None)), 2, 1, _TWO, ((("a", "1"), ("b", None)),)),
        TableCase((("a",), ("b",), ("c",), ("c",)), 4, 0, {**_IN, "share": 0.5}, ((("a",), ("b",)),)),
        TableCase((("a",), ("c",), ("c",)), 3, 2, {**_IN, "share": 0.5}, ((("a",),),)),
        TableCase((), 0, 0, _IN, ((("a",),),)),
        TableCase((("a",),), 1, 1, _IN, ((),)),
    )

    resource: str
    items: tuple[str, ...]
    share: float = 1.0

    @property
    def others(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The resource that is referred to."""
        return ((self.resource, self.items),)

    def counts(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """Rows without a missing value, and those that are not found."""
        query = sql(
            "SELECT count(*) AS n, coalesce(sum(CASE WHEN j.found IS NULL THEN 1 ELSE 0 END), 0) AS lost FROM :joined AS j",
            joined=self._joined(rows, others[0]),
        )
        return softened(query, self.share)

    def broken_rows(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """The rows that are not found, unless enough are."""
        counted = self.counts(rows, width, others)
        return sql(
            "SELECT j._batch, j._row FROM :joined AS j WHERE j.found IS NULL AND (SELECT q.broken FROM :counted AS q) > 0",
            joined=self._joined(rows, others[0]),
            counted=exp.Subquery(this=counted),
        )

    def count(self, rows: Sequence[Sequence[str | None]], others: Sequence[Sequence[Sequence[str | None]]]) -> tuple[int, int]:
        """Rows without a missing value, and those that are not found."""
        known = {tuple(row) for row in others[0]}
        whole = [tuple(row) for row in rows if not any(is_blank_value(x) for x in row)]
        lost = sum(row not in known for row in whole)
        return softened_count(len(whole), lost, self.share)

    def _joined(self, rows: exp.Expression, other: exp.Expression) -> exp.Expression:
        columns = [column(f"c{i}") for i in range(len(self.items))]
        there = exp.and_(*(sql("NOT :blank", blank=plain(is_blank(c))) for c in columns))
        keys = exp.select(*columns, exp.alias_(exp.true(), "found")).from_(other.copy()).where(there).distinct()
        same = exp.and_(*(sql(":a = :b", a=column(c.name, "r"), b=column(c.name, "k")) for c in columns))
        whole = exp.select("*").from_(rows.copy()).where(there).subquery("r")
        picks = [sql("r._batch"), sql("r._row"), sql("k.found")]
        return exp.Subquery(this=exp.select(*picks).from_(whole).join(keys.subquery("k"), on=same, join_type="left"))
