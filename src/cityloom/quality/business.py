"""Business rules and rules of the store, put where they count: into elements, items and resources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.kernel.errors import ConfigError
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.model.quality import RuleResult
from cityloom.model.resource import Item, Resource
from cityloom.model.rules import PART, BusinessRule, RuleRecord
from cityloom.model.standard import Element, RuleUse
from cityloom.quality.broken import relation

_PLACE = re.compile(r"\$([1-9])", re.ASCII)
_BOTH = ("business", "technical")
Known = Mapping[str, BusinessRule]


def in_force(city: City, records: Iterable[RuleRecord] = ()) -> City:
    """The city with the technical rules in place of business rules, and with the active rules of the store.

    Raises:
        ConfigError: ``quality.business.columns`` when a use names too few columns.
    """
    added = list(records)
    if not added and not city.business_rules:
        return city
    elements = {name: _element(one, added, city.business_rules) for name, one in city.elements.items()}
    resources = {name: _resource(one, added, city.business_rules) for name, one in city.resources.items()}
    return replace(city, elements=elements, resources=resources)


def expanded(uses: Sequence[RuleUse], known: Known, *, item: str = "", is_prefixed: bool = False) -> tuple[RuleUse, ...]:
    """The uses with technical rules in place of business rules.

    Args:
        uses: of an element, an item or a resource.
        known: business rules by name.
        item: the item that the uses are on.
        is_prefixed: the name of the item is put before their names later: those of an element.
    """
    return tuple(part for use in uses for part in _parts(use, known, item, is_prefixed))


def grouped(results: Iterable[RuleResult]) -> dict[str, list[RuleResult]]:
    """Results by business rule as it is used; those of other rules are left out."""
    found: dict[str, list[RuleResult]] = {}
    for one in results:
        name, mark, _part = one.rule.partition(PART)
        if mark:
            found.setdefault(name, []).append(one)
    return found


def broken_of(lake: Lake, resource: Resource, phase: str, rules: Sequence[str]) -> int:
    """Rows that break at least one of some rules, as the newest assessment found them.

    Raises:
        UserError: ``quality.broken.unknown``.
    """
    rows = exp.select("_batch", "_row").distinct().from_(relation(lake, resource, phase, rules))
    return int(lake.engine.rows(sql("SELECT count(*) FROM :rows AS r", rows=exp.Subquery(this=rows)))[0][0])


def _parts(use: RuleUse, known: Known, item: str, is_prefixed: bool) -> list[RuleUse]:
    if use.rule not in known:
        return [use]
    business = known[use.rule]
    columns = use.columns or ((item,) if item else ())
    name = use.name or business.name
    if not use.name and not is_prefixed:
        name = f"{'+'.join(columns)}.{name}"
    return [_part(part, use, business, columns, f"{name}{PART}{part.name or part.rule}") for part in business.rules]


def _part(part: RuleUse, use: RuleUse, business: BusinessRule, columns: tuple[str, ...], name: str) -> RuleUse:
    whens = [f"({one})" for one in (use.when, part.when) if one]
    approved = tuple(role for role in _BOTH if role in use.approved_by and role in part.approved_by)
    return replace(
        part,
        name=name,
        title=part.title or business.title,
        columns=_filled(part, columns, business) or columns,
        when=" AND ".join(whens) if len(whens) > 1 else (use.when or part.when),
        weight=part.weight * use.weight,
        importance=part.importance * use.importance,
        approved_by=approved,
        owner=use.owner or part.owner or business.owner,
        state=use.state if use.state != "active" else part.state,
        business=business.name,
    )


def _filled(part: RuleUse, columns: tuple[str, ...], business: BusinessRule) -> tuple[str, ...]:
    found = []
    for one in part.columns:
        place = _PLACE.fullmatch(one)
        if place and int(place[1]) > len(columns):
            raise ConfigError(
                "quality.business.columns",
                "The business rule {business} looks at {column}, and is used on {count} columns.",
                hint="Name as many columns as it looks at.",
                business=business.name,
                column=one,
                count=len(columns),
            )
        found.append(columns[int(place[1]) - 1] if place else one)
    return tuple(found)


def _element(one: Element, added: Sequence[RuleRecord], known: Known) -> Element:
    mine = [r.use for r in added if r.target.element == one.name]
    return replace(one, rules=expanded((*one.rules, *mine), known, is_prefixed=True))


def _resource(one: Resource, added: Sequence[RuleRecord], known: Known) -> Resource:
    own = [r for r in added if r.target.resource == one.name]
    items = tuple(_item(item, [r.use for r in own if r.target.item == item.name], known) for item in one.items)
    uses = (*one.rules, *(r.use for r in own if not r.target.item))
    return replace(one, items=items, rules=expanded(uses, known))


def _item(item: Item, added: Sequence[RuleUse], known: Known) -> Item:
    return replace(item, rules=expanded((*item.rules, *added), known, item=item.name))
