"""The meaning of an assessment, in plain Python: the same rules as ``quality.run``, over rows in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cityloom.engines.reference import Check, ReferenceEngine, Row
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.quality.base import Rule, applies_to
from cityloom.quality.others import EARLIER, wanted
from cityloom.quality.plan import RulePlan, plan


def assess(
    resource: Resource,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    today: str,
    rows: Sequence[Row],
    others: Mapping[str, Sequence[Row]] | None = None,
) -> dict[str, tuple[int, int]]:
    """Rows checked and rows broken by each rule's name.

    Args:
        resource: whose rows.
        phase: ``before`` takes raw rows, ``after`` standard ones, of which the current count.
        elements: data elements by name.
        codes: code tables by name.
        today: the present day, ``yyyy-mm-dd``.
        rows: all rows of the table.
        others: rows of items of other resources by name, for rules that look at them; of ``@1`` those of the table
            itself one assessment ago.
    """
    engine, plans = ReferenceEngine(), plan(resource, elements=elements, codes=codes, today=today)
    column_of = {item.name: item.column if phase == "before" else item.name for item in resource.items}
    seen = engine.keep(rows, lambda row: phase == "before" or bool(row["_current"]))
    named = [{item: row.get(column) for item, column in column_of.items()} for row in seen]
    checks = {one.name: _check(one.rule, one.columns) for one in plans if not one.is_for_table}
    tables = {one.name: _of_table(one, named, others or {}) for one in plans if one.is_for_table}
    return {**engine.count(named, checks), **tables}


def _of_table(one: RulePlan, rows: Sequence[Row], others: Mapping[str, Sequence[Row]]) -> tuple[int, int]:
    asked = wanted(one.rule)
    if any(name not in others and not name.startswith(EARLIER) for name, _items in asked):
        return 0, 0
    given = [[_values(row, items) for row in others[name]] for name, items in asked if name in others]
    checked, broken = one.rule.count([_values(row, one.columns) for row in rows], *([given] if asked else []))
    return checked, broken


def _check(rule: Rule, columns: tuple[str, ...]) -> Check:
    return lambda row: applies_to(rule, _values(row, columns)), lambda row: rule.is_broken(_values(row, columns))


def _values(row: Row, columns: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(row[name] for name in columns)
