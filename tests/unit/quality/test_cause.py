"""Root causes: what was planted is found first, and nothing is found where errors fell at random."""

from __future__ import annotations

import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.terms import column
from cityloom.model.cause import Cause
from cityloom.quality.cause.features import features
from cityloom.quality.cause.population import Population, explain

ITEMS = ("district", "channel", "kind", "day", "code", "phone")
GRADES = {"phone": "sensitive", "code": "sensitive"}
BATCHES = [f"b{i}" for i in range(8)]
Row = dict[str, str | None]


def town(count: int, seed: int = 1) -> list[Row]:
    """Rows of a made-up table: categories of different widths, a date, a code that begins with its district."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for i in range(count):
        district = chance.choice(["110101", "110102", "110105", "110106", "110108"])
        rows.append(
            {
                "district": district,
                "channel": chance.choices(["window", "web", "phone"], [5, 4, 1])[0],
                "kind": chance.choice("ABCDEFGHIJ"),
                "day": f"2026-{1 + i * 10 // count:02}-{chance.randint(1, 28):02}",
                "code": district + f"{chance.randint(0, 99_999_999):08}",
                "phone": None if chance.random() < 0.2 else f"1{chance.randint(3_000_000_000, 9_999_999_999)}",
                "_batch": BATCHES[i * 8 // count],
            }
        )
    return rows


def find(engine: DuckDBEngine, rows: list[Row], is_broken: Callable[[Row], bool], **more: int) -> tuple[Cause, ...]:
    names = [*ITEMS, "_batch"]
    table = pa.table({**{n: pa.array([r[n] for r in rows], pa.string()) for n in names}, "_row": list(range(len(rows)))})
    places = [(r["_batch"], i) for i, r in enumerate(rows) if is_broken(r)]
    broken = pa.table({"_batch": pa.array([b for b, _ in places], pa.string()), "_row": pa.array([i for _, i in places], pa.int64())})
    terms = {name: column(name) for name in ITEMS}
    with engine.bound(table) as whole, engine.bound(broken) as some:
        population = Population(rows=whole, broken=some, features=features(terms, GRADES, ()), batches=BATCHES)
        return explain(engine, population, **more)[0]


def said(cause: Cause) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(c.column, c.kind, c.values) for c in cause.conditions}


def noisy(planted: Callable[[Row], bool], rate: float = 0.8, noise: float = 0.01, seed: int = 5) -> Callable[[Row], bool]:
    chance = random.Random(seed)
    return lambda row: chance.random() < (rate if planted(row) else noise)


def test_one_value_is_found(engine: DuckDBEngine) -> None:
    found = find(engine, town(8000), noisy(lambda r: r["kind"] == "C"))
    assert said(found[0]) == {("kind", "value", ("C",))}
    assert found[0].coverage > 0.8
    assert len(found) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_conjunction_is_found_whole_and_no_more_than_it(engine: DuckDBEngine, seed: int) -> None:
    rows = town(20_000, seed)
    found = find(engine, rows, noisy(lambda r: r["district"] == "110105" and r["channel"] == "web", seed=seed))
    assert {c.column for c in found[0].conditions} <= {"district", "code", "channel"}
    assert ("channel", "value", ("web",)) in said(found[0])
    assert found[0].rows == sum(r["district"] == "110105" and r["channel"] == "web" for r in rows)
    also = {c.column for some in found[0].also for c in some}
    assert {"district", "code"} & (also | {c.column for c in found[0].conditions})


def test_three_conditions_are_found(engine: DuckDBEngine) -> None:
    def planted(r: Row) -> bool:
        return r["channel"] == "window" and r["phone"] is None and r["kind"] in ("A", "B", "C", "D")

    rows = town(30_000)
    found = find(engine, rows, noisy(planted, rate=0.9, noise=0.005))
    assert said(found[0]) == {
        ("channel", "value", ("window",)),
        ("phone", "missing", ("yes",)),
        ("kind", "value", ("A", "B", "C", "D")),
    }


def test_a_span_of_batches_is_found(engine: DuckDBEngine) -> None:
    found = find(engine, town(8000), noisy(lambda r: str(r["_batch"]) >= "b6", rate=0.3))
    assert said(found[0]) == {("_batch", "range", ("b6", "b7"))}


def test_two_causes_are_told_one_after_the_other(engine: DuckDBEngine) -> None:
    found = find(engine, town(20_000), noisy(lambda r: r["kind"] == "C" or r["channel"] == "phone", noise=0.002))
    assert [said(c) for c in found] == [{("channel", "value", ("phone",))}, {("kind", "value", ("C",))}] or [said(c) for c in found] == [
        {("kind", "value", ("C",))},
        {("channel", "value", ("phone",))},
    ]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_told_where_errors_fell_at_random(engine: DuckDBEngine, seed: int) -> None:
    assert find(engine, town(6000, seed), noisy(lambda r: False, noise=0.05, seed=seed + 100)) == ()


def test_few_errors_tell_nothing(engine: DuckDBEngine) -> None:
    rows = town(3000)
    assert find(engine, rows, lambda r: r is rows[7] or r is rows[8]) == ()


def test_a_sample_of_a_large_table_is_enough_and_counts_are_exact(engine: DuckDBEngine) -> None:
    rows = town(30_000)
    chosen = {id(r) for r in rows if r["kind"] in ("C", "D") and r["channel"] == "web"}
    is_broken = noisy(lambda r: id(r) in chosen, rate=1.0, noise=0.02)
    found = find(engine, rows, is_broken, sample=2000)
    assert said(found[0]) == {("kind", "value", ("C", "D")), ("channel", "value", ("web",))}
    assert (found[0].rows, found[0].broken) == (len(chosen), len(chosen))


def test_no_value_of_a_closed_item_is_looked_at(engine: DuckDBEngine) -> None:
    kinds = {(f.column, f.kind) for f in features({name: column(name) for name in ITEMS}, GRADES, ("kind",))}
    assert {kind for name, kind in kinds if name == "phone"} == {"missing", "length", "month", "head4"}
    assert not any(name == "kind" for name, _kind in kinds)


def test_a_rare_cause_is_told_whole_where_few_rows_are_broken(engine: DuckDBEngine) -> None:
    rows = town(40_000)
    found = find(engine, rows, noisy(lambda r: r["kind"] == "C" and r["channel"] == "phone", rate=0.8, noise=0.003))
    assert said(found[0]) == {("kind", "value", ("C",)), ("channel", "value", ("phone",))}
    assert len(found) == 1


def test_a_sample_is_even_over_batches(engine: DuckDBEngine) -> None:
    rows = town(40_000)
    assert find(engine, rows, noisy(lambda r: False, noise=0.2), sample=1000) == ()
