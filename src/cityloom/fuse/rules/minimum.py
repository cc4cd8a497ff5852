"""The smallest value, as text is ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.fuse.negotiation import Candidate, Pick, Said, ranked, strength, strength_of
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """The smallest value by code points (dates and codes of one length); ``numeric`` compares as numbers,
    what is no number last. Of equal values the stronger department's, then the newest."""

    name: ClassVar[str] = "minimum"
    title: ClassVar[Title] = Title("取最小", "Smallest")
    standard: ClassVar[str] = "own"
    cases: ClassVar[dict[str, Any]] = {
        "options": {"numeric": True},
        "candidates": [("9", "sj", "2020-01-01"), ("10", "sw", "2010-01-01"), ("x", "rs", "")],
        "value": "9",
    }

    order: tuple[str, ...] = ()
    numeric: bool = False

    def rank(self, said: Said) -> exp.Expression:
        """Order among equal values."""
        return ranked(said, sql(":s * 1099511627776 + :at", s=strength_of(self.order, said), at=said.at))

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The smallest, by the greatest of rows (size, value, rank)."""
        number = sql("try_cast(:v AS DOUBLE)", v=value) if self.numeric else sql("CAST(0 AS DOUBLE)")
        best = sql(
            "min(CASE WHEN :r IS NOT NULL THEN row(coalesce(:n, 'inf'::DOUBLE), :v, -:r) END)", n=number, v=value, r=rank
        )
        return Pick(value=sql("struct_extract(:b, 2)", b=best), rank=sql("-struct_extract(:b, 3)", b=best))

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """The smallest, then the strongest, then the newest."""
        if not candidates:
            return None
        edge = min((_size(c.value, self.numeric), c.value) for c in candidates)[1]
        equal = [c for c in candidates if c.value == edge]
        best = max(equal, key=lambda c: (strength(self.order, c.department), c.at, c.place))
        return best.value, best


def _size(value: str, is_numeric: bool) -> float:
    if not is_numeric:
        return 0.0
    try:
        return float(value)
    except ValueError:
        return float("inf")
