"""Rules as data over a workspace: proposed, tried, reviewed and retired by accounts; suggestions accepted as drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any

from cityloom.content.rules import check_use
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.orders import principal
from cityloom.flows.shown import HIDDEN, closed_items, may_look
from cityloom.flows.values import note
from cityloom.kernel.errors import UserError
from cityloom.kernel.registry import plugins
from cityloom.model.audit import EventKind
from cityloom.model.principal import Principal
from cityloom.model.quality import RuleResult
from cityloom.model.resource import Resource
from cityloom.model.rules import RuleRecord, RuleReview, RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.quality import others
from cityloom.quality import review as stage
from cityloom.quality.base import RULES
from cityloom.quality.business import broken_of, expanded, grouped
from cityloom.quality.plan import RulePlan, plan, plan_one
from cityloom.quality.run import today
from cityloom.quality.suggest import Suggestion, suggest
from cityloom.quality.trial import Trial, try_rule
from cityloom.store.quality import find_assessment
from cityloom.store.rules import find_rule, list_rule_reviews, list_rules


def propose(
    workspace: Workspace, target: RuleTarget, use: RuleUse, *, actor: str, evidence: Mapping[str, Any] | None = None
) -> RuleRecord:
    """A draft of a rule for review, when it can be built.

    Raises:
        ConfigError: the rule's definition is wrong.
        UserError: ``flows.rule.target`` for what there is not; or as :func:`cityloom.quality.review.propose`.
        DeniedError: as :func:`cityloom.quality.review.propose`, ``flows.account.unknown``.
    """
    author = principal(workspace, actor)
    name = _named(workspace, target, use)
    given = {"store": workspace.store, "clock": workspace.clock, "evidence": evidence}
    made = stage.propose(name, target, use, author, **given)  # type: ignore[arg-type]
    workspace.forget_city()
    return made


def review(workspace: Workspace, name: str, role: str, *, is_approved: bool, words: str, actor: str) -> RuleRecord:
    """One of the two reviews of a draft.

    Raises:
        UserError, DeniedError: as :func:`cityloom.quality.review.review`; ``flows.account.unknown``.
    """
    made = stage.review(
        name,
        role,
        principal(workspace, actor),
        is_approved=is_approved,
        words=words,
        department=_department(workspace, name),
        store=workspace.store,
        clock=workspace.clock,
    )
    workspace.forget_city()
    return made


def retire(workspace: Workspace, name: str, *, words: str, actor: str) -> RuleRecord:
    """Take a rule out of force.

    Raises:
        UserError, DeniedError: as :func:`cityloom.quality.review.retire`; ``flows.account.unknown``.
    """
    given = {"words": words, "department": _department(workspace, name)}
    made = stage.retire(name, principal(workspace, actor), **given, store=workspace.store, clock=workspace.clock)  # type: ignore[arg-type]
    workspace.forget_city()
    return made


def listed(workspace: Workspace, resource: str | None = None, state: str | None = None) -> list[RuleRecord]:
    """The rules of the store by name, newest version first."""
    if resource is not None:
        workspace.city.resource(resource)
    with workspace.store.read() as connection:
        found = list_rules(connection, state=state)
    elements = {i.element for i in workspace.city.resource(resource).items} if resource else set()
    return [r for r in found if resource is None or r.target.resource == resource or r.target.element in elements - {None}]


def visible(workspace: Workspace, found: Sequence[RuleRecord], actor: Principal) -> list[RuleRecord]:
    """The rules that an account may read: on elements, its own, of its department's resources, or all for those who look
    after all.

    Their options and what they were suggested from may hold values.
    """
    resources = workspace.city.resources
    departments = {one.name: resources[one.target.resource].department for one in found if one.target.resource in resources}
    reads_all = bool(_READERS & set(actor.roles))
    return [r for r in found if reads_all or r.target.element or actor.account == r.author or actor.department == departments.get(r.name)]


def declared(workspace: Workspace, resource: str) -> tuple[RulePlan, ...]:
    """All rules that count for a resource: of its elements, its items and its own, from definitions and store."""
    return _plans(workspace, workspace.city.resource(resource))


def shown(workspace: Workspace, name: str) -> tuple[list[RuleRecord], list[RuleReview]]:
    """All versions of a rule, newest first, and what was said of them.

    Raises:
        UserError: ``flows.rule.unknown``.
    """
    with workspace.store.read() as connection:
        found = list_rules(connection, name=name)
        said = list_rule_reviews(connection, name)
        if not found:
            raise _unknown(name, sorted({one.name for one in list_rules(connection)}))
    return found, said


def tried(
    workspace: Workspace,
    target: RuleTarget,
    use: RuleUse,
    *,
    phase: str,
    sample: int = 0,
    examples: int = 10,
    actor: str = "",
) -> list[Trial]:
    """A rule tried on a resource's rows; values come with it only for an account that may look, on record.

    Values of items graded sensitive or core are given to the resource's own department only.

    Raises:
        ConfigError: the rule's definition is wrong.
        DeniedError: ``flows.batch.denied`` when an account is named that may not look at the rows, or at those of another
            resource that the rule looks at: what is found there and what not would tell its values.
    """
    city = workspace.city
    resource = city.resource(target.resource)
    _check(workspace, target, use)
    if actor:
        for name in (resource.name, *_others(workspace, target, use)):
            may_look(workspace, city.resource(name), actor)
    found = try_rule(
        _on_target(use, target),
        resource,
        phase=phase,
        lake=workspace.lake,
        clock=workspace.clock,
        city=city,
        item=target.item,
        size=(sample, examples),
    )
    if not actor:
        return [replace(one, values={}) for one in found]
    looked = ", ".join(sorted({name for one in found for name in one.columns}))
    note(workspace, EventKind.BATCH_SHOWN, resource.name, actor, rule=use.rule, rows=examples, items=looked)
    closed = closed_items(workspace, resource, actor)
    return [replace(one, values=_masked(one, closed)) for one in found]


def told(one: Trial) -> dict[str, Any]:
    """A trial for machines: values as a list, each with its place."""
    values = [{"batch": batch, "row": row, "values": dict(found)} for (batch, row), found in one.values.items()]
    return {**asdict(replace(one, values={})), "values": values, "share": one.share}


@dataclass(frozen=True, kw_only=True)
class BusinessResult:
    """How a business rule fared where it is used: its parts, and the rows that break at least one of them."""

    name: str
    parts: tuple[RuleResult, ...]
    broken: int


def results(workspace: Workspace, resource: str, *, phase: str) -> list[BusinessResult]:
    """The business rules of a resource as the newest assessment found them.

    Raises:
        UserError: ``quality.broken.unknown`` when it was not assessed in this phase.
    """
    one = workspace.city.resource(resource)
    with workspace.store.read() as connection:
        found = find_assessment(connection, resource, phase)
    return [
        BusinessResult(
            name=name,
            parts=tuple(parts),
            broken=broken_of(workspace.lake, one, phase, [part.rule for part in parts]),
        )
        for name, parts in grouped(found.results if found else ()).items()
    ]


def suggested(workspace: Workspace, resource: str, *, phase: str, actor: str) -> list[Suggestion]:
    """Rules that the data of a resource suggest, surest first; they list values, so the look goes on record.

    Raises:
        UserError: ``lake.table.unknown`` when there are no rows yet.
        DeniedError: ``flows.batch.denied`` for an account that may not look at the rows.
    """
    city = workspace.city
    may_look(workspace, city.resource(resource), actor)
    note(workspace, EventKind.VALUES_SHOWN, resource, actor)
    return suggest(
        city.resource(resource), phase=phase, lake=workspace.lake, clock=workspace.clock, elements=city.elements
    )


def accept(workspace: Workspace, resource: str, numbers: Sequence[int], *, phase: str, actor: str) -> list[RuleRecord]:
    """Suggestions by their numbers (from 1) become drafts for review; who accepts one is its author.

    Raises:
        UserError: ``flows.rule.number``; or as :func:`propose`.
    """
    found = suggested(workspace, resource, phase=phase, actor=actor)
    wrong = [n for n in numbers if not 1 <= n <= len(found)]
    if wrong:
        raise UserError(
            "flows.rule.number",
            "There is no suggestion {number} for {resource}.",
            hint="There are {count}: `cityloom quality rules suggest {resource}`.",
            number=wrong[0],
            resource=resource,
            count=len(found),
        )
    made = []
    for number in numbers:
        one = found[number - 1]
        reason = asdict(one.reason) if is_dataclass(one.reason) else str(one.reason)
        evidence = {"reason": reason, "checked": one.checked, "broken": one.broken, "confidence": one.confidence}
        made.append(propose(workspace, RuleTarget(resource=resource), one.use, actor=actor, evidence=evidence))
    return made


_READERS = frozenset({"steward", "analyst", "leader", "audit_administrator"})
"""Roles that may read every rule."""


def _others(workspace: Workspace, target: RuleTarget, use: RuleUse) -> list[str]:
    """Other resources that a rule looks at."""
    city = workspace.city
    resource, item = _place(workspace, target)
    parts = expanded([_on_target(use, target)], city.business_rules, item=item)
    plans = [plan_one(one, resource, codes=city.codes, today=today(workspace.clock), default=(item,) if item else ()) for one in parts]
    names = {name for one in plans for name, _items in others.wanted(one.rule)}
    return sorted(name for name in names if not name.startswith(others.EARLIER))


def _named(workspace: Workspace, target: RuleTarget, use: RuleUse) -> str:
    """The name of a record: what it hangs on, and the rule's own name there."""
    own = _check(workspace, target, use)
    head = f"element.{target.element}" if target.element else target.resource
    return f"{head}.{own}"


