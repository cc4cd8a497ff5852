"""By the order of departments; of one department's values the newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.fuse.negotiation import Candidate, Pick, Said, greatest, ranked, strength, strength_of
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Priority:
    """一数一源: the word of the strongest department; ``order`` from strongest to weakest."""

    name: ClassVar[str] = "priority"
    title: ClassVar[Title] = Title("按部门优先级", "By order of departments")
    standard: ClassVar[str] = "own"
    cases: ClassVar[dict[str, Any]] = {
        "options": {"order": ("ga", "rs")},
        "candidates": [("A", "ga", "2020-01-01"), ("B", "rs", "2024-01-01")],
        "value": "A",
    }

    order: tuple[str, ...] = ()

    def rank(self, said: Said) -> exp.Expression:
        """Strength first, then time."""
        return ranked(said, sql(":s * 1099511627776 + :at", s=strength_of(self.order, said), at=said.at))

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The value of the highest rank."""
        return greatest(value, rank)

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """The strongest, then the newest."""
        best = max(candidates, key=lambda c: (strength(self.order, c.department), c.at, c.place), default=None)
        return (best.value, best) if best else None
