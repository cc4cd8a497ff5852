"""Rules that look at other tables, at what their own was earlier, or at some rows only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cityloom.engines.predicate import MOST_NODES
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.others import tables
from cityloom.quality.plan import plan
from cityloom.quality.reference import assess as meaning
from cityloom.quality.run import Manner, assess, run
from cityloom.quality.scan import View
from cityloom.store.database import Store, metadata
from cityloom.store.quality import find_assessment

T = Title("甲", "a")


def resource(name: str, *rules: RuleUse, items: tuple[str, ...] = ("a", "b")) -> Resource:
    return Resource(
        name=name, department="ga", title=T, abstract=T, category="人口", rules=rules,
        items=tuple(Item(name=item, column=f"{item}_", title=T) for item in items),
        collect=CollectionTask(source="files"),
    )  # fmt: skip


def write(lake: Lake, name: str, rows: list[tuple[str | None, str | None]], part: str) -> None:
    raw = {c: pa.array([row[i] for row in rows], pa.string()) for i, c in enumerate(("a_", "b_"))}
    table = pa.table({**raw, "_batch": [part] * len(rows), "_row": pa.array(range(len(rows)), pa.int64())})
    lake.append(f"raw_ga__{name}", table.to_batches(), part=part, schema=table.schema)


def counts(lake: Lake, clock: FixedClock, one: Resource, *others: Resource, earlier: tuple[int, ...] = ()) -> dict[str, tuple[int, int]]:
    manner = Manner(resources={r.name: r for r in (one, *others)}, earlier=earlier)
    found = assess(one, phase="before", elements={}, codes={}, lake=lake, clock=clock, manner=manner)
    return {r.rule: (r.checked, r.broken) for r in found.results}


FIRM = resource("firm", items=("a", "b"))
REFERS = RuleUse(rule="reference", dimension="consistency", columns=("a",), options={"resource": "firm", "items": ["b"]})


def test_another_table_is_looked_at(lake: Lake, clock: FixedClock) -> None:
    one = resource("staff", REFERS)
    write(lake, "staff", [("1", None), ("2", None), ("9", None), (" ", None)], "b1")
    assert counts(lake, clock, one, FIRM) == {"a.reference": (0, 0)}
    write(lake, "firm", [("x", "1"), ("y", "2")], "b1")
    assert counts(lake, clock, one, FIRM) == {"a.reference": (3, 1)}
    (found,) = plan(one, elements={}, codes={}, today="2026-01-05")
    view = View(one, "before", lake, resources={"staff": one, "firm": FIRM})
    assert [row for _batch, row in lake.engine.rows(view.broken(found))] == [2]
    rows = [{"a_": x, "b_": None} for x in ("1", "2", "9", " ")]
    known: dict[str, Any] = {"firm": [{"a": "x", "b": "1"}, {"a": "y", "b": "2"}]}
    assert meaning(one, phase="before", elements={}, codes={}, today="2026-01-05", rows=rows, others=known) == {"a.reference": (3, 1)}
    write(lake, "firm", [("z", "9")], "b2")
    assert counts(lake, clock, one, FIRM) == {"a.reference": (3, 0)}
    plans = plan(one, elements={}, codes={}, today="2026-01-05")
    assert tables(plans, "after", {"firm": FIRM}) == ("std_ga__firm",)


def test_a_table_that_there_is_not_is_told(lake: Lake, clock: FixedClock) -> None:
    write(lake, "staff", [("1", None)], "b1")
    with pytest.raises(ConfigError, match="firm of another resource"):
        counts(lake, clock, resource("staff", REFERS))
    wrong = RuleUse(rule="reference", dimension="consistency", columns=("a",), options={"resource": "firm", "items": ["c"]})
    with pytest.raises(ConfigError, match="looks at c"):
        counts(lake, clock, resource("staff", wrong), FIRM)


def test_a_table_is_compared_with_what_it_was_at_earlier_assessments(lake: Lake, clock: FixedClock) -> None:
    leap = RuleUse(rule="volatility", dimension="consistency", options={"percent": 60, "periods": 2})
    total = RuleUse(rule="volatility", dimension="consistency", columns=("a",), options={"measure": "sum", "percent": 10})
    one = resource("staff", leap, total)
    write(lake, "staff", [("1", None)] * 4, "b1")
    assert counts(lake, clock, one)["table.volatility"] == (0, 0)
    first = lake.version("raw_ga__staff")
    write(lake, "staff", [("0", None)] * 2, "b2")
    assert counts(lake, clock, one)["table.volatility"] == (0, 0)
    assert counts(lake, clock, one, earlier=(first,)) == {"table.volatility": (1, 0), "a.volatility": (1, 0)}
    second = lake.version("raw_ga__staff")
    write(lake, "staff", [("5", None)] * 9, "b3")
    assert counts(lake, clock, one, earlier=(second, first)) == {"table.volatility": (1, 1), "a.volatility": (1, 1)}


def test_batches_before_the_first_assessment_are_no_leap(lake: Lake, clock: FixedClock, tmp_path: Path) -> None:
    one = resource("staff", RuleUse(rule="volatility", dimension="consistency", options={"percent": 60}))
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    with store.write() as connection:
        metadata.create_all(connection)

    def judged() -> tuple[int, int]:
        run(one, phase="before", elements={}, codes={}, lake=lake, store=store, clock=clock)
        with store.read() as connection:
            (result,) = (find_assessment(connection, "staff", "before") or pytest.fail("no assessment")).results
        return result.checked, result.broken

    write(lake, "staff", [("1", None)] * 4, "b1")
    write(lake, "staff", [("1", None)] * 9, "b2")
    assert [judged(), judged()] == [(0, 0), (0, 0)]
    write(lake, "staff", [("1", None)], "b3")
    assert [judged(), judged()] == [(1, 0), (1, 0)]
    write(lake, "staff", [("1", None)] * 40, "b4")
    write(lake, "staff", [("1", None)], "b5")
    assert judged() == (1, 1)
    store.close()


def test_only_rows_in_which_the_condition_holds_are_checked(lake: Lake, clock: FixedClock) -> None:
    one = resource(
        "staff",
        RuleUse(rule="missing", dimension="completeness", columns=("b",), when="a = '1'"),
        RuleUse(rule="duplicate", dimension="accuracy", columns=("a",), when="b IS NOT NULL"),
        RuleUse(rule="duplicate", dimension="accuracy", options={"whole_row": True}, name="whole"),
        RuleUse(rule="row_count", dimension="completeness", options={"least": 3}, when="a IS NOT NULL"),
        RuleUse(rule="predicate", dimension="consistency", options={"expression": "a < b"}),
    )
    rows = [("1", None), ("1", "2"), ("1", "2"), ("2", None), (None, "1")]
    write(lake, "staff", rows, "b1")
    expected = {"b.missing": (3, 1), "a.duplicate": (2, 1), "whole": (5, 1), "table.row_count": (1, 0), "a+b.predicate": (2, 0)}
    assert counts(lake, clock, one) == expected
    given = [{"a_": a, "b_": b} for a, b in rows]
    assert meaning(one, phase="before", elements={}, codes={}, today="2026-01-05", rows=given) == expected


@pytest.mark.parametrize("when", ["a", "c = 1", "a = 1; b = 1", " OR ".join(["a = '1'"] * MOST_NODES)])
def test_a_condition_that_is_none_is_refused(when: str) -> None:
    rule = RuleUse(rule="missing", dimension="completeness", columns=("b",), when=when)
    with pytest.raises(ConfigError):
        plan(resource("staff", rule), elements={}, codes={}, today="2026-01-05")
