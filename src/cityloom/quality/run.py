"""Assesses one resource: all rules on rows in one scan of its table, each rule on the table in one query.

The scan keeps the rows that break a rule (:mod:`cityloom.quality.broken`); the next assessment scans only what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cityloom.kernel.clock import Clock, iso
from cityloom.lake.tables import Lake
from cityloom.model.quality import Assessment, RuleResult
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.scoring import USUAL, Scoring
from cityloom.model.standard import CodeTable, Element
from cityloom.quality.broken import assessed_table
from cityloom.quality.plan import RulePlan, plan
from cityloom.quality.scan import View
from cityloom.quality.score import importance, rule_score, scores_of
from cityloom.quality.sheets import examine
from cityloom.store.database import Store
from cityloom.store.quality import put_assessment, versions_before

_LOCAL = timedelta(hours=8)
"""The city's day begins eight hours before UTC's."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to assess: weights and thresholds of scores, whether all is scanned anew, other resources that rules look at.

    ``earlier`` are the versions of the table at earlier assessments, the newest first, for rules that compare with them.
    """

    scoring: Scoring = USUAL
    is_full: bool = False
    resources: Mapping[str, Resource] = field(default_factory=dict)
    earlier: tuple[int, ...] = ()


def run(
    resource: Resource,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    store: Store,
    clock: Clock,
    manner: Manner = Manner(),
) -> StageResult:
    """Assess a resource's raw rows as they came (``before``), or its current standard rows (``after``).

    Counts and scores are written to the store, anew for the same version of the table; the broken rows to the lake.
    Only what is new is scanned, unless all is to be: the answer is the same. ``read`` and ``written`` are the rows
    assessed.

    Raises:
        ConfigError: a definition is wrong.
        UserError: ``lake.table.unknown`` when there is no such table yet.
    """
    plans = plan(resource, elements=elements, codes=codes, today=today(clock))
    version = lake.version(assessed_table(resource, phase))
    with store.read() as connection:
        manner = replace(manner, earlier=versions_before(connection, resource.name, phase, version))
    view = _view(resource, phase, lake, manner, version)
    examined = examine(view, plans, lake, is_full=manner.is_full)
    found = _assessment(view, plans, examined.rows, examined.counts, clock, manner)
    with store.write() as connection:
        put_assessment(connection, found)
    summary = {
        "rules": len(found.results),
        "broken": {r.rule: r.broken for r in found.results if r.broken},
        "scores": {s.dimension: s.score for s in found.scores},
        "light": found.total.light,
        "scanned": dict(examined.scanned),
    }
    return StageResult(read=found.rows, written=found.rows, summary=summary)


def assess(
    resource: Resource,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    clock: Clock,
    manner: Manner = Manner(),
) -> Assessment:
    """A full assessment of which nothing is kept: for trials, and to prove the one that is kept."""
    plans = plan(resource, elements=elements, codes=codes, today=today(clock))
    view = _view(resource, phase, lake, manner, lake.version(assessed_table(resource, phase)))
    rows, counts = view.count([one for one in plans if not one.is_for_table])
    counts |= {one.name: view.count_table(one) for one in plans if one.is_for_table}
    return _assessment(view, plans, rows, counts, clock, manner)


def today(clock: Clock) -> str:
    """The present day in the city."""
    return (clock.now() + _LOCAL).date().isoformat()


def _view(resource: Resource, phase: str, lake: Lake, manner: Manner, version: int) -> View:
    return View(resource, phase, lake, max(version, 0), resources=manner.resources, earlier=manner.earlier)


def _assessment(
    view: View,
    plans: Sequence[RulePlan],
    rows: int,
    counts: Mapping[str, tuple[int, int]],
    clock: Clock,
    manner: Manner,
) -> Assessment:
    results = tuple(_result(one, *counts[one.name], view.resource) for one in plans)
    return Assessment(
        resource=view.resource.name,
        phase=view.phase,
        table=assessed_table(view.resource, view.phase),
        version=view.version or 0,
        rows=rows,
        at=iso(clock.now()),
        results=results,
        scores=scores_of(results, manner.scoring),
    )


def _result(one: RulePlan, checked: int, broken: int, resource: Resource) -> RuleResult:
    return RuleResult(
        rule=one.name,
        plugin=one.use.rule,
        dimension=one.use.dimension,
        columns=one.columns,
        weight=one.use.weight * one.use.importance * importance(resource, one.columns),
        severity=one.use.severity,
        checked=checked,
        broken=broken,
        score=rule_score(checked, broken),
    )
