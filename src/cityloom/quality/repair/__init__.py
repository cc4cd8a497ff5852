"""Proposes what broken cells should hold, for a person to accept: nothing is changed here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.clock import Clock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.model.text import Title
from cityloom.quality.broken import relation
from cityloom.quality.items import items_of, numbered
from cityloom.quality.plan import RulePlan, plan
from cityloom.quality.repair.blame import Suspect, blamed
from cityloom.quality.repair.written import Candidate, written
from cityloom.quality.run import today

LEAST = 0.5
"""Confidence below which nothing is proposed."""
_PAGE = 20_000
"""Cells that are looked at together."""
_KNOWN = 1000
"""Frequent values of a column that are looked at."""
Cell = tuple[str, int, str]

__all__ = ["LEAST", "Proposal", "Suspect", "propose", "suspects"]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A cell and what it should hold; ``value`` is None where it should be empty. Values may be of persons."""

    batch: str
    row: int
    item: str
    old: str | None
    value: str | None
    confidence: float
    rules: tuple[str, ...]
    reason: Title


@dataclass(frozen=True)
class _Table:
    """The assessed table, and the rules that are in force."""

    lake: Lake
    rows: exp.Expression
    terms: Mapping[str, exp.Expression]
    plans: Mapping[str, RulePlan]

    def numbered(self, names: Sequence[str]) -> exp.Expression:
        """The rows with these items as ``c0, c1, …``."""
        return numbered(self.rows, self.terms, names)


def suspects(
    resource: Resource, *, phase: str, elements: Mapping[str, Element], codes: Mapping[str, CodeTable], lake: Lake, clock: Clock
) -> Iterator[Suspect]:
    """The cells that the newest assessment makes responsible for broken rules, row by row.

    Raises:
        UserError: ``quality.broken.unknown`` when the resource was not assessed in this phase.
    """
    plans = {p.name: p for p in plan(resource, elements=elements, codes=codes, today=today(clock))}
    broken = exp.select("_batch", "_row", "_rule").from_(relation(lake, resource, phase)).order_by("_batch", "_row", "_rule")
    rows = (
        (str(b), int(r), str(name))
        for batch in lake.engine.batches(broken)
        for b, r, name in zip(*(batch.column(i).to_pylist() for i in range(3)), strict=True)
    )
    yield from blamed(rows, plans)


def propose(
    resource: Resource,
    *,
    phase: str,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    clock: Clock,
    least: float = LEAST,
    cells: Iterator[Suspect] | None = None,
) -> Iterator[Proposal]:
    """What the blamed cells of the newest assessment should hold, where something speaks for a value.

    A value comes from the rows of the same group of a dependency, from a frequent value it is a slip of, from the form
    the other values have, or from the neighbouring column. Memory does not grow with the table.

    Args:
        resource: whose table, assessed before.
        phase: ``before`` or ``after``.
        elements: data elements by name.
        codes: code tables by name.
        lake: where the table is.
        clock: for the present day.
        least: confidence below which nothing is proposed.
        cells: the cells to look at, in place of those that the assessment blames.

    Raises:
        UserError: ``quality.broken.unknown`` when the resource was not assessed in this phase.
    """
    plans = {p.name: p for p in plan(resource, elements=elements, codes=codes, today=today(clock))}
    table = _Table(lake, *items_of(resource, phase, lake), plans)
    found = cells or suspects(resource, phase=phase, elements=elements, codes=codes, lake=lake, clock=clock)
    known: dict[str, Mapping[str, int]] = {}
    while page := list(islice(found, _PAGE)):
        for item in {one.item for one in page} - known.keys():
            known[item] = _frequent(table, item)
        yield from (one for one in _of_page(table, page, known) if one.confidence >= least)


def _of_page(table: _Table, page: Sequence[Suspect], known: Mapping[str, Mapping[str, int]]) -> Iterator[Proposal]:
    candidates: dict[Cell, list[Candidate]] = defaultdict(list)
    wanted: dict[str, set[str]] = defaultdict(set)
    for one in page:
        wanted[one.item] |= {name for name in one.rules if name in table.plans and not table.plans[name].is_for_table}
    for rule in table.plans.values():
        item = rule.own_columns[-1] if rule.own_columns else ""
        if hasattr(rule.rule, "repairs") and item in wanted:
            for cell, candidate in _asked(table, rule, item, [s for s in page if s.item == item]):
                candidates[cell].append(candidate)
    values = _values(table, page)
    for one in page:
        cell, row = (one.batch, one.row, one.item), values.get((one.batch, one.row), {})
        for name in one.rules:
            rule_ = table.plans.get(name)
            if rule_ is not None and not rule_.is_for_table:
                texts = [row.get(c) for c in rule_.columns]
                candidates[cell] += written(rule_, one.item, texts, known[one.item])
        made = _chosen(one, row.get(one.item), candidates[cell])
        if made is not None:
            yield made


