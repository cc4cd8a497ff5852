"""Rules under a condition: only rows in which ``when`` holds are checked.

The condition is written in the confined language of :mod:`cityloom.engines.predicate`, over the resource's items. The
items that it looks at come behind the rule's own columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.predicate import Predicate, parse_condition
from cityloom.engines.terms import column, never_null, plain, shared
from cityloom.quality.base import applies, applies_to

Rows = Sequence[Sequence[str | None]]
_QUERIES = ("checked", "comparisons", "repairs")
"""Queries over its rows that a rule on a table may offer besides."""


@dataclass(frozen=True)
class _When:
    """What a rule under a condition has of both kinds: the rule itself, its condition, the names of all columns."""

    rule: Any
    condition: Predicate
    items: tuple[str, ...]
    width: int

    def __getattr__(self, name: str) -> Any:
        """What the rule says of itself otherwise: its name, title, cases and fields."""
        if name.startswith("__") or name in _When.__dataclass_fields__:
            raise AttributeError(name)
        return getattr(self.rule, name)

    def _holds(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        return never_null(self.condition.sql(dict(zip(self.items, columns, strict=True))))

    def _is_held(self, values: Sequence[str | None]) -> bool:
        return self.condition.meaning()(dict(zip(self.items, values, strict=True))) is True


@dataclass(frozen=True)
class RowRuleWhen(_When):
    """A rule on rows under a condition."""

    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False

    def applies(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the rule applies to a row and the condition holds in it; never NULL."""
        own = applies(self.rule, columns[: self.width])
        return shared(sql("(:own AND :holds)", own=own, holds=self._holds(columns)))

    def applies_to(self, values: Sequence[str | None]) -> bool:
        """The meaning of :meth:`applies`."""
        return applies_to(self.rule, values[: self.width]) and self._is_held(values)

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the condition holds in a row and it breaks the rule."""
        broken = self.rule.broken(columns[: self.width])
        return sql("(:holds AND :broken)", holds=self._holds(columns), broken=broken)

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the condition holds for these values and they break the rule."""
        return self._is_held(values) and bool(self.rule.is_broken(values[: self.width]))


@dataclass(frozen=True)
class TableRuleWhen(_When):
    """A rule on a table under a condition: the other rows are not there for it."""

    scope: ClassVar[str] = "table"

    def __getattr__(self, name: str) -> Any:
        """What the rule says of itself otherwise; its further queries see only the rows that are there for it."""
        found = super().__getattr__(name)
        if name not in _QUERIES:
            return found
        return lambda rows, width, *others: found(self._kept(rows), self.width, *others)

    def counts(self, rows: exp.Expression, width: int, *others: Sequence[exp.Expression]) -> exp.Expression:
        """Query for rows checked and broken."""
        found: exp.Expression = self.rule.counts(self._kept(rows), self.width, *others)
        return found

    def broken_rows(self, rows: exp.Expression, width: int, *others: Sequence[exp.Expression]) -> exp.Expression:
        """Query for the positions of broken rows."""
        found: exp.Expression = self.rule.broken_rows(self._kept(rows), self.width, *others)
        return found

    def count(self, rows: Rows, *others: Sequence[Rows]) -> tuple[int, int]:
        """Rows checked and broken."""
        kept = [row[: self.width] for row in rows if self._is_held(row)]
        checked, broken = self.rule.count(kept, *others)
        return checked, broken

    def _kept(self, rows: exp.Expression) -> exp.Expression:
        columns = [column(f"c{i}") for i in range(len(self.items))]
        query = exp.select("*").from_(rows.copy()).where(plain(self._holds(columns)))
        return query.subquery("rows_")


def under(rule: Any, when: str, columns: Sequence[str], items: Sequence[str], today: str) -> tuple[Any, tuple[str, ...]]:
    """A rule under a condition, and the items that it looks at then.

    Args:
        rule: on rows or on a table.
        when: the condition.
        columns: items that the rule looks at.
        items: all items of the resource.
        today: the present day.

    Raises:
        ConfigError: ``engines.predicate.invalid`` or ``engines.predicate.unconditional``.
    """
    condition = parse_condition(when, items, today=today)
    names = (*columns, *(name for name in condition.items if name not in columns))
    kind = RowRuleWhen if rule.scope == "row" else TableRuleWhen
    return kind(rule, condition, names, len(columns)), names
