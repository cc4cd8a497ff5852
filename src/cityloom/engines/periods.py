"""Lists whose answer depends on a day: which code counts in a row of that day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, lookup, shared

_DAY = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[T ][0-9:.+Z-]*)?"
_WIDTH = 10
Periods = Mapping[str, Sequence[tuple[str, str, str]]]
"""Text -> periods in order: from a day, to another one (not in it), what the text stands for."""


def day_sql(text: exp.Expression) -> exp.Expression:
    """The day (``yyyy-mm-dd``) with which a date or a time begins; NULL where there is none. Shared."""
    return shared(sql("CASE WHEN :good THEN substr(:x, 1, 10) END", good=full_match(text, _DAY), x=text))


def day_of(text: str | None) -> str | None:
    """The meaning of :func:`day_sql`."""
    return text[:_WIDTH] if text is not None and re.fullmatch(_DAY, text) else None


def on_day_sql(text: exp.Expression, day: exp.Expression, periods: Periods) -> exp.Expression:
    """What a text stands for on a day; NULL where it stands for nothing then, or there is no day.

    A text's periods are laid behind each other in one text of even parts: one look-up, then comparisons.
    """
    width = max((len(one) for some in periods.values() for _, _, one in some), default=0)
    packed = {key: "".join(f"{first}{last}{one:<{width}}" for first, last, one in some) for key, some in periods.items()}
    held = shared(lookup(text, packed))
    part = 2 * _WIDTH + width
    found = sql("CAST(NULL AS VARCHAR)")
    for at in range(max((len(some) for some in periods.values()), default=0) - 1, -1, -1):
        found = sql(
            "CASE WHEN :day >= substr(:p, :first, 10) AND :day < substr(:p, :last, 10) THEN rtrim(substr(:p, :code, :width), ' ')"
            " ELSE :other END",
            day=day,
            p=held,
            first=at * part + 1,
            last=at * part + 11,
            code=at * part + 21,
            width=width,
            other=found,
        )
    return found


def on_day(text: str | None, day: str | None, periods: Periods) -> str | None:
    """The meaning of :func:`on_day_sql`."""
    if text is None or day is None:
        return None
    return next((one for first, last, one in periods.get(text, ()) if first <= day < last), None)
