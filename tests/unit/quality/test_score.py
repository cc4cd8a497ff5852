"""Scores: weighted means, lights, and several resources together."""

from __future__ import annotations

import pytest

from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.quality.score import combine, light, rule_score, scores_of


def result(dimension: str, score: float, weight: float = 1.0) -> RuleResult:
    return RuleResult(
        rule="r", plugin="missing", dimension=dimension, columns=("a",), weight=weight, severity="low",
        checked=100, broken=round(100 * (1 - score)), score=score,
    )  # fmt: skip


def test_a_rule_with_nothing_to_check_is_kept() -> None:
    assert rule_score(0, 0) == 1.0
    assert rule_score(4, 1) == 0.75


def test_rules_weigh_within_a_dimension_and_dimensions_in_the_total() -> None:
    scores = scores_of([result("accuracy", 0.6, 3), result("accuracy", 1.0, 1), result("completeness", 0.9, 8)])
    assert [(s.dimension, s.score) for s in scores] == [("completeness", 0.9), ("accuracy", 0.7), ("total", 0.8)]


def test_a_dimension_without_rules_has_no_score() -> None:
    assert [s.dimension for s in scores_of([])] == ["total"]


@pytest.mark.parametrize(("score", "colour"), [(1.0, "green"), (0.95, "green"), (0.9, "yellow"), (0.84, "red")])
def test_lights(score: float, colour: str) -> None:
    assert light(score) == colour


def assessment(resource: str, total: float) -> Assessment:
    score = Score(dimension="total", score=total, light=light(total), weight=1)
    return Assessment(
        resource=resource, phase="after", table="t", version=0, rows=1, at="", results=(), scores=(score,)
    )


def test_important_resources_weigh_more() -> None:
    pair = [assessment("a", 1.0), assessment("b", 0.5)]
    assert combine(pair)[0].score == 0.75
    assert combine(pair, {"a": 4})[0].score == 0.9
    assert combine([]) == ()
