"""Timeliness and accessibility by the platform's own records: did data come when due, could it be fetched, can it be found.

Rules on rows cannot see what is not there. So for each resource three things are counted in a period: the cycles in
which data came, the attempts to collect that took it in, and whether the catalog publishes it bound to its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from cityloom.model.batch import Batch
from cityloom.model.report import Evidence, Period
from cityloom.model.resource import Resource
from cityloom.quality.report.period import local_day

_GOOD = ("landed", "reconciled", "superseded")
_WIDTHS = {"continuous": 1, "hour": 1, "day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def evidence_of(
    resource: Resource, batches: Sequence[Batch], period: Period, now: str, *, is_mounted: bool
) -> tuple[Evidence, ...]:
    """What the records say of a resource in a period, up to now.

    Args:
        resource: of which.
        batches: all of its batches.
        period: from when to when.
        now: UTC; what is not over yet does not count.
        is_mounted: whether the catalog publishes it bound to a table that exists.
    """
    end = min(period.end, now)
    ended = [b for b in batches if b.state in (*_GOOD, "failed") and period.start <= (b.ended_at or b.started_at) < end]
    good, whole = _on_time(resource, batches, period.start, end)
    found = [
        _of(resource, "on_time", "timeliness", good, whole),
        _of(resource, "reached", "accessibility", sum(b.state in _GOOD for b in ended), len(ended)),
        _of(resource, "mounted", "accessibility", int(is_mounted), 1),
    ]
    return tuple(one for one in found if one.whole)


def _of(resource: Resource, name: str, dimension: str, good: int, whole: int) -> Evidence:
    return Evidence(resource=resource.name, name=name, dimension=dimension, good=good, whole=whole)


def _on_time(resource: Resource, batches: Sequence[Batch], start: str, end: str) -> tuple[int, int]:
    """Cycles that are over, since the first batch, and those of them in which data came."""
    days = sorted({date.fromisoformat(local_day(b.ended_at or b.started_at)) for b in batches if b.state in _GOOD})
    if not days or end <= start:
        return 0, 0
    first = max(days[0], date.fromisoformat(local_day(start)))
    last = date.fromisoformat(local_day(end))
    good = whole = 0
    for begin, after in _cycles(resource.cycle, first, last):
        whole += 1
        good += any(begin <= day < after for day in days)
    return good, whole


def _cycles(cycle: str, first: date, last: date) -> list[tuple[date, date]]:
    """Whole cycles between two days: from the one that the first day lies in."""
    found = []
    at = _begin(cycle, first)
    while (after := _after(cycle, at)) <= last:
        found.append((at, after))
        at = after
    return found


def _begin(cycle: str, day: date) -> date:
    if cycle in _MONTHS:
        return date(day.year, (day.month - 1) // _MONTHS[cycle] * _MONTHS[cycle] + 1, 1)
    return day - timedelta(days=day.weekday()) if cycle == "week" else day


def _after(cycle: str, day: date) -> date:
    if cycle in _MONTHS:
        number = day.year * 12 + day.month - 1 + _MONTHS[cycle]
        return date(number // 12, number % 12 + 1, 1)
    return day + timedelta(days=_WIDTHS.get(cycle, 1))

