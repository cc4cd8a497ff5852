"""How far a log has been followed, as the position of a batch, and where a change stands, as text that sorts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLANNED, OPEN = "planned", "open"
START = "r"
"""Operation of a row of a snapshot."""
RESET = "t"
"""Operation of a row that is none: all rows of the table before it are gone (a snapshot begins, a TRUNCATE)."""


@dataclass(frozen=True, kw_only=True)
class State:
    """How far.

    Args:
        generation: of the snapshot, from 1; a later one stands for the table anew.
        phase: ``planned``: a snapshot is about to be made; ``open``: it is in the lake, and changes up to ``place``.
        place: in the log, as one number that rises.
        facts: what the connector must find as it was: server, table, columns; texts and lists of texts.
    """

    generation: int
    phase: str
    place: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """As the position of a batch."""
        content = {"generation": self.generation, "phase": self.phase, "place": f"{self.place:016X}", **self.facts}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def of(text: str) -> State:
        """The state that a position tells."""
        content: dict[str, Any] = json.loads(text)
        generation, phase, place = (content.pop(name) for name in ("generation", "phase", "place"))
        return State(generation=int(generation), phase=str(phase), place=int(place, 16), facts=content)


def position_before(generation: int, place: int) -> str:
    """What sorts behind the ``_position`` of all changes before a place of the log, and before all others."""
    return f"{generation:04d}-{place:016X}-"


def newest(done: Mapping[str, str]) -> tuple[str, State] | None:
    """Of the positions by origin the one of the latest generation, with its origin."""
    found = [(origin, State.of(text)) for origin, text in done.items() if text.startswith("{")]
    return max(found, key=lambda one: one[1].generation, default=None)
