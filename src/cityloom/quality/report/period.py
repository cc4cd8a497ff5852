"""Months, quarters and years of the city's calendar."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.model.report import Period

_LOCAL = timedelta(hours=8)
"""The city's day begins eight hours before UTC's."""
_FORM = re.compile(r"(?P<year>[12][0-9]{3})(-(?P<month>0[1-9]|1[0-2])|-?[Qq](?P<quarter>[1-4]))?")


def period_of(name: str) -> Period:
    """A period by its name: ``2026-11``, ``2026-Q4``, ``2026``.

    Raises:
        UserError: ``quality.period.unknown``.
    """
    found = _FORM.fullmatch(name.strip())
    if found is None:
        raise UserError(
            "quality.period.unknown",
            "{period} is no period.",
            hint="Name a month as 2026-11, a quarter as 2026-Q4 or a year as 2026.",
            period=name[:20],
        )
    year = int(found["year"])
    if found["month"]:
        return _period(year, int(found["month"]), 1)
    if found["quarter"]:
        return _period(year, 3 * int(found["quarter"]) - 2, 3)
    return _period(year, 1, 12)


def month_of(moment: datetime) -> Period:
    """The month that a moment lies in."""
    day = (moment.astimezone(UTC) + _LOCAL).date()
    return _period(day.year, day.month, 1)


def earlier(period: Period, count: int) -> list[Period]:
    """The periods of the same length before this one and this one itself, oldest first: ``count`` in all."""
    day = _local(period.start)
    end = _local(period.end)
    months = (end.year - day.year) * 12 + end.month - day.month
    found = [period]
    while len(found) < count and day.year > 1000:
        number = day.year * 12 + day.month - 1 - months
        day = date(number // 12, number % 12 + 1, 1)
        found.append(_period(day.year, day.month, months))
    return found[::-1]


def local_day(moment: str) -> str:
    """The city's day of a UTC moment."""
    return (datetime.fromisoformat(moment) + _LOCAL).date().isoformat()


def local_minute(moment: str) -> str:
    """The city's day and minute of a UTC moment."""
    return (datetime.fromisoformat(moment) + _LOCAL).strftime("%Y-%m-%d %H:%M")


def _period(year: int, month: int, months: int) -> Period:
    after = year * 12 + month - 1 + months
    name = {1: f"{year}-{month:02}", 3: f"{year}-Q{(month + 2) // 3}", 12: str(year)}[months]
    return Period(name=name, start=_utc(year, month), end=_utc(after // 12, after % 12 + 1))


def _utc(year: int, month: int) -> str:
    return iso(datetime(year, month, 1, tzinfo=UTC) - _LOCAL)


def _local(moment: str) -> date:
    return (datetime.fromisoformat(moment) + _LOCAL).date()
