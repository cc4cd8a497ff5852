"""The newest value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.fuse.negotiation import Candidate, Pick, Said, greatest, ranked, strength, strength_of
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class MostRecent:
    """The newest value; of values of one time that of the stronger department. Departments in ``fallback``
    are heard only when no other has spoken (an address of registration among addresses of living)."""

    name: ClassVar[str] = "most_recent"
    title: ClassVar[Title] = Title("取最新", "Most recent")
    standard: ClassVar[str] = "own"
    cases: ClassVar[dict[str, Any]] = {
        "options": {"fallback": ("ga",)},
        "candidates": [("A", "rs", "2020-01-01"), ("B", "wj", "2024-01-01"), ("C", "ga", "2025-01-01")],
        "value": "B",
    }

    order: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()

    def rank(self, said: Said) -> exp.Expression:
        """Time first, then strength; what is only a fallback below all."""
        late = [exp.convert(n) for n, d in enumerate(said.departments) if d in self.fallback]
        spoken = exp.In(this=said.department.copy(), expressions=late)
        voice = sql("CASE WHEN :late THEN 0 ELSE 1 END", late=spoken) if late else sql("1")
        order = sql(
            ":voice * 140737488355328 + :at * 128 + :s", voice=voice, at=said.at, s=strength_of(self.order, said)
        )
        return ranked(said, order)

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The value of the highest rank."""
        return greatest(value, rank)

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """The newest among those who are no fallback, or else among those who are."""
        best = max(
            candidates,
            key=lambda c: (c.department not in self.fallback, c.at, strength(self.order, c.department), c.place),
            default=None,
        )
        return (best.value, best) if best else None
