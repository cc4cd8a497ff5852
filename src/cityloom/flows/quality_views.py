"""What the pages of quality show of a workspace: the overview of departments, and one resource with its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.clock import iso
from cityloom.model.department import Department
from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.model.report import Evidence, Line, Period
from cityloom.model.resource import Resource
from cityloom.model.scoring import Scoring
from cityloom.model.text import Title
from cityloom.quality.report.build import column_titles, rule_title
from cityloom.quality.report.period import earlier, local_day, month_of, period_of
from cityloom.quality.report.standing import Records, Standing
from cityloom.quality.score import rounded
from cityloom.store.quality import list_times

_MONTHS = 12
_POINTS = 24
"""Assessments that a resource's trend shows at most."""


@dataclass(frozen=True, kw_only=True)
class DepartmentRow:
    """A department with its scores by dimension, and its resources with theirs."""

    department: Department
    lines: Mapping[str, Line]
    resources: tuple[tuple[Resource, Mapping[str, Score]], ...]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The city's quality at the end of a period; ``missing`` resources that nobody has assessed yet."""

    period: Period
    phase: str
    lines: tuple[Line, ...]
    rows: tuple[DepartmentRow, ...]
    trend: tuple[tuple[str, float | None], ...]
    missing: tuple[Resource, ...]
    scoring: Scoring
    periods: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RuleView:
    """A rule of a resource in both phases."""

    title: Title
    columns: tuple[str, ...]
    result: RuleResult
    score: float
    light: str
    after: float | None


@dataclass(frozen=True, kw_only=True)
class ResourceView:
    """A resource: its newest assessments, rules, evidence and trend."""

    resource: Resource
    department: Title
    assessment: Assessment | None
    after: Assessment | None
    rules: tuple[RuleView, ...]
    evidence: tuple[Evidence, ...]
    trend: tuple[tuple[str, float | None], ...]
    scoring: Scoring


def overview(workspace: Workspace, period: str = "", phase: str = "before") -> Overview:
    """The overview of a period, this month when none is named.

    Raises:
        UserError: ``quality.period.unknown``.
    """
    city = workspace.city
    chosen = period_of(period) if period else month_of(workspace.clock.now())
    names = list(city.resources)
    with workspace.store.read() as connection:
        records = Records(city, connection, workspace.lake, iso(workspace.clock.now()))
        months = earlier(chosen, _MONTHS)
        now, before = (records.standings(p, phase, names) for p in (chosen, months[-2]))
        trend = tuple((p.name, _total(records, records.standings(p, phase, names))) for p in months[:-1])
        lines = records.lines(now, before)
        rows = tuple(_row(records, d, now, before) for d in city.departments.values())
    begun = next((i for i, (_name, score) in enumerate(trend) if score is not None), len(trend))
    trend = (*trend[min(begun, 6) :], (chosen.name, lines[0].score if lines else None))
    return Overview(
        period=chosen,
        phase=phase,
        lines=lines,
        rows=tuple(sorted((r for r in rows if r.resources), key=lambda r: r.lines["total"].score)),
        trend=trend,
        missing=tuple(r for n, r in city.resources.items() if n not in now),
        scoring=city.scoring,
        periods=tuple(p.name for p in earlier(month_of(workspace.clock.now()), _MONTHS))[::-1],
    )


def resource_view(workspace: Workspace, name: str) -> ResourceView:
    """A resource as it stands now.

    Raises:
        UserError: ``model.resource.unknown``.
    """
    city = workspace.city
    resource = city.resource(name)
    month = month_of(workspace.clock.now())
    with workspace.store.read() as connection:
        records = Records(city, connection, workspace.lake, iso(workspace.clock.now()))
        before, after = (records.standings(month, phase, [name]).get(name) for phase in ("before", "after"))
        times = list_times(connection, name, "before", _POINTS)
        days = {local_day(at): _total(records, records.standings(_until(at), "before", [name])) for at in times}
    department = city.departments.get(resource.department)
    return ResourceView(
        resource=resource,
        department=department.title if department else Title(resource.department, resource.department),
        assessment=before.assessment if before else None,
        after=after.assessment if after else None,
        rules=_rules(resource, before, after, city.scoring),
        evidence=before.evidence if before else (),
        trend=tuple(days.items()),
        scoring=city.scoring,
    )


def with_records(workspace: Workspace, found: Sequence[Assessment]) -> list[Assessment]:
    """Assessments whose scores count the evidence of the platform's records too, as reports and pages show them."""
    month = month_of(workspace.clock.now())
    with workspace.store.read() as connection:
        records = Records(workspace.city, connection, workspace.lake, iso(workspace.clock.now()))
        standings = {p: records.standings(month, p, [a.resource for a in found]) for p in {a.phase for a in found}}
    return [standings[a.phase][a.resource].assessment if a.resource in standings[a.phase] else a for a in found]


def _until(at: str) -> Period:
    """The month of a moment as far as that moment, itself included."""
    moment = datetime.fromisoformat(at)
    return Period(name=at, start=month_of(moment).start, end=iso(moment + timedelta(microseconds=1)))


def _total(records: Records, standings: Mapping[str, Standing]) -> float | None:
    lines = records.lines(standings)
    return lines[0].score if lines else None


def _row(records: Records, department: Department, now: Mapping[str, Standing], before: Mapping[str, Standing]) -> DepartmentRow:
    own = {n: r for n, r in records.city.resources.items() if r.department == department.name and n in now}
    lines = records.lines({n: now[n] for n in own}, {n: s for n, s in before.items() if n in own})
    scores = [(r, {s.dimension: s for s in now[n].assessment.scores}) for n, r in own.items()]
    return DepartmentRow(
        department=department,
        lines={line.name: line for line in lines},
        resources=tuple(sorted(scores, key=lambda pair: pair[1]["total"].score)),
    )


def _rules(resource: Resource, before: Standing | None, after: Standing | None, scoring: Scoring) -> tuple[RuleView, ...]:
    """Rules, the worst first, with their score after standardising."""
    first, then = before or after, after
    if first is None:
        return ()
    later = {r.rule: rounded(r.score) for r in then.assessment.results} if then else {}
    found: Sequence[RuleView] = [
        RuleView(
            title=rule_title(r, resource),
            columns=tuple(str(t) for t in column_titles(r, resource)),
            result=r,
            score=rounded(r.score),
            light=scoring.light(rounded(r.score)),
            after=later.get(r.rule),
        )
        for r in first.assessment.results
    ]
    return tuple(sorted(found, key=lambda v: (v.score, -v.result.broken, v.result.rule)))
