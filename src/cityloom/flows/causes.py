"""Root causes over a workspace: gathers rows, broken rows and batches of a resource, and has them explained."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import UserError
from cityloom.lake.tables import Lake
from cityloom.model.cause import RootCause
from cityloom.model.quality import PHASES, Assessment, RuleResult
from cityloom.model.resource import Resource
from cityloom.quality.broken import broken_table, relation, sheets_of
from cityloom.quality.cause.features import features
from cityloom.quality.cause.lineage import Chain, trace
from cityloom.quality.cause.population import Population, explain
from cityloom.quality.items import items_of
from cityloom.store.batches import list_batches
from cityloom.store.quality import find_assessment

RULES = 3
"""Rules that are explained when none is named: those that cost the score most."""


def root_causes(workspace: Workspace, name: str, rule: str = "", *, phase: str = "before") -> list[RootCause]:
    """The root causes of a rule's broken rows, or of those of the rules that cost a resource's score most.

    Raises:
        UserError: ``flows.cause.assessed``, ``flows.cause.rule``, ``quality.broken.unknown``.
    """
    resource = workspace.city.resource(name)
    found = _assessment(workspace, resource, phase)
    return [explain_rule(workspace, resource, one, phase) for one in _chosen(found, resource, rule)]


def explain_rule(workspace: Workspace, resource: Resource, result: RuleResult, phase: str) -> RootCause:
    """The root cause of one rule's broken rows."""
    lake, city = workspace.lake, workspace.city
    with workspace.store.read() as connection:
        batches = list_batches(connection, resource.name)
    rows, terms = items_of(resource, phase, lake)
    broken = _broken(lake, resource, phase, result.rule)
    looked = features(terms, grades_of(workspace, resource), result.columns)
    population = Population(rows=rows, broken=broken, features=looked, batches=[b.id for b in batches])
    causes, tried = explain(lake.engine, population)
    raw = items_of(resource, "before", lake)[0]
    chain = Chain(
        resource=resource,
        columns=result.columns,
        connector=city.sources[resource.collect.source].connector,
        rows=raw if _is_kept(lake, resource, "before", result.rule) else rows,
        broken=_broken(lake, resource, "before", result.rule),
        broken_after=_broken(lake, resource, "after", result.rule) if _is_kept(lake, resource, "after", result.rule) else None,
        batches=batches,
        object_types=city.object_types,
    )
    return RootCause(
        resource=resource.name, rule=result.rule, phase=phase, origin=trace(chain, lake), causes=causes, tried=tried
    )


def grades_of(workspace: Workspace, resource: Resource) -> dict[str, str]:
    """The grade of each item: its own, its element's, or the resource's."""
    elements = workspace.city.elements
    return {
        item.name: item.grade or (elements[item.element].grade if item.element and item.element in elements else resource.grade)
        for item in resource.items
    }


def _assessment(workspace: Workspace, resource: Resource, phase: str) -> Assessment:
    if phase not in PHASES:
        raise UserError(
            "quality.phase.unknown",
            "There is no phase {phase}.",
            hint="Phases: {known}.",
            phase=phase,
            known=", ".join(PHASES),
        )
    with workspace.store.read() as connection:
        found = find_assessment(connection, resource.name, phase)
    if found is None:
        raise UserError(
            "flows.cause.assessed",
            "{resource} has not been assessed yet.",
            hint="Assess it: cityloom quality assess {resource}",
            resource=resource.name,
        )
    return found


def _chosen(found: Assessment, resource: Resource, rule: str) -> Sequence[RuleResult]:
    broken = sorted((r for r in found.results if r.broken), key=lambda r: (-(1 - r.score) * r.weight, r.rule))
    if not rule:
        return broken[:RULES]
    named = [r for r in found.results if r.rule == rule]
    if not named:
        raise UserError(
            "flows.cause.rule",
            "{resource} has no rule {rule}.",
            hint="Broken ones: {known}.",
            resource=resource.name,
            rule=rule[:160],
            known=", ".join(r.rule for r in broken) or "-",
        )
    return named


def _is_kept(lake: Lake, resource: Resource, phase: str, rule: str) -> bool:
    """Whether the broken rows of a rule are kept for a phase."""
    return any(v.rule == rule for s in sheets_of(lake, broken_table(resource, phase)) for v in s.verdicts)


def _broken(lake: Lake, resource: Resource, phase: str, rule: str) -> exp.Expression:
    """The places of rows that break a rule."""
    return relation(lake, resource, phase, [rule])
