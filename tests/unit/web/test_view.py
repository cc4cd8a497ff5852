"""What the page works out from the report adds up."""

import json
from pathlib import Path

import pytest

from cityloom.kernel.i18n import use_language
from cityloom.web import flow, words
from cityloom.web.report import Report
from cityloom.web.view import StartView

SAMPLE = json.loads((Path(__file__).parent / "sample_report.json").read_text(encoding="utf-8"))


@pytest.fixture
def view():
    return StartView(Report.model_validate(SAMPLE))


def test_rows_add_up(view):
    assert view.read == view.landed + view.rejected == sum(s["read"] for s in SAMPLE["sources"])


def test_conflicts_of_a_pair_are_summed(view):
    expected = sum(c["count"] for c in SAMPLE["conflicts"] if (c["winner"], c["other"]) == ("rs", "yb"))
    assert view.matrix.cells["rs", "yb"] == expected
    assert view.matrix.shade("rs", "yb") == 5
    assert view.matrix.shade("yb", "yb") == 0


def test_errors_are_ordered_worst_first_and_say_who_leads(view):
    assert view.errors[0] == ("address", 0.0312, False)
    assert [e for _n, e, _l in view.errors] == sorted((e for _n, e, _l in view.errors), reverse=True)
    assert dict((n, led) for n, _e, led in view.errors)["name"] is True


def test_parts_of_a_score_fill_its_bar(view):
    for score in view.ranking:
        parts = view.stacked(score)
        assert sum(width for _x, width, _n in parts) == pytest.approx(score.score)
        assert parts[1][0] == pytest.approx(parts[0][1])


def test_departments_in_the_picture_do_not_overlap_and_stay_inside(view):
    nodes = view.flow.departments
    assert [n.rows for n in nodes] == sorted((n.rows for n in nodes), reverse=True)
    for upper, lower in zip(nodes, nodes[1:], strict=False):
        assert upper.y + upper.h < lower.y
    assert nodes[-1].y + nodes[-1].h <= flow.HEIGHT
    assert sum(n.h for n in nodes) == pytest.approx(view.flow.raw.h)


def test_values_are_readable_in_both_languages(view):
    with use_language("en"):
        assert view.readable("items", ["name", "sex"]) == "Name, Sex"
        assert view.readable("purpose", {"zh": "甲", "en": "A"}) == "A"
    with use_language("zh"):
        assert view.readable("items", ["name", "sex"]) == "姓名、性别"
        assert view.readable("granted_by", "ga") == "公安局"
        assert view.readable("is_new", True) == "是"
    assert view.readable("expires_at", "2027-03-01T00:00:00.000000Z") == "2027-03-01"


def test_masked_items_of_a_nested_answer_are_marked():
    shared = {"answer": {"call": "c1", "values": {"name": "林*"}}, "masked": ["name"]}
    view = StartView(Report.model_validate({"service": shared}))
    assert view.answered == [("call", "c1", False), ("name", "林*", True)]


def test_the_command_names_bundle_and_key(view):
    assert view.check_command == "cityloom audit verify audit.jsonl --key audit.vkey"


def test_names_of_departments_fit_their_room(view):
    with use_language("en"):
        assert view.department("rs") == "Human Resources and Social Security Bureau"
        assert view.short_department("rs") == "Human Resources and Socia…"
        assert view.short_department("sw") == "Tax Bureau"
    with use_language("zh"):
        assert view.short_department("rs") == "人力资源和社会保障局"
        assert view.department("unknown") == "unknown"


def test_groups_that_do_not_add_up_are_not_drawn_as_parts():
    score = {"department": "ga", "score": 80.0, "rank": 1, "groups": {"a": 90.0, "b": 70.0}}
    view = StartView(Report.model_validate({"scores": [score]}))
    assert view.groups == []
    assert view.stacked(view.ranking[0]) == [(0.0, 80.0, 0)]


def test_groups_of_indicators_are_named_in_the_language_of_the_page(view):
    with use_language("en"):
        assert [view.group(name) for name in view.groups] == ["Catalogue", "Collection", "Quality", "Sharing"]
    with use_language("zh"):
        assert view.group("数据汇聚") == "数据汇聚"
    assert view.group("unknown") == "unknown"


def test_attributes_of_firms_are_told_from_those_of_people(view):
    with use_language("en"):
        assert view.attribute("legal_person.name") == "Name (firm)"
        assert view.attribute("population.name") == view.attribute("name") == "Name"


def test_people_who_decide_are_shown_by_title(view):
    with use_language("en"):
        assert view.readable("decided_by", "steward") == "Shen Zhixing, data steward"
        assert view.readable("state", "granted") == "granted"
    with use_language("zh"):
        assert view.readable("state", "granted") == "已授权"


def test_commands_in_a_sentence_are_shown_as_commands_and_nothing_else_is():
    assert words.with_commands("Run `cityloom <b>`; <i>") == "Run <code>cityloom &lt;b&gt;</code>; &lt;i&gt;"
