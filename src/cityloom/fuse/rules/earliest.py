"""The oldest value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.fuse.negotiation import (
    AT_LIMIT,
    Candidate,
    Pick,
    Said,
    greatest,
    ranked,
    strength,
    strength_of,
)
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Earliest:
    """The oldest dated value (a first registration); undated values only when there is no other."""

    name: ClassVar[str] = "earliest"
    title: ClassVar[Title] = Title("取最早", "Earliest")
    standard: ClassVar[str] = "own"
    cases: ClassVar[dict[str, Any]] = {
        "options": {},
        "candidates": [("A", "sj", "2020-01-01"), ("B", "sw", "2010-01-01"), ("C", "rs", "")],
        "value": "B",
    }

    order: tuple[str, ...] = ()

    def rank(self, said: Said) -> exp.Expression:
        """Time backwards, then strength; undated last."""
        back = sql("CASE WHEN :at = 0 THEN 0 ELSE :limit - :at END", at=said.at, limit=AT_LIMIT - 1)
        return ranked(said, sql(":back * 128 + :s", back=back, s=strength_of(self.order, said)))

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The value of the highest rank."""
        return greatest(value, rank)

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """The oldest, then the strongest."""
        best = max(
            candidates,
            key=lambda c: (AT_LIMIT - 1 - c.at if c.at else 0, strength(self.order, c.department), c.place),
            default=None,
        )
        return (best.value, best) if best else None
