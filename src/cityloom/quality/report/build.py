"""Puts the report of a department and a period together from the platform's records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cityloom.kernel.errors import ConfigError, UserError
from cityloom.kernel.registry import plugin
from cityloom.model.cause import Cause
from cityloom.model.order import Order, OrderState
from cityloom.model.quality import RuleResult
from cityloom.model.report import (
    DepartmentLine,
    Line,
    OrderLine,
    OrderSums,
    Period,
    QualityReport,
    RuleLine,
    TableLine,
)
from cityloom.model.resource import Resource
from cityloom.model.text import Title
from cityloom.quality.base import RULES
from cityloom.quality.report.period import earlier
from cityloom.quality.report.standing import Records, Standing
from cityloom.quality.score import rounded
from cityloom.store.orders import list_order_moves, list_orders

TREND = 12
"""Periods of the trend."""
EXPLAINED = 5
"""Rules of which causes are looked for."""
WHOLE_TABLE = Title("整表", "Whole table")
_ORDERS = 200
_SEVERITIES = ("low", "medium", "high")
_OPEN = (OrderState.SENT, OrderState.ACCEPTED, OrderState.FIXED, OrderState.DISPUTED, OrderState.OVERDUE, OrderState.ESCALATED)
Look = Callable[[str, str], tuple[tuple[tuple[str, int], ...], tuple[Cause, ...]]]
"""Given a resource and a rule: positions of some broken rows, and what they share."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for: a department (empty: all), a period, a phase, and how to look at broken rows."""

    department: str
    period: Period
    phase: str = "before"
    look: Look | None = None


def build(wish: Wish, records: Records) -> QualityReport:
    """The report.

    Raises:
        UserError: ``quality.report.department``, with the departments there are.
    """
    city = records.city
    _check(wish, records)
    every = list(city.resources)
    own = [r.name for r in city.resources.values() if wish.department in ("", r.department)]
    last, now = earlier(wish.period, 2)
    new, old = (records.standings(p, wish.phase, every) for p in (now, last))
    mine, mine_before = ({n: s for n, s in some.items() if n in own} for some in (new, old))
    after = records.standings(now, "after", own) if wish.phase == "before" else {}
    orders = [_at(o, records, wish.period) for o in list_orders(records.connection) if o.opened_at < wish.period.end]
    concerned = [o for o in orders if wish.department in ("", o.order.department)]
    rules = _rules(mine, mine_before, records)
    return QualityReport(
        city=next((c.title for c in city.cities.values()), Title("", "")),
        department=wish.department,
        title=city.departments[wish.department].title if wish.department else Title("全市", "The whole city"),
        period=wish.period,
        made_at=records.now,
        phase=wish.phase,
        scoring=city.scoring,
        lines=records.lines(mine, mine_before),
        trend=_trend(wish, records, own, mine),
        tables=_tables(mine, mine_before, after, records),
        missing=tuple(city.resources[n].title for n in own if n not in mine),
        rules=_looked_at(rules, wish),
        kept=sum(not r.broken for s in mine.values() for r in s.assessment.results),
        evidence=tuple(e for s in mine.values() for e in s.evidence),
        sums=_sums(concerned, wish.period, records),
        orders=_order_lines(concerned, wish.period, records),
        departments=_departments(new, old, orders, wish, records),
    )


def rule_title(result: RuleResult, resource: Resource) -> Title:
    """What a rule is called: by its own title where one is declared, else by its plug-in's."""
    uses = (*resource.rules, *(use for item in resource.items for use in item.rules))
    declared = next((u.title for u in uses if u.title and u.name and result.rule.endswith(u.name)), None)
    if declared is not None:
        return declared
    try:
        found: Title = plugin(RULES, result.plugin).title
    except ConfigError:
        return Title(result.plugin, result.plugin)
    return found


def column_titles(result: RuleResult, resource: Resource) -> tuple[Title, ...]:
    """The items that a rule looks at; of a rule on no item in particular the table."""
    titles = {item.name: item.title for item in resource.items}
    return tuple(titles.get(name, Title(name, name)) for name in result.columns) or (WHOLE_TABLE,)


def _check(wish: Wish, records: Records) -> None:
    known = records.city.departments
    if wish.department and wish.department not in known:
        raise UserError(
            "quality.report.department",
            "There is no department {department}.",
            hint="Departments: {known}.",
            department=wish.department[:60],
            known=", ".join(known),
        )


def _trend(
    wish: Wish, records: Records, own: Sequence[str], mine: Mapping[str, Standing]
) -> tuple[tuple[str, float | None], ...]:
    found = []
    for period in earlier(wish.period, TREND):
        standings = mine if period == wish.period else records.standings(period, wish.phase, own)
        lines = records.lines(standings)
        found.append((period.name, lines[0].score if lines else None))
    begun = next((i for i, (_name, score) in enumerate(found) if score is not None), len(found) - 1)
    return tuple(found[min(begun, TREND - 6) :])


def _tables(
    new: Mapping[str, Standing], old: Mapping[str, Standing], after: Mapping[str, Standing], records: Records
) -> tuple[TableLine, ...]:
    found = [_table(one, old.get(name), after.get(name), records.city.resources[name]) for name, one in new.items()]
    return tuple(sorted(found, key=lambda t: (t.score, t.name)))


def _table(one: Standing, old: Standing | None, after: Standing | None, resource: Resource) -> TableLine:
    found = one.assessment
    return TableLine(
        name=resource.name,
        title=resource.title,
        score=found.total.score,
        light=found.total.light,
        before=old.assessment.total.score if old else None,
        rows=found.rows,
        at=found.at,
        dimensions=tuple(s for s in found.scores if s.dimension != "total"),
        after=after.assessment.total.score if after else None,
        importance=resource.importance,
    )


