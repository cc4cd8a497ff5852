"""What belongs to a span of days, so that it can be taken in again: files by the date in their names, or what a
source says by itself (``Periodic``).

In a pattern ``{date}`` stands for a day as ``20260131``; ``{date:%Y-%m}`` for another form, here a whole month.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from cityloom.collect.base import Connector, Periodic, Slice
from cityloom.kernel.errors import ConfigError

_PLACE = re.compile(r"\{date(?::([^{}]*))?\}")
_DIGITS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%j": 3}
_SPECIAL = re.compile(r"([*?\[])")
_SPAN = re.compile(r"@(\d{4}-\d\d-\d\d)/(\d{4}-\d\d-\d\d)", re.ASCII)
_DECEMBER = 12


@dataclass(frozen=True)
class Span:
    """Days from ``start`` up to and not including ``end``."""

    start: date
    end: date

    def origin(self, of: str) -> str:
        """What a slice of this span is called: ``visit@2026-01-01/2026-02-01``."""
        return f"{of}@{self.start}/{self.end}"

    def months(self) -> Iterator[Span]:
        """The span cut where months begin."""
        start = self.start
        while start < self.end:
            end = min(_next_month(start), self.end)
            yield Span(start, end)
            start = end


@runtime_checkable
class Patterned(Protocol):
    """A connector of files."""

    @property
    def pattern(self) -> str:
        """Which files."""
        ...


def is_span(origin: str) -> bool:
    """Whether a slice was asked for by its span of days."""
    return span_of(origin) is not None


def span_of(origin: str) -> Span | None:
    """The span of days that a slice was asked for by; ``None`` for other slices."""
    found = _SPAN.search(origin)
    try:
        return Span(date.fromisoformat(found[1]), date.fromisoformat(found[2])) if found else None
    except ValueError:
        return None


def slices_between(connector: Connector, span: Span, resource: str) -> Iterator[Slice]:
    """The slices of a span of days.

    Raises:
        ConfigError: ``collect.period.unsupported``.
    """
    if isinstance(connector, Periodic):
        return connector.between(span.start, span.end)
    if isinstance(connector, Patterned) and _PLACE.search(connector.pattern):
        return _dated(connector, connector.pattern, span)
    raise ConfigError(
        "collect.period.unsupported",
        "{resource}: {connector} cannot tell what belongs to a span of days.",
        hint="Write the date in the pattern of files, pattern: hukou_{{date}}.csv; for an interface set the option days.",
        resource=resource,
        connector=connector.name,
    )


def no_days(place: str, marker: str) -> ConfigError:
    """The error for a table whose marker tells no days."""
    return ConfigError(
        "collect.period.marker",
        "{place}: the marker {marker} is no date or time, so that nothing tells what belongs to a span of days.",
        hint="Set the option marker to a column that holds dates or times.",
        place=place,
        marker=marker or "-",
    )


def is_by_date(connector: Connector) -> bool:
    """Whether a span gives the same slices as a usual run does, only fewer of them."""
    return not isinstance(connector, Periodic)


def glob_of(pattern: str) -> str:
    """The pattern with digits in the place of the date.

    Raises:
        ConfigError: ``collect.pattern.date`` for a form of date that cannot be read back.
    """
    return _PLACE.sub(lambda found: _glob(_form(found, pattern)), pattern)


def days_of(pattern: str, origin: str) -> Span | None:
    """The days that a file's name tells of; ``None`` where it holds no such date."""
    place = _PLACE.search(pattern)
    if place is None:
        return None
    form = _form(place, pattern)
    outer = pattern.partition("!")[0]
    text = _regex(outer[: place.start()]) + f"({_digits(form)})" + _regex(outer[place.end() :])
    found = re.fullmatch(text, origin.partition("!")[0], re.DOTALL)
    try:
        start = datetime.strptime(found[1], form).date() if found else None  # noqa: DTZ007 - a day, no moment
    except ValueError:
        return None
    return None if start is None else Span(start, _end(start, form))


def _dated(connector: Connector, pattern: str, span: Span) -> Iterator[Slice]:
    for piece in connector.slices({}):
        days = days_of(pattern, piece.origin)
        if days is not None and days.start < span.end and span.start < days.end:
            yield piece


def _form(place: re.Match[str], pattern: str) -> str:
    form = place[1] or "%Y%m%d"
    codes = re.findall("%.", form)
    if "%Y" not in codes or any(code not in _DIGITS for code in codes) or len(set(codes)) != len(codes):
        raise ConfigError(
            "collect.pattern.date",
            "The pattern {pattern} holds no form of date that can be read back.",
            hint="Of %Y, %m, %d, %H, %j a form has %Y at least, and each once: {{date:%Y-%m-%d}}.",
            pattern=pattern,
        )
    return form


def _glob(form: str) -> str:
    plain = _SPECIAL.sub(r"[\1]", form)
    return re.sub("%.", lambda code: "[0-9]" * _DIGITS[code[0]], plain)


def _digits(form: str) -> str:
    parts = re.split("(%.)", form)
    return "".join(rf"[0-9]{{{_DIGITS[p]}}}" if p in _DIGITS else re.escape(p) for p in parts)


def _regex(glob: str) -> str:
    """A part of a pattern; ``**/`` may stand for no folder at all."""
    parts = [fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z") for part in glob.split("**/")]
    return "(?:.*/)?".join(parts)


def _end(start: date, form: str) -> date:
    if "%d" in form or "%j" in form:
        return start + timedelta(days=1)
    return _next_month(start) if "%m" in form else date(start.year + 1, 1, 1)


def _next_month(day: date) -> date:
    return date(day.year + day.month // _DECEMBER, day.month % _DECEMBER + 1, 1)
