"""How a city turns shares of kept rules into lights: declared once, used for rules, tables, departments, the city."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cityloom.model.text import STRICT


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """评分口径: from ``green`` on a score is green, from ``yellow`` on yellow, below it red (scores from 0 to 1).

    ``weights`` are the weights of dimensions in the total, 1 where none is given; a weight of 0 leaves a dimension out
    of the total. Importance of resources and items stands with them.
    """

    __pydantic_config__ = STRICT

    green: float = 0.95
    yellow: float = 0.85
    weights: Mapping[str, float] = field(default_factory=dict)

    def light(self, score: float) -> str:
        """``green``, ``yellow`` or ``red``."""
        return "green" if score >= self.green else "yellow" if score >= self.yellow else "red"

    def weight(self, dimension: str) -> float:
        """Weight of a dimension in the total."""
        return float(self.weights.get(dimension, 1.0))


USUAL = Scoring()
"""What counts where a city declares nothing."""