def _rules(new: Mapping[str, Standing], old: Mapping[str, Standing], records: Records) -> list[RuleLine]:
    """Rules that are broken, the worst first: by severity, what they cost the score, and rows."""
    known = {(n, r.rule): r.score for n, s in old.items() for r in s.assessment.results}
    found = [
        _rule(r, records.city.resources[name], records, known.get((name, r.rule)))
        for name, one in new.items()
        for r in one.assessment.results
        if r.broken
    ]
    return sorted(found, key=lambda r: (-(1 - r.score) * r.weight, -_SEVERITIES.index(r.severity), -r.broken, r.resource, r.rule))


def _rule(result: RuleResult, resource: Resource, records: Records, before: float | None) -> RuleLine:
    score = rounded(result.score)
    return RuleLine(
        resource=resource.name,
        resource_title=resource.title,
        rule=result.rule,
        title=rule_title(result, resource),
        columns=column_titles(result, resource),
        dimension=result.dimension,
        severity=result.severity if result.severity in _SEVERITIES else "medium",
        weight=result.weight,
        checked=result.checked,
        broken=result.broken,
        score=score,
        light=records.city.scoring.light(score),
        before=None if before is None else rounded(before),
    )


def _looked_at(rules: Sequence[RuleLine], wish: Wish) -> tuple[RuleLine, ...]:
    """The worst rules with examples, the very worst with causes."""
    if wish.look is None:
        return tuple(rules)
    found = []
    for i, one in enumerate(rules):
        examples, causes = wish.look(one.resource, one.rule) if i < EXPLAINED else ((), ())
        found.append(replace(one, examples=examples, causes=causes))
    return tuple(found)


@dataclass(frozen=True)
class _Standing:
    """An order as it stood at the end of a period."""

    order: Order
    state: str
    fixed_at: str | None
    closed_at: str | None


def _at(order: Order, records: Records, period: Period) -> _Standing:
    moves = [m for m in list_order_moves(records.connection, order.id) if m.at < period.end]
    fixes = [m.at for m in moves if m.verb in ("fix", "vanish")]
    ends = [m.at for m in moves if m.target in (OrderState.VERIFIED, OrderState.CLOSED)]
    state = moves[-1].target if moves else order.state
    is_open = state in _OPEN
    return _Standing(order, state, fixes[-1] if fixes else None, None if is_open else ends[0] if ends else order.closed_at)


def _is_late(one: _Standing, period: Period, now: str) -> bool:
    return one.state in _OPEN and one.state != OrderState.FIXED and one.order.deadline < min(period.end, now)


def _sums(orders: Sequence[_Standing], period: Period, records: Records) -> OrderSums:
    closed = [o for o in orders if o.closed_at and period.start <= o.closed_at < period.end]
    days = [_days(o.order.opened_at, o.fixed_at or o.closed_at or "") for o in closed]
    return OrderSums(
        opened=sum(period.start <= o.order.opened_at for o in orders),
        closed=len(closed),
        open=sum(o.state in _OPEN for o in orders),
        overdue=sum(_is_late(o, period, records.now) for o in orders),
        disputed=sum(o.state == OrderState.DISPUTED for o in orders),
        mean_days=sum(days) / len(days) if days else None,
    )


def _order_lines(orders: Sequence[_Standing], period: Period, records: Records) -> tuple[OrderLine, ...]:
    shown = [o for o in orders if o.state in _OPEN or (o.closed_at or "") >= period.start]
    lines = [
        OrderLine(
            id=o.order.id,
            resource_title=_resource_title(o.order.resource, records),
            cause=o.order.cause if o.order.kind == "quality" else o.order.item,
            kind=o.order.kind,
            severity=o.order.severity,
            state=o.state,
            opened_at=o.order.opened_at,
            deadline=o.order.deadline,
            broken=o.order.broken,
            is_late=_is_late(o, period, records.now),
        )
        for o in shown
    ]
    return tuple(sorted(lines, key=lambda o: (not o.is_late, o.state not in _OPEN, o.deadline)))[:_ORDERS]


def _resource_title(name: str, records: Records) -> Title:
    known = records.city.resources.get(name)
    return known.title if known else Title(name, name)


def _departments(
    new: Mapping[str, Standing], old: Mapping[str, Standing], orders: Sequence[_Standing], wish: Wish, records: Records
) -> tuple[DepartmentLine, ...]:
    """Departments by score; equal scores share a place."""
    city = records.city
    found: list[tuple[str, Line, int]] = []
    for name in city.departments:
        own = {n for n, r in city.resources.items() if r.department == name}
        lines = records.lines({n: s for n, s in new.items() if n in own}, {n: s for n, s in old.items() if n in own})
        if lines:
            found.append((name, lines[0], sum(n in new for n in own)))
    scores = sorted((line.score for _name, line, _count in found), reverse=True)
    return tuple(
        DepartmentLine(
            name=name,
            title=city.departments[name].title,
            score=line.score,
            light=line.light,
            before=line.before,
            rank=scores.index(line.score) + 1,
            tables=count,
            open=sum(o.order.department == name and o.state in _OPEN for o in orders),
            overdue=sum(o.order.department == name and _is_late(o, wish.period, records.now) for o in orders),
            is_own=name == wish.department,
        )
        for name, line, count in sorted(found, key=lambda f: (-f[1].score, f[0]))
    )


def _days(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 86_400
