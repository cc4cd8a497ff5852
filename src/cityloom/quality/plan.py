"""Which rules a resource has: those of its items' data elements, of its items, and its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.predicate import parse_predicate
from cityloom.engines.terms import column
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugin
from cityloom.model.cleaning import CleaningRule
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import CodeTable, Element, RuleUse
from cityloom.quality.base import RULES, build
from cityloom.quality.predicate import under

REVIEWERS = frozenset({"business", "technical"})
"""Who must have approved a rule before it counts."""
_REQUIRED = RuleUse(rule="missing", dimension="completeness", severity="high", weight=3.0)


@dataclass(frozen=True, kw_only=True)
class RulePlan:
    """A rule made ready: its name within the resource, its definition, the plug-in, the items it looks at.

    Of a rule under a condition the items of the condition come last, behind the first ``width`` that are its own.
    """

    name: str
    use: RuleUse
    rule: Any
    columns: tuple[str, ...]

    @property
    def is_for_table(self) -> bool:
        """Whether it is a rule on the table as a whole."""
        return bool(self.rule.scope == "table")

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The items that the rule itself looks at, without those of its condition."""
        return self.columns[: getattr(self.rule, "width", len(self.columns))]


def plan(
    resource: Resource, *, elements: Mapping[str, Element], codes: Mapping[str, CodeTable], today: str
) -> tuple[RulePlan, ...]:
    """All approved rules of a resource. A required item has a rule that it must not be missing.

    Raises:
        ConfigError: ``quality.element.unknown``, ``quality.column.unknown``, or what a rule's definition is
            wrong in.
    """
    uses: list[tuple[RuleUse, tuple[str, ...]]] = [
        (use, (item.name,)) for item in resource.items for use in _item_rules(item, resource, elements)
    ]
    uses += [(use, use.columns) for use in resource.rules]
    plans: dict[str, RulePlan] = {}
    for use, default in uses:
        if is_counted(use):
            one = plan_one(use, resource, codes=codes, today=today, default=default)
            name = _unused(one.name, plans)
            plans[name] = replace(one, name=name)
    return tuple(plans.values())


def is_counted(use: RuleUse) -> bool:
    """Whether a rule counts: it is active, and both reviewers approved it."""
    return use.state == "active" and set(use.approved_by) >= REVIEWERS


def plan_one(
    use: RuleUse, resource: Resource, *, codes: Mapping[str, CodeTable], today: str, default: tuple[str, ...] = ()
) -> RulePlan:
    """One rule made ready, whether it counts or not.

    Args:
        use: the rule.
        resource: whose rule.
        codes: code tables by name.
        today: the present day, ``yyyy-mm-dd``.
        default: the items it looks at where it names none.

    Raises:
        ConfigError: ``quality.column.unknown``, or what the rule's definition is wrong in.
    """
    items = [item.name for item in resource.items]
    columns = use.columns or default or _of_options(use, items, today)
    _check_columns(resource, use, columns, set(items))
    rule = build(use, tables=codes, today=today, cycle=resource.cycle, columns=columns)
    name = use.name or f"{'+'.join(columns) or 'table'}.{use.rule}"
    if use.when:
        rule, columns = under(rule, use.when, columns, items, today)
    return RulePlan(name=name, use=use, rule=rule, columns=columns)


def _of_options(use: RuleUse, items: Sequence[str], today: str) -> tuple[str, ...]:
    """The items of a rule's own expression, where it has one; all, where it looks at whole rows."""
    if use.options.get("whole_row") is True:
        return tuple(items)
    text = use.options.get("expression")
    return parse_predicate(text, items, today=today).items if isinstance(text, str) else ()


def cleaning_rule(rule: CleaningRule, resource: Resource, *, codes: Mapping[str, CodeTable], today: str) -> RulePlan:
    """The rule by which a cleaning rule finds the rows it acts on.

    Raises:
        ConfigError: ``quality.cleaning.table``, ``quality.column.unknown``, or what a rule's definition is wrong in.
    """
    use = RuleUse(
        rule=rule.rule, dimension="accuracy", name=rule.name, columns=rule.columns, options=rule.options, when=rule.when
    )
    found = plan_one(use, resource, codes=codes, today=today)
    if found.is_for_table:
        raise ConfigError(
            "quality.cleaning.table",
            "The rule {rule} of {resource} looks at a whole table and cannot clean rows.",
            hint="Clean by a rule on rows.",
            rule=rule.rule,
            resource=resource.name,
        )
    return found


def broken_term(one: RulePlan) -> exp.Expression:
    """The condition, over items, that is true for a row that breaks a rule on rows."""
    return sql("(:broken)", broken=one.rule.broken([column(name) for name in one.columns]))


def broken_meaning(one: RulePlan) -> Callable[[Mapping[str, Any]], bool]:
    """The same for a row of items in memory."""
    return lambda row: bool(one.rule.is_broken(tuple(row[name] for name in one.columns)))


def _item_rules(item: Item, resource: Resource, elements: Mapping[str, Element]) -> list[RuleUse]:
    if item.element is not None and item.element not in elements:
        raise ConfigError(
            "quality.element.unknown",
            "The item {item} of {resource} names the data element {element}, which is not defined.",
            hint="Define the element, or correct the name.",
            item=item.name,
            resource=resource.name,
            element=item.element,
        )
    inherited = elements[item.element].rules if item.element is not None else ()
    rules = [*(_on_item(use, item) for use in inherited), *item.rules]
    if item.required and not any(use.rule == "missing" for use in rules):
        rules.insert(0, _REQUIRED)
    return rules


def _on_item(use: RuleUse, item: Item) -> RuleUse:
    """An element's rule looks at the item, whatever columns it names."""
    named = f"{item.name}.{use.name}" if use.name else ""
    return replace(use, columns=(item.name,), name=named)


def _unused(name: str, taken: Mapping[str, RulePlan]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _check_columns(resource: Resource, use: RuleUse, columns: tuple[str, ...], known: set[str]) -> None:
    unknown = [c for c in columns if c not in known]
    if unknown or (not columns and getattr(plugin(RULES, use.rule), "needs_columns", True)):
        raise ConfigError(
            "quality.column.unknown",
            "The rule {rule} of {resource} looks at {columns}, which are no items of it.",
            hint="Items: {known}.",
            rule=use.name or use.rule,
            resource=resource.name,
            columns=", ".join(unknown) or "-",
            known=", ".join(sorted(known)),
        )
