"""Relations of other tables for rules that look beyond their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.errors import ConfigError, UserError
from cityloom.lake.changes import current
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource

EARLIER = "@"
"""Begins the name of the table itself as it was some assessments ago."""


def wanted(rule: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The other tables that a rule looks at: resources and the items it wants of each."""
    return tuple(getattr(rule, "others", ()))


def relations(
    rule: Any, resource: Resource, *, phase: str, lake: Lake, resources: Mapping[str, Resource], earlier: Sequence[int] = ()
) -> list[exp.Expression] | None:
    """The other tables of a rule with the columns ``c0, c1, …``; None when one of them has no rows yet.

    Args:
        rule: on a table.
        resource: whose rule.
        phase: raw rows or current standard rows, of the others too.
        lake: where the tables are.
        resources: all resources by name.
        earlier: versions of the resource's own table at earlier assessments, the newest first.

    Raises:
        ConfigError: ``quality.other.unknown`` for a resource or an item that there is not.
    """
    found = []
    for name, items in wanted(rule):
        if name.startswith(EARLIER):
            before = _earlier(resource, items, earlier[int(name[1:]) - 1 :], phase, lake)
            if before is not None:
                found.append(before)
            continue
        other = _other(rule, name, items, resources)
        if not lake.exists(_table(other, phase)):
            return None
        found.append(_relation(other, items, phase, lake, None))
    return found


def _other(rule: Any, name: str, items: Sequence[str], resources: Mapping[str, Resource]) -> Resource:
    other = resources.get(name)
    known = sorted(resources) if other is None else [item.name for item in other.items]
    missing = [name] if other is None else [item for item in items if item not in known]
    if other is None or missing:
        raise ConfigError(
            "quality.other.unknown",
            "The rule {rule} looks at {missing} of another resource, which there is not.",
            hint="There are: {known}.",
            rule=str(rule.name),
            missing=", ".join(missing),
            known=", ".join(known),
        )
    return other


def _earlier(
    resource: Resource, items: Sequence[str], versions: Sequence[int], phase: str, lake: Lake
) -> exp.Expression | None:
    if not versions:
        return None
    try:
        return _relation(resource, items, phase, lake, versions[0])
    except UserError:
        return None


def _relation(resource: Resource, items: Sequence[str], phase: str, lake: Lake, version: int | None) -> exp.Expression:
    table = _table(resource, phase)
    if phase == "before" and resource.collect.mode == "cdc":
        rows = current(lake, table, resource.key_columns, version=version)
    else:
        rows = lake.relation(table, version)
    types = lake.engine.columns(exp.select("*").from_(rows.copy()))
    columns = {item.name: item.column if phase == "before" else item.name for item in resource.items}
    picks = [exp.alias_(_text(columns[name], types), f"c{i}") for i, name in enumerate(items)]
    query = exp.select(*(picks or [exp.alias_(exp.Literal.number(1), "n")])).from_(rows)
    return (query.where(column("_current")) if phase == "after" else query).subquery("other_")


def _table(resource: Resource, phase: str) -> str:
    return resource.raw_table if phase == "before" else resource.std_table


def _text(name: str, types: Mapping[str, str]) -> exp.Expression:
    return sql("CAST(:x AS VARCHAR)", x=column(name)) if name in types else sql("CAST(NULL AS VARCHAR)")


def tables(plans: Sequence[Any], phase: str, resources: Mapping[str, Resource]) -> tuple[str, ...]:
    """Lake tables of other resources that rules look at in a phase, sorted: their news change the answer too."""
    names = {name for one in plans for name, _items in wanted(one.rule) if name in resources}
    return tuple(sorted(_table(resources[name], phase) for name in names))
