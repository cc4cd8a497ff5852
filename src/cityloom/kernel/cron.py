"""The five fields of cron as moments: minute, hour, day of the month, month, day of the week.

APScheduler does the arithmetic. Days of the week count as cron counts them (0 and 7 are Sunday), which
APScheduler by itself does not. Where day of the month and day of the week are both given, both must hold.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from apscheduler.triggers.cron import CronTrigger

_FIELDS = 5
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RANGE = re.compile(r"([0-7])-([0-7])(?:/([1-7]))?", re.ASCII)
_INSTANT = timedelta(microseconds=1)


def cron(text: str, zone: tzinfo) -> CronTrigger:
    """The trigger that five fields describe.

    Raises:
        ValueError: the text is no cron expression.
    """
    found = text.split()
    if len(found) != _FIELDS:
        raise ValueError("not five fields")
    minute, hour, day, month, weekday = found
    days = ",".join(_weekdays(part) for part in weekday.lower().split(","))
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=days, timezone=zone)


def next_after(trigger: CronTrigger, moment: datetime) -> datetime | None:
    """The first moment of a trigger after ``moment``; ``None`` when there is none any more."""
    found: datetime | None = trigger.get_next_fire_time(None, moment + _INSTANT)
    return found


def _weekdays(part: str) -> str:
    """Numbers of days as APScheduler's names; ranges written out, for its week begins on Monday."""
    if part.isascii() and part.isdigit():
        return _WEEKDAYS[int(part)] if int(part) < len(_WEEKDAYS) else part
    span = _RANGE.fullmatch(part)
    if span is None:
        return part
    first, last, step = int(span[1]), int(span[2]), int(span[3] or 1)
    if last < first:
        raise ValueError("a range of days runs backwards")
    return ",".join(dict.fromkeys(_WEEKDAYS[n] for n in range(first, last + 1, step)))
