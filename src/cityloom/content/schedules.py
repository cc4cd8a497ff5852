"""Whether the schedules of collection tasks can be kept: times that exist, and no task that waits for itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC

from cityloom.kernel.cron import cron
from cityloom.kernel.i18n import _
from cityloom.model.city import City
from cityloom.model.resource import Resource

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_DAYS = {"week": 7}
_MOST_DAYS = 31
_PLACE = ("collect", "schedule")


def complaints(value: Resource, city: City) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What is wrong with a resource's schedule: place, message and advice."""
    schedule = value.collect.schedule
    if not _TIME.fullmatch(schedule.time):
        yield (*_PLACE, "time"), _("{value} is no time of the day.").format(value=schedule.time), _("Write HH:MM, 00:00 to 23:59.")
    most = _DAYS.get(value.collect.cycle, _MOST_DAYS)
    if not 1 <= schedule.day <= most:
        text = _("{value} is no day of the cycle {cycle}.").format(value=schedule.day, cycle=value.collect.cycle)
        yield (*_PLACE, "day"), text, _("Write a number from 1 to {most}.").format(most=most)
    for name in ("retries", "wait_seconds", "timeout_seconds", "late_minutes"):
        if getattr(schedule, name) < 0:
            yield (*_PLACE, name), _("the number is below zero."), _("Write 0 for none.")
    if schedule.cron:
        yield from _cron(schedule.cron)
    circle = _circle(value, city)
    if circle:
        text = _("the task waits for itself: {circle}.").format(circle=" → ".join(circle))
        yield (*_PLACE, "after"), text, _("Take one of them out of after.")


def _cron(text: str) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    try:
        cron(text, UTC)
    except (ValueError, TypeError):
        hint = _("Write five fields: minute, hour, day of the month, month, day of the week: 30 2 * * 1-5.")
        yield (*_PLACE, "cron"), _("{value} is no cron expression.").format(value=text), hint


def _circle(value: Resource, city: City) -> list[str]:
    """The way from a task back to itself, along what it waits for; empty when there is none."""
    ways, seen = [[value.name]], {value.name}
    while ways:
        way = ways.pop()
        waiting = city.resources.get(way[-1])
        for name in waiting.collect.schedule.after if waiting else ():
            if name == value.name:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
