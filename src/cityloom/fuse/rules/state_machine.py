"""The state after the newest event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.fuse.negotiation import Candidate, Pick, Said, greatest, ranked, strength, strength_of
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class StateMachine:
    """Candidates are events; ``events`` maps an event's code to the state it leads to, other codes lead
    nowhere. The newest event decides, however many came before."""

    name: ClassVar[str] = "state_machine"
    title: ClassVar[Title] = Title("状态机", "State machine")
    standard: ClassVar[str] = "own"
    cases: ClassVar[dict[str, Any]] = {
        "options": {"events": {"1": "20", "2": "40"}},
        "candidates": [("1", "mz", "2010-01-01"), ("2", "mz", "2015-01-01"), ("9", "mz", "2020-01-01")],
        "value": "40",
    }

    order: tuple[str, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)

    def rank(self, said: Said) -> exp.Expression:
        """Time first, then strength; NULL for an event that leads nowhere."""
        order = sql(":at * 128 + :s", at=said.at, s=strength_of(self.order, said))
        known = exp.In(this=said.value.copy(), expressions=[exp.convert(e) for e in self.events])
        return exp.Case().when(known, ranked(said, order)) if self.events else sql("CAST(NULL AS HUGEINT)")

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The state of the highest rank's event."""
        newest = greatest(value, rank)
        state = exp.Case()
        for event, to in self.events.items():
            state = state.when(sql(":v = :e", v=newest.value, e=event), exp.convert(to))
        return Pick(value=state if self.events else sql("CAST(NULL AS VARCHAR)"), rank=newest.rank)

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """The state after the newest known event."""
        known = [c for c in candidates if c.value in self.events]
        best = max(known, key=lambda c: (c.at, strength(self.order, c.department), c.place), default=None)
        return (self.events[best.value], best) if best else None
