"""What of a profile may be kept and shown: figures always, values only where they name nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cityloom.model.profile import FieldProfile, TableProfile
from cityloom.model.resource import GRADES

LEAST_ROWS = 10
"""A value is shown only when at least so many rows have it."""
_OPEN = GRADES[0]
_CLOSED = GRADES[2:]


def conceal(profiled: TableProfile, grades: Mapping[str, str]) -> TableProfile:
    """The profile without values that could name a person.

    Of fields graded sensitive or core no value is kept at all (figures, lengths and forms are); of the others those
    that at least :data:`LEAST_ROWS` rows share; of public ones all. The ends of numbers stay for public and internal fields.

    Args:
        profiled: as computed.
        grades: by field; a field without one counts as internal.
    """
    fields = tuple(_field(one, grades.get(one.name, GRADES[1])) for one in profiled.fields)
    return replace(profiled, fields=fields)


def figures_of(one: FieldProfile) -> FieldProfile:
    """A field without any value."""
    return replace(one, top=(), first=None, last=None, least=None, most=None, mean=None, quantiles=(), patterns=_forms(one))


def _field(one: FieldProfile, grade: str) -> FieldProfile:
    if grade == _OPEN:
        return one
    if grade in _CLOSED:
        return figures_of(one)
    top = tuple((value, rows) for value, rows in one.top if rows >= LEAST_ROWS)
    is_ordered = one.type in ("integer", "decimal", "date", "time")
    ends = (one.first, one.last) if is_ordered else (None, None)
    return replace(one, top=top, first=ends[0], last=ends[1], patterns=_forms(one))


def _forms(one: FieldProfile) -> tuple[tuple[str, float], ...]:
    """Forms without their rare ones: punctuation and other scripts stand in them as they are."""
    return tuple((form, share) for form, share in one.patterns if share * max(one.filled, 1) >= LEAST_ROWS)
