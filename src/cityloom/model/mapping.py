"""Which data element a raw column is: what is suggested, and what a steward decided."""

from __future__ import annotations

from dataclasses import dataclass, field

CONFIRMED = "confirmed"
REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A data element for a raw column. ``confidence`` from 0 to 1; ``reasons`` in words, strongest first, no values."""

    column: str
    element: str
    confidence: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MappingDecision:
    """What a steward said of a raw column: that it is an element (``confirmed``) or is not (``rejected``).

    ``kind`` is the kind of its values at that time (see :mod:`cityloom.standard.suggest.values`): a column of the same
    name whose values are of another kind learns less from it.
    """

    department: str
    resource: str
    column: str
    element: str
    verdict: str
    actor: str
    at: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class ColumnSample:
    """Some values of a raw column, blank ones left out, and how many there are altogether in what was read."""

    column: str
    values: tuple[str, ...] = field(default=(), repr=False)