def _check(workspace: Workspace, target: RuleTarget, use: RuleUse) -> str:
    """Build the rule as it would count; its name within what it hangs on."""
    city = workspace.city
    known = {name: frozenset(cls.__dataclass_fields__) for name, cls in plugins(RULES).items()}
    check_use(use, known, set(city.business_rules))
    resource, item = _place(workspace, target)
    for part in expanded([_on_target(use, target)], city.business_rules, item=item):
        one = plan_one(part, resource, codes=city.codes, today=today(workspace.clock), default=(item,) if item else ())
    own = f"{target.item}." if target.item and not use.name else ""
    return use.name or (f"{own}{use.rule}" if target.element or target.item or use.rule in city.business_rules else one.name)


def _on_target(use: RuleUse, target: RuleTarget) -> RuleUse:
    return replace(use, columns=use.columns or ((target.item,) if target.item else ()))


def _place(workspace: Workspace, target: RuleTarget) -> tuple[Resource, str]:
    """A resource and an item on which a rule can be built; of an element the first that has an item of it."""
    city = workspace.city
    if not target.element:
        resource = city.resource(target.resource)
        if target.item and target.item not in {item.name for item in resource.items}:
            raise _no_target(target.item, [item.name for item in resource.items])
        return resource, target.item
    if target.element not in city.elements:
        raise _no_target(target.element, sorted(city.elements))
    for resource in city.resources.values():
        for item in resource.items:
            if item.element == target.element:
                return resource, item.name
    raise _no_target(target.element, sorted({i.element for r in city.resources.values() for i in r.items if i.element}))


def _department(workspace: Workspace, name: str) -> str | None:
    with workspace.store.read() as connection:
        found = find_rule(connection, name)
    resource = workspace.city.resources.get(found.target.resource) if found else None
    return resource.department if resource else None


def _plans(workspace: Workspace, resource: Resource) -> tuple[RulePlan, ...]:
    city = workspace.city
    return plan(resource, elements=city.elements, codes=city.codes, today=today(workspace.clock))


def _masked(one: Trial, closed: frozenset[str]) -> dict[tuple[str, int], dict[str, str | None]]:
    return {
        place: {name: HIDDEN if name in closed and value is not None else value for name, value in values.items()}
        for place, values in one.values.items()
    }


def _no_target(name: str, known: Sequence[str]) -> UserError:
    return UserError(
        "flows.rule.target",
        "There is no {name} that a rule could hang on.",
        hint="There are: {known}.",
        name=name,
        known=", ".join(known) or "-",
    )


def _unknown(name: str, known: Sequence[str]) -> UserError:
    return UserError(
        "flows.rule.unknown",
        "There is no rule {rule} in the store.",
        hint="There are: {known}.",
        rule=name,
        known=", ".join(known) or "-",
    )
