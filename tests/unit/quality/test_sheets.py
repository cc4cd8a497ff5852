"""Assessing what is new gives what assessing everything gives: counts, scores and broken rows, whatever came in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.broken import bit_among, bits, by_batch, relation
from cityloom.quality.plan import plan
from cityloom.quality.run import assess, today
from cityloom.quality.scan import View
from cityloom.quality.sheets import FOLD, examine

T = Title("甲", "a")
RULES = (
    RuleUse(rule="missing", dimension="completeness", columns=("a",)),
    RuleUse(rule="format", dimension="conformity", columns=("a",), options={"pattern": "[0-9]+"}),
    RuleUse(rule="length", dimension="conformity", columns=("b",), options={"least": 2, "most": 9}),
    RuleUse(rule="length", dimension="conformity", columns=("b",), options={"least": 3, "most": 9}),
    RuleUse(rule="date_range", dimension="accuracy", columns=("b",)),
    RuleUse(rule="order", dimension="consistency", columns=("a", "b")),
    RuleUse(rule="duplicate", dimension="accuracy", columns=("a",)),
    RuleUse(rule="duplicate", dimension="accuracy", columns=("a", "b")),
    RuleUse(rule="fresh", dimension="timeliness", columns=("b",)),
)
TEXTS = st.sampled_from([None, "", "\u3000", "1", "12", "x", "不详", "2026-01-02", "2026-01-04", "2026-02-30"])
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("land"), ROWS),
    st.tuples(st.just("supersede"), ROWS),
    st.tuples(st.just("day"), st.integers(1, 6)),
    st.tuples(st.just("rules"), st.sets(st.integers(0, len(RULES) - 1))),
    st.tuples(st.just("assess"), st.none()),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield made
    made.close()


def resource(chosen: set[int]) -> Resource:
    return Resource(
        name="r", department="d", title=T, abstract=T, category="x", cycle="day",
        items=tuple(Item(name=name, column=name.upper(), title=T) for name in "ab"),
        collect=CollectionTask(source="s", mode="incremental"),
        rules=tuple(RULES[i] for i in sorted(chosen)),
    )  # fmt: skip


class World:
    """A lake in which parts come, go and change places, with the day and the rules of the moment."""

    def __init__(self, root: Path, engine: DuckDBEngine) -> None:
        self.lake, self.numbers = Lake(root, engine), count()
        self.clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.resource = resource(set(range(len(RULES))))
        self.land([("1", "2026-01-02")])

    def land(self, rows: list[tuple[str | None, str | None]], replaces: tuple[str, ...] = ()) -> None:
        name = f"b{next(self.numbers)}"
        columns = {"A": [r[0] for r in rows], "B": [r[1] for r in rows], "_batch": [name] * len(rows)}
        table = pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()} | {"_row": pa.array(range(len(rows)), pa.int64())})
        self.lake.append(self.resource.raw_table, table.to_batches() or [], part=name, schema=table.schema, replaces=replaces)

    def do(self, verb: str, what: object) -> None:
        if verb == "land":
            self.land(what)  # type: ignore[arg-type]
        elif verb == "supersede":
            self.land(what, tuple(self.lake.parts(self.resource.raw_table)[:1]))  # type: ignore[arg-type]
        elif verb == "day":
            self.clock = FixedClock(datetime(2026, 1, what, tzinfo=UTC))  # type: ignore[arg-type]
        elif verb == "rules":
            self.resource = resource(what)  # type: ignore[arg-type]
        else:
            self.check()

    def check(self) -> None:
        """Assess what is new; everything must be as a full assessment says, which keeps nothing."""
        plans = plan(self.resource, elements={}, codes={}, today=today(self.clock))
        view = View(self.resource, "before", self.lake, self.lake.version(self.resource.raw_table))
        found = examine(view, plans, self.lake)
        full = assess(self.resource, phase="before", elements={}, codes={}, lake=self.lake, clock=self.clock)
        assert found.rows == full.rows
        assert dict(found.counts) == {r.rule: (r.checked, r.broken) for r in full.results}
        kept = self.lake.engine.rows(exp.select("*").from_(relation(self.lake, self.resource, "before")))
        meant = {(*place, one.name) for one in plans for place in self.lake.engine.rows(view.broken(one))}
        assert sorted(kept) == sorted(meant)
        batches = by_batch(self.lake, self.resource, "before", [one.name for one in plans])
        assert {rule: sum(n.values()) for rule, n in batches.items() if n} == {
            name: len({place for place in meant if place[2] == name}) for name in {place[2] for place in meant}
        }
        again = examine(view, plans, self.lake)
        assert (again.counts, dict(again.scanned)) == (found.counts, {"parts": 0, "rules": 0})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_what_is_new_and_what_is_known_make_the_whole(
    tmp_path_factory: pytest.TempPathFactory, engine: DuckDBEngine, steps: list[tuple[str, object]]
) -> None:
    world = World(tmp_path_factory.mktemp("lake"), engine)
    for verb, what in steps:
        world.do(verb, what)
    world.check()


def test_only_new_parts_are_scanned_and_small_sheets_laid_together(tmp_path: Path, engine: DuckDBEngine) -> None:
    world = World(tmp_path, engine)
    world.resource = replace(world.resource, rules=RULES[:3])
    plans = plan(world.resource, elements={}, codes={}, today=today(world.clock))
    for number in range(2 * FOLD):
        world.land([("x", "1")])
        view = View(world.resource, "before", world.lake, world.lake.version(world.resource.raw_table))
        found = examine(view, plans, world.lake)
        assert found.scanned["parts"] == (2 if number == 0 else 1)
        assert found.counts["a.format"] == (number + 2, number + 1)
    assert len(world.lake.parts("raw_d__r__broken")) <= FOLD
    world.check()


def test_a_rule_that_goes_by_the_day_is_asked_again_the_others_are_not(tmp_path: Path, engine: DuckDBEngine) -> None:
    world = World(tmp_path, engine)
    world.resource = replace(world.resource, rules=RULES[:5])
    world.check()
    plans = plan(world.resource, elements={}, codes={}, today="2026-01-03")
    view = View(world.resource, "before", world.lake, world.lake.version(world.resource.raw_table))
    assert dict(examine(view, plans, world.lake).scanned) == {"parts": 1, "rules": 1}


def test_broken_rows_are_kept_within_the_memory_that_the_engine_has(tmp_path: Path) -> None:
    """All rows break a rule; their sheet alone would not fit."""
    engine = DuckDBEngine(tmp_path / "spill", memory_mb=96, threads=1)
    lake, rows = Lake(tmp_path / "lake", engine), 1_000_000
    made = resource(set())
    query = f"SELECT 'x' || i AS \"A\", CAST(i AS VARCHAR) AS \"B\", 'b' || i % 7 AS _batch, i AS _row FROM range({rows}) AS t(i)"
    lake.append(made.raw_table, query, part="b0")
    made = replace(made, rules=(RULES[1], RULES[2]))
    plans = plan(made, elements={}, codes={}, today="2026-01-01")
    found = examine(View(made, "before", lake, 0), plans, lake)
    assert found.counts == {"a.format": (rows, rows), "b.length": (rows, 10)}
    assert sum(by_batch(lake, made, "before", ["a.format"])["a.format"].values()) == rows
    engine.close()


def test_bits_of_many_rules(engine: DuckDBEngine) -> None:
    for number in (0, 59, 60, 65, 129):
        flags = [exp.true() if n == number else exp.false() for n in range(130)]
        row = engine.records(exp.select(*(exp.alias_(term, name) for name, term in bits("m", flags).items())))[0]
        assert row == bit_among(number, 130) and sum(row.values()) == 1 << number % 60


def test_bits_are_not_set_where_all_is_known_to_be_good(engine: DuckDBEngine) -> None:
    flags = [sql("x > 1"), sql("x > 2"), sql("x > 3")]
    terms = bits("m", flags, ["good", None, "good"])
    rows = engine.rows(sql("SELECT :m FROM (VALUES (5, true), (5, false), (2, false)) AS t(x, good)", m=terms["m0"]))
    assert sorted(m for (m,) in rows) == [1, 2, 7]
