"""Assesses one resource: all rules on rows in one scan of its table, each rule on the table in one query.

The scan keeps the rows that break a rule (:mod:`cityloom.quality.broken`); the next assessment scans only what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlglot import exp

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import UserError
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
from cityloom.quality.sheets import Examined, examine
from cityloom.store.database import Store
from cityloom.store.quality import put_assessment

_LOCAL = timedelta(hours=8)
"""The city's day begins eight hours before UTC's."""


@dataclass(frozen=True, kw_only=True)
class BrokenRow:
    """Position of a row that breaks a rule: no value of it."""

    batch: str
    row: int
    rule: str
    columns: tuple[str, ...]


def run(
    resource: Resource,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    store: Store,
    clock: Clock,
    scoring: Scoring = USUAL,
    is_full: bool = False,
    resources: Mapping[str, Resource] | None = None,
) -> StageResult:
    """Assess a resource's raw rows as they came (``before``), or its current standard rows (``after``).

    Counts and scores are written to the store, anew for the same version of the table; the broken rows to the lake.
    ``resources`` are those that rules may look at beside this one.
    Only what is new is scanned unless ``is_full``: the answer is the same. ``read`` and ``written`` are the rows
    assessed.

    Raises:
        ConfigError: a definition is wrong.
        UserError: ``lake.table.unknown`` when there is no such table yet.
    """
    given = {"phase": phase, "elements": elements, "codes": codes, "lake": lake, "clock": clock}
    found, examined = _assess(resource, **given, scoring=scoring, is_full=is_full, resources=resources)
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
    scoring: Scoring = USUAL,
    is_full: bool = False,
    resources: Mapping[str, Resource] | None = None,
) -> Assessment:
    """The assessment itself, with its broken rows; nothing is written to the store."""
    given = {"phase": phase, "elements": elements, "codes": codes, "lake": lake, "clock": clock}
    return _assess(resource, **given, scoring=scoring, is_full=is_full, resources=resources)[0]


def _assess(
    resource: Resource,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    clock: Clock,
    scoring: Scoring,
    is_full: bool,
    resources: Mapping[str, Resource] | None,
) -> tuple[Assessment, Examined]:
    table = assessed_table(resource, phase)
    version = lake.version(table)
    plans = plan(resource, elements=elements, codes=codes, today=today(clock))
    view = View(resource, phase, lake, max(version, 0), resources=resources)
    found = examine(view, plans, lake, is_full=is_full)
    results = tuple(_result(one, *found.counts[one.name], resource) for one in plans)
    made = Assessment(
        resource=resource.name,
        phase=phase,
        table=table,
        version=version,
        rows=found.rows,
        at=iso(clock.now()),
        results=results,
        scores=scores_of(results, scoring),
    )
    return made, found


def broken_rows(
    resource: Resource,
    rule: str,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    clock: Clock,
    limit: int = 1000,
    resources: Mapping[str, Resource] | None = None,
) -> list[BrokenRow]:
    """Positions of rows that break a rule, by batch and row, found by the same condition that counted them.

    Raises:
        UserError: ``quality.rule.unknown``, with the rules there are.
    """
    plans = {p.name: p for p in plan(resource, elements=elements, codes=codes, today=today(clock))}
    if rule not in plans:
        raise UserError(
            "quality.rule.unknown",
            "{resource} has no rule {rule}.",
            hint="Its rules: {known}.",
            resource=resource.name,
            rule=rule,
            known=", ".join(plans),
        )
    one = plans[rule]
    query = View(resource, phase, lake, resources=resources).broken(one)
    ordered = exp.select("*").from_(query.subquery("b")).order_by("b._batch", "b._row").limit(limit)
    return [
        BrokenRow(batch=str(batch), row=int(row), rule=rule, columns=one.columns)
        for batch, row in lake.engine.rows(ordered)
    ]


def today(clock: Clock) -> str:
    """The present day in the city."""
    return (clock.now() + _LOCAL).date().isoformat()


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
