"""Which cells are blamed for broken rules, and what they should hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest

from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import UserError
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.plan import plan
from cityloom.quality.repair import Proposal, propose, suspects
from cityloom.quality.repair.blame import blamed
from cityloom.quality.run import run
from cityloom.store.database import Store, metadata

T = Title("甲", "a")


def use(rule: str, *columns: str, **options: Any) -> RuleUse:
    return RuleUse(rule=rule, dimension="accuracy", columns=columns, options=options)


def resource(columns: Sequence[str], *rules: RuleUse) -> Resource:
    items = tuple(Item(name=name, column=name, title=T) for name in columns)
    return Resource(
        name="dirt", department="ga", title=T, abstract=T, category="c", items=items,
        collect=CollectionTask(source="files"), rules=rules,
    )  # fmt: skip


@pytest.fixture
def sqlite(tmp_path: Any) -> Iterator[Store]:
    """A control store with all tables."""
    store = Store(f"sqlite:///{tmp_path / 'c.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    yield store
    store.close()


def assessed(lake: Lake, store: Store, clock: FixedClock, one: Resource, rows: Sequence[Sequence[str | None]]) -> None:
    names = [item.name for item in one.items]
    table = pa.table(
        {
            **{name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)},
            "_batch": ["b"] * len(rows),
            "_row": pa.array(range(len(rows)), pa.int64()),
        }
    )
    lake.append(one.raw_table, table.to_batches(), part="b", schema=table.schema)
    run(one, phase="before", elements={}, codes={}, lake=lake, store=store, clock=clock)


def proposed(lake: Lake, clock: FixedClock, one: Resource, **changes: Any) -> dict[tuple[int, str], Proposal]:
    found = propose(one, phase="before", elements={}, codes={}, lake=lake, clock=clock, **changes)
    return {(p.row, p.item): p for p in found}


def test_the_cell_that_most_rules_name_is_blamed() -> None:
    one = resource("abcd", use("dependency", "a", "b"), use("dependency", "a", "c"), use("dependency", "a", "d"))
    plans = {p.name: p for p in plan(one, elements={}, codes={}, today="2026-01-05")}
    all_three = [("b", 1, name) for name in plans]
    assert [(s.row, s.item) for s in blamed(all_three, plans)] == [(1, "a")]
    only_one = [("b", 2, "a+c.dependency")]
    assert [(s.row, s.item) for s in blamed(only_one, plans)] == [(2, "c")]


def test_a_rule_on_one_column_settles_who_is_wrong() -> None:
    one = resource("abc", use("domain", "a", values=("x",)), use("dependency", "a", "b"), use("dependency", "c", "a"))
    plans = {p.name: p for p in plan(one, elements={}, codes={}, today="2026-01-05")}
    (only,) = blamed([("b", 1, name) for name in plans], plans)
    assert only.item == "a"
    assert only.rules == ("a.domain", "c+a.dependency")


def test_the_value_of_the_group(lake: Lake, sqlite: Store, clock: FixedClock) -> None:
    one = resource(("code", "town"), use("dependency", "code", "town"), use("missing", "town"))
    assessed(lake, sqlite, clock, one, [*[("A1", "Ashford")] * 8, ("A1", "Bolton"), ("A1", None), ("B2", "Bolton")])
    found = proposed(lake, clock, one)
    assert {cell: p.value for cell, p in found.items()} == {(8, "town"): "Ashford", (9, "town"): "Ashford"}
    assert found[8, "town"].old == "Bolton" and found[8, "town"].confidence > 0.7
    assert "9 rows" in found[8, "town"].reason.en


def test_the_value_it_is_a_slip_of(lake: Lake, sqlite: Store, clock: FixedClock) -> None:
    one = resource(("town", "road"), use("domain", "town", values=("Ashford", "Bolton")), use("rare", "road"))
    rows = [*[("Ashford", "High Street")] * 9, ("Bolton", "High Street"), ("Axhfoxd", "Hihg Street"), ("Zzz", "Mill Lane")]
    assessed(lake, sqlite, clock, one, rows)
    values = {cell: p.value for cell, p in proposed(lake, clock, one).items()}
    assert values == {(10, "town"): "Ashford", (10, "road"): "High Street"}


def test_numbers_without_their_units(lake: Lake, sqlite: Store, clock: FixedClock) -> None:
    plain = use("format", "size", pattern=r"[0-9]+(?:\.[0-9]+)?")
    one = resource(("size",), plain)
    assessed(lake, sqlite, clock, one, [("12.0 oz",), ("8.4 oz",), ("16 oz",), ("１２",), ("N/A",), ("3x",)])
    found = proposed(lake, clock, one)
    assert {row: p.value for (row, _), p in found.items()} == {0: "12", 1: "8.4", 2: "16", 3: "12", 4: None}


def test_each_value_in_its_column(lake: Lake, sqlite: Store, clock: FixedClock) -> None:
    one = resource(("city", "state"), use("merged", "city", "state", values=("CA", "NY")))
    assessed(lake, sqlite, clock, one, [("San Francisco CA", None), ("Albany", "NY")])
    values = {cell: p.value for cell, p in proposed(lake, clock, one).items()}
    assert values == {(0, "city"): "San Francisco", (0, "state"): "CA"}


def test_nothing_is_proposed_where_nothing_speaks_for_a_value(lake: Lake, sqlite: Store, clock: FixedClock) -> None:
    one = resource(("code", "town"), use("number_range", "code", most=10), use("domain", "town", values=("aaaa", "bbbb")))
    assessed(lake, sqlite, clock, one, [("99", "aabb"), ("1", "aaaa")])
    given: dict[str, Any] = {"phase": "before", "elements": {}, "codes": {}, "lake": lake, "clock": clock}
    assert len(list(suspects(one, **given))) == 2
    assert proposed(lake, clock, one) == {}


def test_doubtful_values_are_left_out(lake: Lake, sqlite: Store, clock: FixedClock) -> None:
    one = resource(("code", "town"), use("dependency", "code", "town"))
    assessed(lake, sqlite, clock, one, [("A1", "x"), ("A1", "x"), ("A1", "y")])
    assert proposed(lake, clock, one, least=0.9) == {}
    assert len(proposed(lake, clock, one, least=0.3)) == 1


def test_before_an_assessment_there_is_nothing_to_repair(lake: Lake, clock: FixedClock) -> None:
    one = resource(("a",), use("missing", "a"))
    table = pa.table({"a": pa.array(["1"]), "_batch": ["b"], "_row": pa.array([0], pa.int64())})
    lake.append(one.raw_table, table.to_batches(), part="b", schema=table.schema)
    with pytest.raises(UserError) as error:
        proposed(lake, clock, one)
    assert error.value.code == "quality.broken.unknown"
