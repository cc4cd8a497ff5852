"""Whether definitions fit together: every name that is referred to is defined, every restriction has a basis."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cityloom.content.cleaning import complaints as cleaning_complaints
from cityloom.content.cleaning import matrix_complaints
from cityloom.content.load import Definition, city_of, problem_at
from cityloom.content.problems import ContentError, Problem, nearest
from cityloom.content.schedules import complaints as schedule_complaints
from cityloom.content.standards import complaints as standard_complaints
from cityloom.engines.predicate import parse_condition
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _
from cityloom.model.city import City
from cityloom.model.cleaning import CleaningMatrix
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import GRADES, SHARING, Resource
from cityloom.model.rules import BusinessRule
from cityloom.model.service import Demand, Service
from cityloom.model.source import CYCLES, MODES, Source
from cityloom.model.standard import DIMENSIONS, RULE_STATES, SEVERITIES, Element, RuleUse, StepUse

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}", re.ASCII)
"""Names become names of tables and folders."""
Path_ = tuple[str | int, ...]
Complaint = tuple[Path_, str, str]
Plugins = Mapping[str, Mapping[str, Collection[str]]]


def check(definitions: list[Definition], folder: Path, plugins: Plugins) -> City:
    """The city of these definitions, when they fit together.

    Args:
        definitions: all of them.
        folder: where they were read, for positions.
        plugins: the plug-ins there are, by kind (``connector``, ``step``, ``rule``, ``negotiation``) and name, with
            the options that each one takes.

    Raises:
        ContentError: with every reference that leads nowhere.
    """
    city = city_of(definitions)
    problems: list[Problem] = []
    for one in definitions:
        for path, message, hint in complaints_of(one, city, plugins):
            problems.append(problem_at(one, path, message, hint, folder))
    if problems:
        raise ContentError(problems)
    return city


def complaints_of(one: Definition, city: City, plugins: Plugins) -> Iterator[Complaint]:
    """What of a definition does not fit the others of a city: place, message and advice."""
    value = one.value
    if not _NAME.fullmatch(one.name):
        text = _("a name is of letters a-z, digits, '_', '.' and '-', and begins with a letter.")
        yield ("name",), text, _("Give it another name.")
    department = getattr(value, "department", None)
    if department is not None:
        yield from _known(department, city.departments, ("department",), _("department"))
    yield from standard_complaints(value, city)
    if isinstance(value, Source):
        yield from _known(value.connector, plugins["connector"], ("connector",), _("connector"))
        yield from _options(value.options, plugins["connector"].get(value.connector), ("options",))
    elif isinstance(value, Element):
        yield from _element(value, city, plugins)
    elif isinstance(value, BusinessRule):
        yield from _business_rule(value, city, plugins)
    elif isinstance(value, Resource):
        yield from _resource(value, city, plugins)
    elif isinstance(value, ObjectType):
        yield from _object_type(value, city, plugins)
    elif isinstance(value, Service):
        yield from _one_of(value.sharing.attribute, SHARING, ("sharing", "attribute"))
    elif isinstance(value, Demand):
        yield from _demand(value, city)
    yield from matrix_complaints(value) if isinstance(value, CleaningMatrix) else ()


def _element(value: Element, city: City, plugins: Plugins) -> Iterator[Complaint]:
    if value.codes is not None:
        yield from _known(value.codes, city.codes, ("codes",), _("code table"))
    yield from _one_of(value.grade, GRADES, ("grade",))
    for i, step in enumerate(value.steps):
        yield from _step(step, plugins, ("steps", i))
    yield from _rules(value.rules, ("rules",), city, plugins)


def _resource(value: Resource, city: City, plugins: Plugins) -> Iterator[Complaint]:
    names = [item.name for item in value.items]
    yield from _known(value.collect.source, city.sources, ("collect", "source"), _("source"))
    yield from _one_of(value.grade, GRADES, ("grade",))
    yield from _one_of(value.collect.mode, MODES, ("collect", "mode"))
    yield from _one_of(value.collect.cycle, CYCLES, ("collect", "cycle"))
    yield from _one_of(value.collect.retransmission, ("replace", "append"), ("collect", "retransmission"))
    for other in value.collect.schedule.after:
        yield from _known(other, city.resources, ("collect", "schedule", "after"), _("resource"))
    yield from schedule_complaints(value, city)
    yield from _one_of(value.collect.drift, ("stop", "quarantine", "accept"), ("collect", "drift"))
    if value.collect.mode == "cdc" and not value.key:
        text = _("a resource that is followed by a log (mode cdc) has no key.")
        yield ("collect", "mode"), text, _("Add key: the items that name a row, as the table's primary key does.")
    for key in value.key:
        yield from _known(key, names, ("key",), _("item"))
    if value.latest is not None:
        yield from _known(value.latest, names, ("latest",), _("item"))
    for side in ("sharing", "opening"):
        yield from _access(value, side)
    yield from _items(value, names, city, plugins)
    if value.collect.source in city.sources:
        connector = plugins["connector"].get(city.sources[value.collect.source].connector)
        yield from _options(value.collect.what, connector, ("collect", "what"))
    yield from _rules(value.rules, ("rules",), city, plugins, names)
    yield from cleaning_complaints(value.cleaning, names, plugins["rule"], plugins["step"])


def _items(
    value: Resource, names: list[str], city: City, plugins: Plugins
) -> Iterator[Complaint]:
    for i, item in enumerate(value.items):
        if names.index(item.name) != i:
            yield ("items", i, "name"), _("there is another item of this name."), _("Give it another name.")
        if item.element is not None:
            yield from _known(item.element, city.elements, ("items", i, "element"), _("element"))
        for j, step in enumerate(item.steps or ()):
            yield from _step(step, plugins, ("items", i, "steps", j))
        yield from _rules(item.rules, ("items", i, "rules"), city, plugins, names)


def _rules(
    uses: Sequence[RuleUse], path: Path_, city: City, plugins: Plugins, items: Sequence[str] | None = None
) -> Iterator[Complaint]:
    """Rules as an element, an item, a resource (with the names of its items) or a business rule uses them."""
    for i, use in enumerate(uses):
        place = (*path, i)
        if use.rule in city.business_rules and use.rule not in plugins["rule"]:
            yield from _options(use.options, (), (*place, "options"))
        else:
            yield from _known(use.rule, [*plugins["rule"], *city.business_rules], (*place, "rule"), _("rule"))
            yield from _options(use.options, plugins["rule"].get(use.rule), (*place, "options"))
            yield from _one_of(use.dimension, DIMENSIONS, (*place, "dimension"))
            if isinstance(other := use.options.get("resource"), str):
                yield from _known(other, city.resources, (*place, "options", "resource"), _("resource"))
        yield from _one_of(use.severity, SEVERITIES, (*place, "severity"))
        yield from _one_of(use.state, RULE_STATES, (*place, "state"))
        if use.business:
            yield (*place, "business"), _("the platform says this."), _("Leave it out.")
        for column in use.columns if items is not None else ():
            yield from _known(column, list(items or ()), (*place, "columns"), _("item"))
        if items is not None and use.when:
            yield from _condition(use.when, items, (*place, "when"))
        if items is not None and use.rule == "predicate" and isinstance(use.options.get("expression"), str):
            yield from _condition(use.options["expression"], [*items, "value"], (*place, "options", "expression"))


def _condition(text: str, items: Sequence[str], path: Path_) -> Iterator[Complaint]:
    try:
        parse_condition(text, items)
    except ConfigError as error:
        yield path, _("it is no condition: {problem}.").format(problem=error.details.get("problem", str(error))), error.hint


def _business_rule(value: BusinessRule, city: City, plugins: Plugins) -> Iterator[Complaint]:
    if value.name in plugins["rule"]:
        yield ("name",), _("there is a technical rule of this name."), _("Give it another name.")
    yield from _rules(value.rules, ("rules",), replace(city, business_rules={}), plugins)


def _step(step: StepUse, plugins: Plugins, path: Path_) -> Iterator[Complaint]:
    yield from _known(step.step, plugins["step"], (*path, "step"), _("step"))
    yield from _options(step.options, plugins["step"].get(step.step), (*path, "options"))


def _options(given: Mapping[str, object], taken: Collection[str] | None, path: Path_) -> Iterator[Complaint]:
    """Options that a plug-in does not take; of a plug-in that is not known nothing is said."""
    for name in given if taken is not None else ():
        yield from _known(name, list(taken or ()), (*path, name), _("option"))


def _access(value: Resource, side: str) -> Iterator[Complaint]:
    access = getattr(value, side)
    if access is None:
        return
    yield from _one_of(access.attribute, SHARING, (side, "attribute"))
    if access.attribute in SHARING[1:] and not access.basis:
        yield (
            (side,),
            _("access is restricted and no basis is named."),
            _("Add basis: the law, rule or decision that restricts it."),
        )


def _object_type(value: ObjectType, city: City, plugins: Plugins) -> Iterator[Complaint]:
    attributes = {a.name for a in value.attributes} | {value.key}
    yield from _of_golden_records(value.key, ("key",))
    for i, attribute in enumerate(value.attributes):
        yield from _of_golden_records(attribute.name, ("attributes", i, "name"))
        yield from _known(
            attribute.rule, plugins["negotiation"], ("attributes", i, "rule"), _("negotiation rule")
        )
        if attribute.element is not None:
            yield from _known(attribute.element, city.elements, ("attributes", i, "element"), _("element"))
        for department in (*attribute.order, *((attribute.lead,) if attribute.lead else ())):
            yield from _known(department, city.departments, ("attributes", i), _("department"))
    for i, part in enumerate(value.contributions):
        place: Path_ = ("contributions", i)
        yield from _known(part.resource, city.resources, (*place, "resource"), _("resource"))
        if part.resource not in city.resources:
            continue
        items = {item.name for item in city.resources[part.resource].items}
        for item in (part.key, *((part.at,) if part.at else ()), *part.where):
            yield from _known(item, items, place, _("item"))
        for attribute_name, item in part.attributes.items():
            yield from _known(attribute_name, attributes, (*place, "attributes"), _("attribute"))
            if not item.startswith("="):
                yield from _known(item, items, (*place, "attributes", attribute_name), _("item"))


def _of_golden_records(name: str, path: Path_) -> Iterator[Complaint]:
    if name == "id" or name.endswith("__from"):
        yield path, _("{value} is not allowed here.").format(value=name), _("Golden records have columns of this name of their own.")


def _demand(value: Demand, city: City) -> Iterator[Complaint]:
    yield from _known(value.service, city.services, ("service",), _("service"))
    yield from _known(value.consumer, city.departments, ("consumer",), _("department"))
    yield from _known(value.approver, city.accounts, ("approver",), _("account"))


def _known(
    name: str, known: Collection[str], path: Path_, what: str
) -> Iterator[Complaint]:
    if name not in known:
        yield path, _("there is no {what} {name}.").format(what=what, name=name), nearest(name, list(known))


def _one_of(value: str, allowed: tuple[str, ...], path: Path_) -> Iterator[Complaint]:
    if value not in allowed:
        yield path, _("{value} is not allowed here.").format(value=value), nearest(value, allowed)
