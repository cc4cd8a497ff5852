"""Rules as nobody means them: refused in words before they reach an engine, or counted as anything else is."""

from __future__ import annotations

import pytest
from tests.unit.flows import test_rules

from cityloom.content.rules import read_use, use_of
from cityloom.flows import rules
from cityloom.kernel.errors import CityLoomError
from cityloom.model.rules import RuleTarget

at, landed = test_rules.at, test_rules.landed
LENGTH = {"rule": "length", "dimension": "accuracy", "columns": ["name"], "options": {"most": 3}}


def formed(pattern: str):
    return {"rule": "format", "dimension": "conformity", "columns": ["name"], "options": {"pattern": pattern}}


def said(expression: str, **more):
    return {"rule": "predicate", "dimension": "accuracy", "options": {"expression": expression}, **more}


def ranged(**options):
    return {"rule": "number_range", "dimension": "accuracy", "columns": ["name"], "options": options}


REFUSED = [
    formed("((a{1,1000}){1,1000}){1,1000}"), formed("(x{1000}){2}"), formed("(?:(?:ab|c{600}){2}|d)"), formed("a" * 1_000_000), formed("(a)\\1"), formed("((("),
    ranged(least=float("nan")), ranged(most=float("inf")), ranged(step=float("-inf")),
    {**LENGTH, "weight": -1}, {**LENGTH, "weight": float("nan")}, {**LENGTH, "importance": float("inf")}, {**LENGTH, "weight": 1e300},
    {**LENGTH, "name": "x" * 100_000}, {**LENGTH, "name": "a\nb"}, {**LENGTH, "name": "a\x1b[31m"}, {**LENGTH, "columns": ["name"] * 5000},
    {**LENGTH, "columns": ["name', (SELECT 1)) --"]}, said("1/0 = 1"), said("name = '" + "x" * 1_000_000 + "'"), said("(" * 5000 + "1=1" + ")" * 5000),
    said("not " * 1500 + "name = 'x'"), said("name = 'x'; DROP TABLE t"), said("name IN (SELECT name FROM hukou)"), said("name = '\x00'"), said("read_csv(name) = 'x'"),
    [1, 2], "rule", None, {"rule": {"a": 1}}, {"rule": "no such\nrule"},
]  # fmt: skip
COUNTED = [
    said("number(name) / 0 > 1"), said("number(phone) * number(phone) * number(phone) > 1"), said("name = name", when="number(phone) / 0 = 1"),
    formed("(?:x{500}){2}"), formed("[\U0001f600-\U0001f64f]+"), formed("(?:a{0}b{0,}){1000}"), formed("\\(a\\{2000"), ranged(least=-1e308, most=1e308),
    {"rule": "domain", "dimension": "accuracy", "columns": ["name"], "options": {"values": ["x" * 1_000_000, "' OR 1=1 --", "\U0001f600", "=cmd", "a\nb"]}},
    {**LENGTH, "name": "o'hara; \"x\" \U0001f600 DROP TABLE"},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_cannot_be_is_refused_in_few_words(landed, number) -> None:
    with pytest.raises(CityLoomError) as wrong:
        rules.tried(landed, RuleTarget(resource="welfare"), use_of(REFUSED[number]), phase="before", actor="dsj.steward")
    assert wrong.value.code != "flows.step.defect"
    assert len(str(wrong.value)) < 1500


@pytest.mark.parametrize("number", range(len(COUNTED)))
def test_what_is_only_strange_is_counted(landed, number) -> None:
    found = rules.tried(landed, RuleTarget(resource="welfare"), use_of(COUNTED[number]), phase="before", actor="dsj.steward")
    assert all(0 <= one.broken <= one.checked <= 3 for one in found)


def test_files_that_burst_are_refused(tmp_path) -> None:
    file = tmp_path / "rule.yml"
    bomb = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
    head = "rule: domain\ndimension: accuracy\ncolumns: [name]\n"
    for text in (
        "\n".join(bomb) + "\nrule: length\ncolumns: *a8\n", head + "options: " + "[" * 100_000, head + "#" + "x" * 3_000_000,
        "!!python/object/apply:os.system ['true']\n", head + "options: &o {x: *o}\nweight: *o\n",
    ):  # fmt: skip
        file.write_text(text)
        with pytest.raises(CityLoomError):
            read_use(file)


def test_a_bomb_in_the_options_does_not_reach_the_record(landed, tmp_path) -> None:
    file = tmp_path / "rule.yml"
    lines = ["options:", "  v0: &v0 [x,x,x,x,x,x,x,x,x]", *(f"  v{n}: &v{n} [{','.join([f'*v{n - 1}'] * 9)}]" for n in range(1, 9)), "  values: *v8"]
    file.write_text("rule: domain\ndimension: accuracy\ncolumns: [name]\n" + "\n".join(lines))
    with pytest.raises(CityLoomError) as wrong:
        rules.propose(landed, RuleTarget(resource="welfare"), read_use(file), actor="dsj.steward")
    assert len(str(wrong.value)) < 1500
    file.write_text("rule: domain\ndimension: accuracy\ncolumns: [name]\noptions:\n  values:\n    - &v0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"    - &v{n} [{','.join([f'*v{n - 1}'] * 9)}]\n" for n in range(1, 9)))
    with pytest.raises(CityLoomError) as deep:
        rules.propose(landed, RuleTarget(resource="welfare"), read_use(file), actor="dsj.steward")
    assert len(str(deep.value)) < 1500
