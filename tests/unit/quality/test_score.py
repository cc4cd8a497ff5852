"""Scores: weighted means, lights, and several resources together."""

from __future__ import annotations

import pytest

from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.model.resource import Item
from cityloom.model.scoring import USUAL, Scoring
from cityloom.model.text import Title
from cityloom.quality.score import combine, importance, rounded, rule_light, rule_score, scores_of


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
    assert USUAL.light(score) == colour


def test_a_light_is_that_of_the_score_that_is_shown() -> None:
    assert rounded(0.94995) == 0.95
    assert rule_light(result("accuracy", 0.94995)) == "green"
    assert scores_of([result("accuracy", 0.94995)])[-1].light == "green"
    assert scores_of([result("accuracy", 0.94994)])[-1].light == "yellow"


def test_only_what_is_whole_is_rounded_to_it() -> None:
    assert (rounded(1.0), rounded(0.99999), rounded(0.00001), rounded(0.0)) == (1.0, 0.9999, 0.0001, 0.0)


def test_a_city_declares_thresholds_and_weights_of_dimensions() -> None:
    scoring = Scoring(green=0.99, yellow=0.9, weights={"accuracy": 3, "completeness": 0})
    scores = scores_of([result("accuracy", 0.95), result("completeness", 0.1), result("timeliness", 1.0)], scoring)
    assert [(s.dimension, s.score, s.light) for s in scores] == [
        ("completeness", 0.1, "red"),
        ("accuracy", 0.95, "yellow"),
        ("timeliness", 1.0, "green"),
        ("total", 0.9625, "yellow"),
    ]


def test_the_most_important_item_of_a_rule_counts() -> None:
    items = tuple(Item(name=n, column=n, title=Title(n, n), importance=w) for n, w in (("a", 1.0), ("b", 5.0)))

    class Owner:
        pass

    owner = Owner()
    owner.items = items  # type: ignore[attr-defined]
    assert importance(owner, ("a", "b")) == 5.0  # type: ignore[arg-type]
    assert importance(owner, ("a",)) == 1.0  # type: ignore[arg-type]


def assessment(resource: str, total: float) -> Assessment:
    score = Score(dimension="total", score=total, light=USUAL.light(total), weight=1)
    return Assessment(
        resource=resource, phase="after", table="t", version=0, rows=1, at="", results=(), scores=(score,)
    )


def test_important_resources_weigh_more() -> None:
    pair = [assessment("a", 1.0), assessment("b", 0.5)]
    assert combine(pair)[0].score == 0.75
    assert combine(pair, {"a": 4})[0].score == 0.9
    assert combine([]) == ()
