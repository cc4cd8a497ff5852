"""考核: how departments were scored, with the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of a whole with what it was counted from: ``records`` are ids or names that anyone may look up."""

    part: float
    whole: float
    records: tuple[str, ...] = ()
    counts: Mapping[str, int | float] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """0 to 1; nothing when there is nothing to count, that is where the measure does not apply."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, kw_only=True)
class IndicatorScore:
    """What a department reached in one indicator.

    ``score`` is 0 to 1, or nothing where it does not apply; ``points`` what it adds to the total after the
    weights of indicators that do not apply went to the others.
    """

    indicator: str
    department: str
    score: float | None
    weight: float
    points: float
    evidence: Share


@dataclass(frozen=True, kw_only=True)
class DepartmentScore:
    """A department's total and place (1 is best); without place where nothing applies to it."""

    index: str
    at: str
    department: str
    points: float | None
    rank: int | None
    indicators: tuple[IndicatorScore, ...] = ()
