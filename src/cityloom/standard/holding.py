"""How many rows of the standard layer hold codes that end: counts alone, no values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, lookup
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.model.codes import valid_codes
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import CodeTable, Element


@dataclass(frozen=True, kw_only=True)
class Holding:
    """An item whose current rows hold codes that end: ``rows`` of ``all_rows``, and how many different ``codes``."""

    resource: str
    department: str
    item: str
    rows: int
    all_rows: int
    codes: int


def ending(table: CodeTable, after: CodeTable | None = None) -> frozenset[str]:
    """The codes of a table that have ended, or that do not count any more in the version ``after`` it."""
    known = {one.code for one in table.codes}
    return frozenset(known - valid_codes(after or table).keys())


def holdings(city: City, table: str, codes: Collection[str], lake: Lake) -> tuple[Holding, ...]:
    """The items that hold some of these codes of a code table, with counts of the current rows of the standard layer."""
    pairs = {code: code for code in codes}
    found = []
    for resource in city.resources.values():
        items = [item for item in resource.items if holds(item, city.elements.get(item.element or ""), table)]
        if items and pairs and lake.exists(resource.std_table):
            found += list(_counted(resource, items, pairs, lake))
    return tuple(found)


def holds(item: Item, element: Element | None, table: str) -> bool:
    """Whether an item's values are codes of a table: by its element, its steps or its rules."""
    steps = item.steps if item.steps is not None else element.steps if element else ()
    rules = [*item.rules, *(element.rules if element else ())]
    given: list[Mapping[str, Any]] = [*(step.options for step in steps), *(rule.options for rule in rules)]
    return (element is not None and element.codes == table) or any(options.get("codes") == table for options in given)


def _counted(resource: Resource, items: list[Item], pairs: dict[str, str], lake: Lake) -> Iterator[Holding]:
    types = lake.columns(resource.std_table)
    rows = exp.select("*").from_(lake.relation(resource.std_table)).where(column("_current")).subquery("t")
    for item in items:
        if item.name not in types:
            continue
        held = exp.select(exp.alias_(lookup(column(item.name), pairs), "code")).from_(rows.copy()).subquery("h")
        counted = sql("SELECT count(h.code), count(*), count(DISTINCT h.code) FROM :held", held=held)
        some, every, codes = (int(n) for n in lake.engine.rows(counted)[0])
        if some:
            yield Holding(
                resource=resource.name, department=resource.department, item=item.name, rows=some, all_rows=every, codes=codes
            )
