"""Suggests rules for a table that nobody declared any for: from its data alone, to be accepted by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cityloom.kernel.clock import Clock
from cityloom.lake.tables import Lake
from cityloom.model.resource import GRADES, Item, Resource
from cityloom.model.standard import Element, RuleUse
from cityloom.quality.items import items_of
from cityloom.quality.run import assess
from cityloom.quality.suggest.base import Draft, Sample, Suggestion, sample
from cityloom.quality.suggest.columns import keys, merged, orders
from cityloom.quality.suggest.dependencies import confirmed, dependencies
from cityloom.quality.suggest.dependencies import drafts as of_dependencies
from cityloom.quality.suggest.forms import fillers, forms
from cityloom.quality.suggest.numbers import bounds
from cityloom.quality.suggest.values import domains, missing

LEAST = 0.5
"""Confidence below which nothing is suggested."""
MOST_BROKEN = 0.35
"""A rule that so many rows break is none, unless it says that the whole column is written wrong."""
MOST_SLIPS = 0.6
"""The same where each broken value is rare and near a frequent one, or one of many rare ones: they are told one by one."""
_TRIAL = ("business", "technical")

__all__ = ["LEAST", "Suggestion", "suggest"]


def suggest(
    resource: Resource,
    *,
    phase: str,
    lake: Lake,
    clock: Clock,
    elements: Mapping[str, Element] | None = None,
    least: float = LEAST,
) -> list[Suggestion]:
    """Rules that the data of a resource suggest, surest first; none of them is approved.

    They are found in a sample of some 20,000 rows and then checked on all rows by the assessment's own queries.
    Values are listed only of columns below the grade *sensitive*.

    Args:
        resource: whose table; its declared rules are not repeated.
        phase: ``before`` or ``after``.
        lake: where the table is.
        clock: for the present day.
        elements: data elements by name, for the grade of items.
        least: confidence below which nothing is suggested.

    Raises:
        UserError: ``lake.table.unknown`` or ``quality.phase.unknown``.
    """
    found = sample(lake.engine, *items_of(resource, phase, lake))
    closed = frozenset(i.name for i in resource.items if _grade(i, resource, elements or {}) in GRADES[2:])
    made = [one for one in drafts(found, closed) if one.confidence >= least and not _is_known(one, resource)]
    checked = [
        Suggestion(use=use, checked=judged, broken=broken, confidence=round(d.confidence, 3), reason=d.reason)
        for d, (use, judged, broken) in zip(made, _tried(resource, made, phase, lake, clock), strict=True)
    ]
    return sorted((one for one in checked if _is_sound(one)), key=lambda s: (-s.confidence, s.use.name))


def drafts(found: Sample, closed: frozenset[str]) -> list[Draft]:
    """What a sample suggests, before it is checked on all rows."""
    depends = dependencies(found)
    sure = confirmed(found)
    return [
        *missing(found),
        *domains(found, sure, closed),
        *forms(found, sure),
        *fillers(found),
        *bounds(found, sure, closed),
        *merged(found, closed),
        *keys(found),
        *orders(found),
        *of_dependencies(depends),
    ]


def _tried(
    resource: Resource, made: Sequence[Draft], phase: str, lake: Lake, clock: Clock
) -> list[tuple[RuleUse, int, int]]:
    """What the assessment would count if all of them were approved: rows judged and broken."""
    uses = [replace(one.use, name=_named(one.use)) for one in made]
    trial = replace(
        resource,
        items=tuple(replace(i, element=None, rules=(), required=False) for i in resource.items),
        rules=tuple(replace(use, approved_by=_TRIAL) for use in uses),
    )
    found = {r.rule: r for r in assess(trial, phase=phase, elements={}, codes={}, lake=lake, clock=clock).results}
    return [(use, found[use.name].checked, found[use.name].broken) for use in uses]


def _named(use: RuleUse) -> str:
    return use.name or f"{'+'.join(use.columns)}.{use.rule}"


def _is_sound(one: Suggestion) -> bool:
    """Units may be written wrong everywhere; dependencies are told from chance by their groups, however noisy."""
    is_told = one.use.rule == "dependency" or one.use.name.endswith(".number")
    most = MOST_SLIPS if one.use.rule == "domain" else MOST_BROKEN
    return is_told or one.broken <= most * one.checked


def _is_known(one: Draft, resource: Resource) -> bool:
    declared = [(u.rule, u.columns) for u in resource.rules]
    declared += [(u.rule, (i.name,)) for i in resource.items for u in i.rules]
    declared += [("missing", (i.name,)) for i in resource.items if i.required]
    return (one.use.rule, one.use.columns) in declared


def _grade(item: Item, resource: Resource, elements: Mapping[str, Element]) -> str:
    found = elements.get(item.element or "")
    return item.grade or (found.grade if found is not None else resource.grade)
