"""The value that most rows say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.fuse.negotiation import Candidate, Pick, Said, ranked, strength, strength_of
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Majority:
    """The value with most votes, one a row; at a tie that of the stronger department, then the newest."""

    name: ClassVar[str] = "majority"
    title: ClassVar[Title] = Title("少数服从多数", "Majority")
    standard: ClassVar[str] = "own"
    cases: ClassVar[dict[str, Any]] = {
        "options": {"order": ("ga",)},
        "candidates": [("A", "ga", "2020-01-01"), ("B", "rs", "2010-01-01"), ("B", "wj", "")],
        "value": "B",
    }

    order: tuple[str, ...] = ()

    def rank(self, said: Said) -> exp.Expression:
        """Order at a tie."""
        return ranked(said, sql(":s * 1099511627776 + :at", s=strength_of(self.order, said), at=said.at))

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The greatest of (votes, best rank, value) over the distinct values of the list of candidates."""
        votes = sql("list(struct_pack(v := :v, r := :r)) FILTER (:r IS NOT NULL)", v=value, r=rank)
        best = sql(
            """list_max(list_transform(:l, x -> row(
                length(list_filter(:l, y -> y.v = x.v)), list_max(list_transform(list_filter(:l, y -> y.v = x.v), y -> y.r)), x.v)))""",
            l=votes,
        )
        return Pick(value=sql("struct_extract(:b, 3)", b=best), rank=sql("struct_extract(:b, 2)", b=best))

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """Votes, then strength, then time."""
        votes = Counter(c.value for c in candidates)
        best = max(
            candidates,
            key=lambda c: (votes[c.value], strength(self.order, c.department), c.at, c.place),
            default=None,
        )
        return (best.value, best) if best else None
