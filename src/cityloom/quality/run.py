"""Assesses one resource: all rules on rows in one scan of its table, each rule on the table in one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import UserError
from cityloom.lake.changes import rows_of
from cityloom.lake.tables import Lake
from cityloom.model.quality import PHASES, Assessment, RuleResult
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.scoring import USUAL, Scoring
from cityloom.model.standard import CodeTable, Element
from cityloom.quality.base import applies
from cityloom.quality.plan import RulePlan, plan
from cityloom.quality.score import importance, rule_score, scores_of
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
) -> StageResult:
    """Assess a resource's raw rows as they came (``before``), or its current standard rows (``after``).

    Counts and scores are written to the store, anew for the same version of the table. ``read`` and
    ``written`` are the rows assessed.

    Raises:
        ConfigError: a definition is wrong.
        UserError: ``lake.table.unknown`` when there is no such table yet.
    """
    found = assess(resource, phase=phase, elements=elements, codes=codes, lake=lake, clock=clock, scoring=scoring)
    with store.write() as connection:
        put_assessment(connection, found)
    summary = {
        "rules": len(found.results),
        "broken": {r.rule: r.broken for r in found.results if r.broken},
        "scores": {s.dimension: s.score for s in found.scores},
        "light": found.total.light,
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
) -> Assessment:
    """The assessment itself; nothing is written."""
    table = _table(resource, phase)
    version = lake.version(table)
    plans = plan(resource, elements=elements, codes=codes, today=today(clock))
    view = View(resource, phase, lake)
    rows, counts = view.count([p for p in plans if not p.is_for_table])
    for one in plans:
        if one.is_for_table:
            counts[one.name] = view.count_table(one)
    results = tuple(_result(one, *counts[one.name], resource) for one in plans)
    return Assessment(
        resource=resource.name,
        phase=phase,
        table=table,
        version=version,
        rows=rows,
        at=iso(clock.now()),
        results=results,
        scores=scores_of(results, scoring),
    )


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
    query = View(resource, phase, lake).broken(one)
    ordered = exp.select("*").from_(query.subquery("b")).order_by("b._batch", "b._row").limit(limit)
    return [
        BrokenRow(batch=str(batch), row=int(row), rule=rule, columns=one.columns)
        for batch, row in lake.engine.rows(ordered)
    ]


def today(clock: Clock) -> str:
    """The present day in the city."""
    return (clock.now() + _LOCAL).date().isoformat()


class View:
    """A resource's table in a phase, with its items as columns ``c0, c1, …`` in the order of a rule's items.

    Args:
        resource: whose table.
        phase: ``before`` sees raw columns, ``after`` the current rows' items.
        lake: where it is.
    """

    def __init__(self, resource: Resource, phase: str, lake: Lake) -> None:
        self._engine = lake.engine
        table = _table(resource, phase)
        self._relation = rows_of(lake, resource) if phase == "before" else lake.relation(table)
        types = lake.engine.columns(exp.select("*").from_(self._relation.copy()))
        self._terms = {
            item.name: _text(item.column if phase == "before" else item.name, types) for item in resource.items
        }
        self._where = column("_current") if phase == "after" else None

    def count(self, plans: Sequence[RulePlan]) -> tuple[int, dict[str, tuple[int, int]]]:
        """Rows in all, and for each rule on rows the rows checked and broken: one aggregate over one scan."""
        layers = self._layers({name for p in plans for name in p.columns})
        flags: dict[str, exp.Expression] = {}
        places: list[tuple[str | None, str]] = []
        for number, one in enumerate(plans):
            columns = [column(name) for name in one.columns]
            applied = applies(one.rule, columns)
            broken = one.rule.broken(columns)
            checked = None if one.rule.applies_to_missing else layers.add(applied).name
            flags[f"b{number}"] = broken if checked is None else sql("(:a AND :b)", a=column(checked), b=broken)
            places.append((checked, f"b{number}"))
        checks = sorted({c for c, _ in places if c is not None})
        outputs = {**flags, **{c: column(c) for c in checks}}
        names = list(outputs)
        query = layers.query(outputs or {"x": exp.true()})
        picks = [sql("count(*)"), *(exp.CountIf(this=column(name)) for name in names)]
        row = [int(n) for n in self._engine.rows(exp.select(*picks).from_(query.subquery("q")))[0]]
        count = dict(zip(names, row[1:], strict=True))
        found = {
            one.name: (row[0] if checked is None else count[checked], count[flag])
            for one, (checked, flag) in zip(plans, places, strict=True)
        }
        return row[0], found

    def count_table(self, one: RulePlan) -> tuple[int, int]:
        """Rows checked and broken by a rule on the table."""
        checked, broken = self._engine.rows(one.rule.counts(self._rows(one), len(one.columns)))[0]
        return int(checked), int(broken)

    def broken(self, one: RulePlan) -> exp.Select:
        """Query for the positions ``_batch, _row`` of the rows that break a rule."""
        if one.is_for_table:
            return exp.select("*").from_(one.rule.broken_rows(self._rows(one), len(one.columns)).subquery("t"))
        columns = [column(name) for name in one.columns]
        layers = self._layers(set(one.columns), placed=True)
        flag = sql("(:a AND :b)", a=applies(one.rule, columns), b=one.rule.broken(columns))
        query = layers.query({"_batch": column("_batch"), "_row": column("_row"), "flag": flag})
        return exp.select("q._batch", "q._row").from_(query.subquery("q")).where(sql("q.flag"))

    def _rows(self, one: RulePlan) -> exp.Expression:
        terms = {f"c{i}": self._terms[name] for i, name in enumerate(one.columns)}
        terms |= {name: column(name) for name in ("_batch", "_row")}
        picks = [exp.alias_(term.copy(), name) for name, term in terms.items()]
        query = exp.select(*picks).from_(self._relation.copy())
        return (query.where(self._where.copy()) if self._where is not None else query).subquery("rows_")

    def _layers(self, names: set[str], *, placed: bool = False) -> Layers:
        terms = {name: self._terms[name] for name in sorted(names)}
        if placed:
            terms |= {name: column(name) for name in ("_batch", "_row")}
        return Layers(self._relation, terms or {"_row": column("_row")}, where=self._where)


def _table(resource: Resource, phase: str) -> str:
    if phase not in PHASES:
        raise UserError(
            "quality.phase.unknown",
            "There is no phase {phase}.",
            hint="Phases: {known}.",
            phase=phase,
            known=", ".join(PHASES),
        )
    return resource.raw_table if phase == "before" else resource.std_table


def _text(name: str, types: Mapping[str, str]) -> exp.Expression:
    if name not in types:
        return sql("CAST(NULL AS VARCHAR)")
    found = column(name)
    return found if types[name] == "VARCHAR" else sql("CAST(:x AS VARCHAR)", x=found)


def _result(one: RulePlan, checked: int, broken: int, resource: Resource) -> RuleResult:
    return RuleResult(
        rule=one.name,
        plugin=one.use.rule,
        dimension=one.use.dimension,
        columns=one.columns,
        weight=one.use.weight * importance(resource, one.columns),
        severity=one.use.severity,
        checked=checked,
        broken=broken,
        score=rule_score(checked, broken),
    )
