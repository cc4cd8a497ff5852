"""Deadlines in working days, in China's time (UTC+8).

Which days are holidays, and which weekends are worked instead, the State Council announces each year; that
calendar comes in through :class:`WorkCalendar`. The one that is here knows weekends only.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8))


class WorkCalendar(Protocol):
    """Tells working days from others."""

    def is_workday(self, day: date) -> bool:
        """Whether people are at work on that day."""
        ...


class Weekends:
    """Monday to Friday are worked: neither public holidays nor weekends worked in their place are known."""

    def is_workday(self, day: date) -> bool:
        """Whether the day is one of Monday to Friday."""
        return day.weekday() < 5


def deadline(start: datetime, days: int, calendar: WorkCalendar) -> datetime:
    """The end (midnight, UTC) of the n-th working day after the day of ``start``."""
    day = start.astimezone(CHINA).date()
    while days > 0:
        day += timedelta(days=1)
        days -= calendar.is_workday(day)
    return datetime.combine(day + timedelta(days=1), time(), CHINA).astimezone(UTC)


def local_day(moment: datetime) -> str:
    """The day in China of a moment, ``2026-11-21``: what a daily quota counts."""
    return moment.astimezone(CHINA).date().isoformat()
