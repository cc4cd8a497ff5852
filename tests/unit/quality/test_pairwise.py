"""Constraints between rows agree with their plain meaning for all operators, and are refused where nobody could wait for them."""

from __future__ import annotations

import itertools
import random

import pyarrow as pa
import pytest

from cityloom.kernel.errors import UserError
from cityloom.model.quality import Assessment
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality import sizes
from cityloom.quality.plan import RulePlan
from cityloom.quality.predicate import under
from cityloom.quality.rules.pairwise import Pairwise
from cityloom.quality.run import assess

T = Title("甲", "a")
OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
SOME = [(a,) for a in OPERATORS] + list(itertools.product(OPERATORS, repeat=2)) + random.Random(4).sample(list(itertools.product(OPERATORS, repeat=3)), 60)


def table(rows):
    names = [f"c{i}" for i in range(len(rows[0]))]
    columns = {n: pa.array([row[i] for row in rows], pa.string()) for i, n in enumerate(names)}
    return pa.table({**columns, "_batch": ["b"] * len(rows), "_row": pa.array(range(len(rows)), pa.int64())})


def test_what_the_groups_tell_is_what_comparing_tells(engine):
    chance = random.Random(3)
    for operators in SOME:
        for size in (1, 2, 9):
            rows = [tuple(chance.choice(["1", "2", "3", "10", "x", "", None]) for _ in operators) for _ in range(size)]
            rule = Pairwise(operators=operators)
            with engine.bound(table(rows)) as bound:
                (found,) = engine.rows(rule.counts(bound, len(operators)))
            assert tuple(found) == rule.count(rows), (operators, rows)


def test_the_broken_rows_are_those_counted(engine):
    chance = random.Random(5)
    for operators in (("=", "<>"), ("=", ">", "<"), (">=", "<"), ("<>", ">", "<")):
        rows = [tuple(str(chance.randint(1, 4)) for _ in operators) for _ in range(12)]
        rule = Pairwise(operators=operators)
        with engine.bound(table(rows)) as bound:
            broken = engine.rows(rule.broken_rows(bound, len(operators)))
        assert len(set(broken)) == len(broken) == rule.count(rows)[1]


def assessed(lake, clock, *operators) -> Assessment:
    columns = tuple(f"c{i}" for i in range(len(operators)))
    rule = RuleUse(rule="pairwise", dimension="consistency", columns=columns, options={"operators": operators}, name="pairs")
    one = Resource(
        name="pairs", department="ga", title=T, abstract=T, category="c", rules=(rule,), collect=CollectionTask(source="files"),
        items=tuple(Item(name=n, column=n, title=T) for n in columns),
    )  # fmt: skip
    rows = table([tuple(str(n + i) for i in range(len(operators))) for n in range(30)])
    if not lake.exists(one.raw_table):
        lake.append(one.raw_table, rows.to_batches(), part="b", schema=rows.schema)
    return assess(one, phase="before", elements={}, codes={}, lake=lake, clock=clock)


def test_too_many_pairs_are_refused_and_groups_need_none(lake, clock, monkeypatch):
    operators = ("<>", "<", ">")
    assert assessed(lake, clock, *operators).results[0].broken == 0
    monkeypatch.setattr(sizes, "MOST", 899)
    with pytest.raises(UserError) as refused:
        assessed(lake, clock, *operators)
    assert (refused.value.code, refused.value.details["pairs"], refused.value.details["rule"]) == ("quality.pairs.many", 900, "pairs")
    assert assessed(lake, clock, "=", "<", ">").results[0].broken == 0
    monkeypatch.setattr(sizes, "MOST", 900)
    assert assessed(lake, clock, *operators).results[0].checked == 30


def test_under_a_condition_only_the_pairs_of_its_rows_count(engine, monkeypatch):
    rule, columns = under(Pairwise(operators=("<>", "<>")), "c2 = 'y'", ("c0", "c1"), ("c0", "c1", "c2"), "2026-01-05")
    one = RulePlan(name="pairs", use=RuleUse(rule="pairwise", dimension="consistency"), rule=rule, columns=columns)
    monkeypatch.setattr(sizes, "MOST", 25)
    with engine.bound(table([(str(n), str(n), "y" if n < 5 else "n") for n in range(30)])) as bound:
        sizes.check_size(engine, one, bound)
        assert engine.rows(rule.counts(bound, len(columns))) == [(5, 5)]
    with engine.bound(table([(str(n), str(n), "y") for n in range(6)])) as bound, pytest.raises(UserError):
        sizes.check_size(engine, one, bound)
