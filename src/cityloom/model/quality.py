"""What an assessment found: rules with their counts, scores with their light."""

from __future__ import annotations

from dataclasses import dataclass

LIGHTS = ("green", "yellow", "red")
PHASES = ("before", "after")
"""Before standardising (the raw rows) and after it (the current rows of the standard layer)."""


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """How one rule fared on one table: rows it applies to, rows that break it.

    ``rule`` is the rule's name within the resource (``citizen_id.coding_rule``), ``columns`` the items it
    looks at; ``score`` is ``1 - broken / checked``, 1 where nothing was to be checked.
    """

    rule: str
    plugin: str
    dimension: str
    columns: tuple[str, ...]
    weight: float
    severity: str
    checked: int
    broken: int
    score: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score from 0 to 1 with its light; ``dimension`` is ``total`` for all together."""

    dimension: str
    score: float
    light: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """One assessment of a resource in a phase, of one version of its table."""

    resource: str
    phase: str
    table: str
    version: int
    rows: int
    at: str
    results: tuple[RuleResult, ...]
    scores: tuple[Score, ...]

    @property
    def total(self) -> Score:
        """The score of all dimensions together."""
        return next(s for s in self.scores if s.dimension == "total")
