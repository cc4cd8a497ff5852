"""When a collection task is due: the arithmetic of cycles, in China's time, without any record or clock."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cityloom.kernel.cron import cron, next_after
from cityloom.kernel.workdays import CHINA, WorkCalendar
from cityloom.model.source import CollectionTask, Schedule

_FORMS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_LOOKED_AT = 10_000
"""So many moments are looked at before we say that there is none: hours of more than a year."""


@dataclass(frozen=True, order=True)
class Due:
    """A moment (UTC) at which a task is due, the name of its period, and when the period began (UTC)."""

    at: datetime
    period: str
    began: datetime


def next_due(task: CollectionTask, after: datetime, workdays: WorkCalendar) -> Due | None:
    """The first time a task is due after a moment; ``None`` for one that waits to be started or never ends."""
    if task.schedule.cron:
        return _next_cron(task.schedule, after, workdays)
    if task.cycle in ("manual", "continuous"):
        return None
    found: Due | None = None
    for due in _dues(task, after, workdays):
        if found is not None and due.at > found.at:
            break
        if due.at > after:
            found = due  # of two periods that holidays move to one moment, the newer one
    return found


def dues_between(task: CollectionTask, after: datetime, until: datetime, workdays: WorkCalendar) -> list[Due]:
    """All times a task is due after a moment and up to another, oldest first; of very many the newest."""
    found: list[Due] = []
    due = next_due(task, after, workdays)
    while due is not None and due.at <= until:
        found = [*found[-_LOOKED_AT:], due]
        due = next_due(task, due.at, workdays)
    return found


def _next_cron(schedule: Schedule, after: datetime, workdays: WorkCalendar) -> Due | None:
    trigger = cron(schedule.cron, CHINA)
    moment = next_after(trigger, after)
    for _ in range(_LOOKED_AT):
        if moment is None:
            return None
        if not schedule.workdays or workdays.is_workday(moment.astimezone(CHINA).date()):
            at = moment.astimezone(UTC)
            return Due(at, moment.astimezone(CHINA).strftime("%Y-%m-%dT%H:%M"), at)
        moment = next_after(trigger, moment)
    return None


def _dues(task: CollectionTask, after: datetime, workdays: WorkCalendar) -> Iterator[Due]:
    """Rising, from before ``after``: two periods back, for a workday may lie beyond the end of its period."""
    cycle, schedule = task.cycle, task.schedule
    start = _start(cycle, after.astimezone(CHINA))
    for _ in range(2):
        start = _start(cycle, start - timedelta(hours=1))
    for _ in range(_LOOKED_AT):
        at = _at(cycle, start, schedule)
        is_worked = not schedule.workdays or workdays.is_workday(at.date())
        if is_worked or cycle not in ("day", "hour"):
            at = at if is_worked else _later(at, workdays)
            yield Due(at.astimezone(UTC), name_of(cycle, start), start.astimezone(UTC))
        start = _next(cycle, start)


def _at(cycle: str, start: datetime, schedule: Schedule) -> datetime:
    """Day and time of a task in the period that starts at ``start``; a day that a month lacks is its last."""
    of_day = time.fromisoformat(schedule.time)
    if cycle == "hour":
        return start + timedelta(minutes=of_day.minute)
    if cycle == "week":
        start += timedelta(days=schedule.day - 1)
    elif cycle in _MONTHS:
        start = start.replace(day=min(schedule.day, calendar.monthrange(start.year, start.month)[1]))
    return start.replace(hour=of_day.hour, minute=of_day.minute)


def _later(at: datetime, workdays: WorkCalendar) -> datetime:
    while not workdays.is_workday(at.date()):
        at += timedelta(days=1)
    return at


def period_of(cycle: str, moment: datetime) -> tuple[str, datetime]:
    """Name and start (UTC) of the period of a cycle that a moment lies in."""
    start = _start(cycle, moment.astimezone(CHINA))
    return name_of(cycle, start), start.astimezone(UTC)


def name_of(cycle: str, start: datetime) -> str:
    """Name of the period that starts then: ``2026-01-05``, ``2026-W02``, ``2026-01``, ``2026-Q1``, ``2026``."""
    if cycle == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    return start.strftime(_FORMS[cycle])


def _start(cycle: str, moment: datetime) -> datetime:
    if cycle == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.date()
    if cycle == "week":
        day -= timedelta(days=day.weekday())
    elif cycle in _MONTHS:
        months = _MONTHS[cycle]
        day = date(day.year, (day.month - 1) // months * months + 1, 1)
    return datetime.combine(day, time(), CHINA)


def _next(cycle: str, start: datetime) -> datetime:
    if cycle in _MONTHS:
        months = start.month - 1 + _MONTHS[cycle]
        return start.replace(year=start.year + months // 12, month=months % 12 + 1)
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[cycle]
