"""From counts to scores and lights: of a rule, a dimension, a resource, a department, the city. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.model.standard import DIMENSIONS

GREEN, YELLOW = 0.95, 0.85
"""From these scores on a light is green, or yellow; below it is red."""
DIMENSION_WEIGHTS: Mapping[str, float] = dict.fromkeys(DIMENSIONS, 1.0)


def rule_score(checked: int, broken: int) -> float:
    """Share of the checked rows that keep a rule; 1 where there was nothing to check."""
    return 1.0 if checked == 0 else 1.0 - broken / checked


def light(score: float) -> str:
    """``green``, ``yellow`` or ``red``."""
    return "green" if score >= GREEN else "yellow" if score >= YELLOW else "red"


def mean(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Weighted mean of (score, weight) and the sum of the weights; 1 with weight 0 where there are none."""
    pairs = [(score, weight) for score, weight in parts if weight > 0]
    total = sum(weight for _, weight in pairs)
    return (sum(score * weight for score, weight in pairs) / total if total else 1.0), total


def scores_of(
    results: Sequence[RuleResult], weights: Mapping[str, float] = DIMENSION_WEIGHTS
) -> tuple[Score, ...]:
    """Scores of the dimensions that have rules, by the rules' weights, and of all by the dimensions' weights."""
    found = []
    for dimension in DIMENSIONS:
        part = [r for r in results if r.dimension == dimension]
        if part:
            score, _ = mean((r.score, r.weight) for r in part)
            found.append(_score(dimension, score, weights.get(dimension, 1.0)))
    total, weight = mean((s.score, s.weight) for s in found)
    return (*found, _score("total", total, weight))


def combine(assessments: Iterable[Assessment], importance: Mapping[str, float] | None = None) -> tuple[Score, ...]:
    """Scores of several resources together (a department, the city).

    Args:
        assessments: one for each resource.
        importance: weight of a resource by name, 1 where it is not given.
    """
    chosen = list(assessments)
    parts: dict[str, list[tuple[float, float]]] = {}
    for one in chosen:
        for score in one.scores:
            parts.setdefault(score.dimension, []).append((score.score, (importance or {}).get(one.resource, 1.0)))
    order = (*DIMENSIONS, "total")
    return tuple(_score(name, *mean(parts[name])) for name in order if name in parts)


def _score(dimension: str, score: float, weight: float) -> Score:
    return Score(dimension=dimension, score=round(score, 6), light=light(score), weight=weight)
