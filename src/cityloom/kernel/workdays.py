"""Deadlines in working days, in China's time (UTC+8).

Which days are holidays, and which weekends are worked instead, the State Council announces each year. For a
year that the library does not know yet, Monday to Friday are taken as worked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

import chinese_calendar

_SATURDAY = 5
CHINA = timezone(timedelta(hours=8))


class WorkCalendar(Protocol):
    """Tells working days from others."""

    def is_workday(self, day: date) -> bool:
        """Whether people are at work on that day."""
        ...


class ChineseCalendar:
    """The State Council's calendar as the library ``chinese_calendar`` has it; weekends only in unknown years."""

    def is_workday(self, day: date) -> bool:
        """Whether the day is worked, holidays and weekends worked in their place considered."""
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:
            return day.weekday() < _SATURDAY


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
