"""A line with a quote too many, read as if that quote were text."""

from __future__ import annotations

from cityloom.collect.delimited.dialect import BrokenError, Dialect, OpenError

_STAND_IN = "\ue000"
_MOST = 64


def repaired(text: str, dialect: Dialect, width: int) -> list[str] | None:
    """The values of a line in which one quote that opens a value is text; None unless exactly one reading fits.

    Args:
        text: the line.
        dialect: as of the file.
        width: so many values a reading must give.
    """
    quote = dialect.quote
    if not quote or _STAND_IN in text or text.count(quote) > _MOST:
        return None
    found: set[tuple[str, ...]] = set()
    for at in _openings(text, dialect):
        is_double = text.startswith(quote, at + len(quote))
        kept = quote if is_double else ""
        changed = text[:at] + kept + _STAND_IN + text[at + len(quote) + len(kept) :]
        try:
            values = dialect.split(changed)
        except (OpenError, BrokenError):
            continue
        if len(values) == width:
            found.add(tuple(value.replace(_STAND_IN, quote) for value in values))
    return list(found.pop()) if len(found) == 1 else None


def _openings(text: str, dialect: Dialect) -> list[int]:
    """Where a quote stands at the begin of a value."""
    places = [0] if text.startswith(dialect.quote) else []
    edge = dialect.delimiter + dialect.quote
    at = text.find(edge)
    while dialect.delimiter and at >= 0:
        places.append(at + len(dialect.delimiter))
        at = text.find(edge, at + 1)
    return places
