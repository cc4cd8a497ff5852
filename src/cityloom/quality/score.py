"""From counts to scores and lights: of a rule, a dimension, a resource, a department, the city. Pure.

The formula (GB/T 36344-2018, where a rule's score is the share of rows that keep it)::

    rule        1 - broken / checked                                  1 where nothing was to be checked
    dimension   sum(rule · weight) / sum(weight)                      weight = the rule's × the importance of its item
    table       sum(dimension · weight) / sum(weight)                 weights of dimensions as the city declares them
    department  of each dimension and of the total: sum(table · importance) / sum(importance)
    city        the same over all tables

A dimension without a rule has no score and no part in the total. Scores are rounded in one place, :func:`rounded`, before
a light is chosen: what is printed as 95.00 is green where green begins at 95.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.model.resource import Resource
from cityloom.model.scoring import USUAL, Scoring
from cityloom.model.standard import DIMENSIONS

_STEP = Decimal("0.0001")


def rounded(score: float) -> float:
    """A score to four places, halves up; only what is whole is 1, only what is nothing is 0."""
    found = Decimal(repr(score)).quantize(_STEP, ROUND_HALF_UP)
    if found >= 1 and score < 1:
        found = 1 - _STEP
    if found <= 0 and score > 0:
        found = _STEP
    return float(found)


def rule_score(checked: int, broken: int) -> float:
    """Share of the checked rows that keep a rule; 1 where there was nothing to check."""
    return 1.0 if checked == 0 else 1.0 - broken / checked


def rule_light(result: RuleResult, scoring: Scoring = USUAL) -> str:
    """The light of one rule."""
    return scoring.light(rounded(result.score))


def importance(resource: Resource, columns: Sequence[str]) -> float:
    """How much the items that a rule looks at matter: the greatest importance among them."""
    known = {item.name: item.importance for item in resource.items}
    return max((known.get(name, 1.0) for name in columns), default=1.0)


def mean(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Weighted mean of (score, weight) and the sum of the weights; 1 with weight 0 where there are none."""
    pairs = [(score, weight) for score, weight in parts if weight > 0]
    total = sum(weight for _, weight in pairs)
    return (sum(score * weight for score, weight in pairs) / total if total else 1.0), total


def scores_of(results: Sequence[RuleResult], scoring: Scoring = USUAL) -> tuple[Score, ...]:
    """Scores of the dimensions that have rules, by the rules' weights, and of all by the dimensions' weights."""
    found: list[Score] = []
    exact: list[tuple[float, float]] = []
    for dimension in DIMENSIONS:
        part = [(r.score, r.weight) for r in results if r.dimension == dimension and r.weight > 0]
        if part:
            score, _ = mean(part)
            weight = scoring.weight(dimension)
            exact.append((score, weight))
            found.append(_score(dimension, score, weight, scoring))
    total, weight = mean(exact)
    return (*found, _score("total", total, weight, scoring))


def combine(
    assessments: Iterable[Assessment], weights: Mapping[str, float] | None = None, scoring: Scoring = USUAL
) -> tuple[Score, ...]:
    """Scores of several resources together (a department, the city).

    Args:
        assessments: one for each resource.
        weights: importance of a resource by name, 1 where it is not given.
        scoring: thresholds of lights.
    """
    parts: dict[str, list[tuple[float, float]]] = {}
    for one in assessments:
        for score in one.scores:
            parts.setdefault(score.dimension, []).append((score.score, (weights or {}).get(one.resource, 1.0)))
    order = (*DIMENSIONS, "total")
    return tuple(_score(name, *mean(parts[name]), scoring) for name in order if name in parts)


def _score(dimension: str, score: float, weight: float, scoring: Scoring) -> Score:
    value = rounded(score)
    return Score(dimension=dimension, score=value, light=scoring.light(value), weight=weight)
