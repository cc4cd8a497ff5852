from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.predicate import Predicate, names_in, parse_condition
from cityloom.engines.predicate_terms import NUMBER_SHAPE, read_number
from cityloom.engines.terms import column, full_match, plain
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value

_IN = {"resource": "detail", "items": ("id", "amount")}
_OF = {**_IN, "details": "kind = 'd'"}


@dataclass(frozen=True, kw_only=True)
class Total:
    """The last column must be the sum of the details that another ``resource`` (or the same one) has.

    ``items`` are items of the details: those that the columns before the last find them by, in their order, and last the
    amount. ``details`` is a condition over the details' items: only rows in which it holds are added up. Sum and total may
    differ by ``tolerance``. Where there are no details the sum is 0; amounts that are no numbers count for nothing; a
    total that is no number breaks the rule. Rows with a missing value are not judged here.
    """

    name: ClassVar[str] = "total"
    title: ClassVar[Title] = Title("明细与汇总一致", "Details and total")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "table"
    blames: ClassVar[str] = "last"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("a", "3.5"), ("b", "1"), ("c", "0")), 3, 1, _IN, ((("a", "1"), ("a", "2.5"), ("b", "2"), ("a", "x")),)),
        TableCase((("a", "3.4"),), 1, 0, {**_IN, "tolerance": 0.1}, ((("a", "3.5"),),)),
        TableCase((("a", "x"), ("a", None)), 1, 1, _IN, ((("a", "1"),),)),
        TableCase((("a", "1"),), 1, 0, _OF, ((("a", "1", "d"), ("a", "5", "t"), ("a", "5", None)),)),
        TableCase((("3",),), 1, 0, {"resource": "detail", "items": ("amount",)}, ((("1",), ("2",)),)),
        TableCase((("b", "0"),), 1, 0, _IN, ((("a", "1"),),)),
    )

    resource: str
    items: tuple[str, ...]
    details: str = ""
    tolerance: float = 0.0

    @cached_property
    def _wanted(self) -> tuple[str, ...]:
        return (*self.items, *(name for name in names_in(self.details) if name not in self.items))

    @cached_property
    def _condition(self) -> Predicate:
        return parse_condition(self.details or "true", self._wanted)

    @property
    def others(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The resource that has the details."""
        return ((self.resource, self._wanted),)

    def counts(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """Rows without a missing value, and those whose total is not the sum."""
        return sql(
            "SELECT count(*) AS checked, coalesce(sum(CASE WHEN j.wrong THEN 1 ELSE 0 END), 0) AS broken FROM :judged AS j",
            judged=self._judged(rows, width, others[0]),
        )

    def broken_rows(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """The rows whose total is not the sum."""
        return sql("SELECT j._batch, j._row FROM :judged AS j WHERE j.wrong", judged=self._judged(rows, width, others[0]))

    def count(self, rows: Sequence[Sequence[str | None]], others: Sequence[Sequence[Sequence[str | None]]]) -> tuple[int, int]:
        """Rows without a missing value, and those whose total is not the sum."""
        holds, last = self._condition.meaning(), len(self.items) - 1
        sums: dict[tuple[str | None, ...], Decimal] = defaultdict(Decimal)
        for row in others[0]:
            if not any(is_blank_value(x) for x in row[:last]) and holds(dict(zip(self._wanted, row, strict=True))) is True:
                sums[tuple(row[:last])] += read_number(row[last]) or Decimal()
        whole = [row for row in rows if not any(is_blank_value(x) for x in row)]
        most = Decimal(str(self.tolerance))
        broken = 0
        for row in whole:
            total = read_number(row[last])
            broken += total is None or abs(total - sums.get(tuple(row[:last]), Decimal())) > most
        return len(whole), broken

    def _judged(self, rows: exp.Expression, width: int, other: exp.Expression) -> exp.Expression:
        keys = [column(f"c{i}") for i in range(width - 1)]
        total = column(f"c{width - 1}")
        whole = exp.select("*").from_(rows.copy()).where(*(sql("NOT :blank", blank=plain(is_blank(c))) for c in (*keys, total)))
        query = exp.select(sql("r._batch"), sql("r._row"), exp.alias_(self._wrong(column(total.name, "r")), "wrong"))
        same = [sql(":a = :b", a=column(k.name, "r"), b=column(k.name, "s")) for k in keys]
        joined = query.from_(whole.subquery("r")).join(
            self._sums(keys, total, other).subquery("s"), on=exp.and_(*same) if same else exp.true(), join_type="left"
        )
        return exp.Subquery(this=joined)

    def _sums(self, keys: Sequence[exp.Expression], amount: exp.Expression, other: exp.Expression) -> exp.Select:
        named = {name: column(f"c{i}") for i, name in enumerate(self._wanted)}
        holds = [plain(self._condition.sql(named)), *(sql("NOT :blank", blank=plain(is_blank(k))) for k in keys)]
        added = exp.alias_(sql("sum(:n)", n=_number(amount)), "added")
        query = exp.select(*keys, added).from_(other.copy()).where(*holds)
        return query.group_by(*(k.copy() for k in keys)) if keys else query

    def _wrong(self, total: exp.Expression) -> exp.Expression:
        return sql(
            "coalesce(abs(:total - coalesce(s.added, 0)) > CAST(:most AS DECIMAL(28, 8)), true)",
            total=_number(total),
            most=str(Decimal(str(self.tolerance))),
        )


def _number(text: exp.Expression) -> exp.Expression:
    return sql("CASE WHEN :shape THEN TRY_CAST(:x AS DECIMAL(28, 8)) END", shape=full_match(text, NUMBER_SHAPE), x=text)
