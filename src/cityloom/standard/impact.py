"""What a change of a data standard touches: resources, items and raw columns, mappings, rules, business rules, cleaning
rules, golden attributes, services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cityloom.model.city import City
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import RuleUse, StepUse

ORDER = ("element", "data_set", "term", "resource", "item", "step", "rule", "business_rule", "cleaning", "golden_attribute", "service")


@dataclass(frozen=True, kw_only=True)
class Touch:
    """One thing that a change touches: its kind (see :data:`ORDER`), where it is, and how it hangs on the standard.

    ``department`` is the one that answers for it, empty where none does; ``column`` the raw column of an item.
    """

    kind: str
    name: str
    part: str = ""
    through: str = ""
    department: str = ""
    column: str = ""


def impact(city: City, kind: str, name: str, code: str | None = None) -> tuple[Touch, ...]:
    """Everything that hangs on a standard, directly or through another, in the order of :data:`ORDER`.

    Args:
        city: the definitions in force.
        kind: ``element``, ``code_table``, ``data_set`` or ``term``.
        name: of the standard.
        code: of a code table only this code: besides, what names it.
    """
    found: list[Touch] = []
    elements = {name} if kind == "element" else set()
    tables = {name} if kind == "code_table" else set()
    if kind == "code_table":
        for element in city.elements.values():
            options = [*(u.options for u in element.steps), *(u.options for u in element.rules)]
            if element.codes == name or any(_names_table(one, tables) for one in options):
                elements.add(element.name)
                found.append(Touch(kind="element", name=element.name, through=name))
    found += _standards(city, kind, name, elements)
    found += _business(city, elements, tables, code)
    touched: dict[str, set[str]] = {}
    for resource in city.resources.values():
        for touch in _resource(resource, elements, tables, code, city):
            touched.setdefault(resource.name, set()).add(touch.part)
            found.append(touch)
        if resource.data_set == name and kind == "data_set" or resource.name in touched:
            found.append(_of(resource, "resource", "", name))
    found += _golden(city, elements, touched)
    golden = {(t.name, t.part) for t in found if t.kind == "golden_attribute"}
    found += _services(city, touched, golden)
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda t: (ORDER.index(t.kind), t.name, t.part)))


def _standards(city: City, kind: str, name: str, elements: set[str]) -> Iterator[Touch]:
    for data_set in city.data_sets.values():
        parts = [f for f in data_set.fields if f.element in elements]
        yield from (Touch(kind="data_set", name=data_set.name, part=f.item, through=f.element) for f in parts)
        if kind == "data_set" and any(r.data_set == name for r in data_set.relations):
            yield Touch(kind="data_set", name=data_set.name, through=name)
    for term in city.terms.values():
        yield from (Touch(kind="term", name=term.name, through=e) for e in term.elements if e in elements)
        if kind == "term" and term.broader == name:
            yield Touch(kind="term", name=term.name, through=name)


def _resource(resource: Resource, elements: set[str], tables: set[str], code: str | None, city: City) -> Iterator[Touch]:
    for item in resource.items:
        inherited = city.elements.get(item.element or "")
        if item.element in elements:
            yield _of(resource, "item", item.name, str(item.element), item)
        steps = item.steps if item.steps is not None else inherited.steps if inherited and item.element in elements else ()
        yield from _uses(resource, item, steps, tables, code, is_inherited=item.steps is None)
        for rule in item.rules:
            if _names_table(rule.options, tables) or (tables and code is not None and _speaks_of(rule, code)):
                yield _of(resource, "rule", item.name, rule.name or rule.rule, item)
        for rule in inherited.rules if inherited and item.element in elements else ():
            yield _of(resource, "rule", item.name, rule.name or rule.rule, item)
    bound = {item.name for item in resource.items if item.element in elements}
    for rule in resource.rules:
        if bound & set(rule.columns) or _names_table(rule.options, tables):
            yield _of(resource, "rule", ", ".join(rule.columns), _named(rule))
    for one in resource.cleaning:
        given = [one.options, *(step.options for some in one.correct.values() for step in some)]
        if bound & {*one.columns, *one.correct} or any(_names_table(options, tables) for options in given):
            yield _of(resource, "cleaning", ", ".join(one.columns), one.name)


def _uses(
    resource: Resource, item: Item, steps: Iterable[StepUse], tables: set[str], code: str | None, *, is_inherited: bool
) -> Iterator[Touch]:
    """Steps that map onto a code table; of one code, those whose own mappings lead to it, or that are inherited."""
    for step in steps:
        if not _names_table(step.options, tables):
            continue
        own = step.options.get("own")
        leads = isinstance(own, Mapping) and code in own.values()
        if code is None or leads or is_inherited:
            yield _of(resource, "step", item.name, step.step, item)


def _business(city: City, elements: set[str], tables: set[str], code: str | None) -> Iterator[Touch]:
    """Business rules with a part that names a code table (or the code), or that stand on an element."""
    standing = {rule.business for name in elements if name in city.elements for rule in city.elements[name].rules if rule.business}
    for one in city.business_rules.values():
        named = [part for part in one.rules if _names_table(part.options, tables)]
        spoken = [part for part in one.rules if tables and code is not None and _speaks_of(part, code)]
        for part in dict.fromkeys(_named(p) for p in (*named, *spoken)):
            yield Touch(kind="business_rule", name=one.name, part=part, through=", ".join(sorted(tables)), department=one.owner or "")
        if not named and not spoken and one.name in standing:
            yield Touch(kind="business_rule", name=one.name, through=", ".join(sorted(elements)), department=one.owner or "")


def _golden(city: City, elements: set[str], touched: Mapping[str, set[str]]) -> Iterator[Touch]:
    for object_type in city.object_types.values():
        for attribute in object_type.attributes:
            if attribute.element in elements:
                lead = attribute.lead or ""
                yield Touch(kind="golden_attribute", name=object_type.name, part=attribute.name, through=str(attribute.element), department=lead)
        for part in object_type.contributions:
            items = touched.get(part.resource, set())
            for attribute_name, item in part.attributes.items():
                if item in items:
                    yield Touch(kind="golden_attribute", name=object_type.name, part=attribute_name, through=f"{part.resource}.{item}")
            if part.key in items:
                yield Touch(kind="golden_attribute", name=object_type.name, part=object_type.key, through=f"{part.resource}.{part.key}")


def _services(city: City, touched: Mapping[str, set[str]], golden: set[tuple[str, str]]) -> Iterator[Touch]:
    tables = {city.resources[name].std_table: parts for name, parts in touched.items()}
    for object_type, attribute in golden:
        tables.setdefault(city.object_types[object_type].golden_table, set()).add(attribute)
    for service in city.services.values():
        parts = tables.get(service.table, set())
        given = [*service.require, *(item.name for item in service.items), *service.compare]
        for name in dict.fromkeys(n for n in given if n in parts):
            yield Touch(kind="service", name=service.name, part=name, through=service.table, department=service.department)


def _of(resource: Resource, kind: str, part: str, through: str, item: Item | None = None) -> Touch:
    column = item.column if item else ""
    return Touch(kind=kind, name=resource.name, part=part, through=through, department=resource.department, column=column)


def _named(rule: RuleUse) -> str:
    return rule.name or rule.rule


def _names_table(options: Mapping[str, Any], tables: set[str]) -> bool:
    return bool(tables) and options.get("codes") in tables


def _speaks_of(rule: RuleUse, code: str) -> bool:
    """Whether a code is written anywhere in the options or the condition of a rule, alone or in quotes."""
    return _has(rule.options, code) or f"'{code}'" in rule.when


def _has(options: Any, code: str) -> bool:
    if isinstance(options, Mapping):
        return any(_has(one, code) for one in options.values())
    if isinstance(options, list | tuple):
        return any(_has(one, code) for one in options)
    return bool(options == code) or (isinstance(options, str) and f"'{code}'" in options)