def _chosen(one: Suspect, old: str | None, candidates: Sequence[Candidate]) -> Proposal | None:
    """The candidate that most speaks for; what speaks for others takes from it."""
    weights: dict[str | None, float] = defaultdict(float)
    for each in candidates:
        if each.value != old:
            weights[each.value] = 1 - (1 - weights[each.value]) * (1 - each.weight)
    if not weights:
        return None
    value = max(weights, key=lambda v: (weights[v], v is not None, v or ""))
    best = [c for c in candidates if c.value == value]
    rest = max((w for v, w in weights.items() if v != value), default=0.0)
    return Proposal(
        batch=one.batch,
        row=one.row,
        item=one.item,
        old=old,
        value=value,
        confidence=round(weights[value] * (1 - 0.5 * rest), 3),
        rules=tuple(sorted({c.rule for c in best})),
        reason=max(best, key=lambda c: c.weight).reason,
    )


def _asked(table: _Table, rule: RulePlan, item: str, page: Sequence[Suspect]) -> Iterator[tuple[Cell, Candidate]]:
    """What a rule on the table says of these cells."""
    names = rule.own_columns
    places = pa.table(
        {"_batch": [s.batch for s in page], "_row": pa.array([s.row for s in page], pa.int64())}
    )
    with table.lake.engine.bound(places) as bound:
        query = sql(
            "SELECT q._batch, q._row, q.value, q.share, q.support FROM :found AS q"
            " JOIN (SELECT * FROM :places) AS p ON q._batch = p._batch AND q._row = p._row",
            found=exp.Subquery(this=rule.rule.repairs(table.numbered(names), len(names))),
            places=bound,
        )
        for batch, row, value, share, support in table.lake.engine.rows(query):
            rows = int(support)
            weight = float(share) * rows / (rows + 1)
            reason = (
                Title(f"同组 {rows} 行中多数的值", f"the value of most of the {rows} rows of its group")
                if len(names) > 1
                else Title(f"与出现 {rows} 次的值只差一个字符", f"a slip away from a value that {rows} rows have")
            )
            candidate = Candidate(value=str(value), weight=weight, rule=rule.name, reason=reason)
            yield (str(batch), int(row), item), candidate


def _values(table: _Table, page: Sequence[Suspect]) -> dict[tuple[str, int], dict[str, str | None]]:
    """What the rows of these cells hold in the columns that their rules look at."""
    names = {one.item for one in page}
    names |= {c for one in page for r in one.rules if r in table.plans for c in table.plans[r].columns}
    items = sorted(names & table.terms.keys())
    rows = sorted({(s.batch, s.row) for s in page})
    places = pa.table({"_batch": [b for b, _ in rows], "_row": pa.array([r for _, r in rows], pa.int64())})
    with table.lake.engine.bound(places) as bound:
        query = sql(
            "SELECT t.* FROM (SELECT * FROM :rows) AS t"
            " JOIN (SELECT * FROM :places) AS p ON t._batch = p._batch AND t._row = p._row",
            rows=table.numbered(items),
            places=bound,
        )
        found = table.lake.engine.records(query)
    return {
        (str(r["_batch"]), int(r["_row"])): {name: r[f"c{i}"] for i, name in enumerate(items)} for r in found
    }


def _frequent(table: _Table, item: str) -> Mapping[str, int]:
    """The most frequent values of a column with their rows."""
    value = column("c0")
    query = exp.select(value, sql("count(*)")).from_(table.numbered([item])).where(sql(":v IS NOT NULL", v=value))
    query = query.group_by(value).order_by(exp.Literal.number(2).desc(), exp.Literal.number(1)).limit(_KNOWN)
    return {str(v): int(n) for v, n in table.lake.engine.rows(query)}
