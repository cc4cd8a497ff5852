"""Business rules: declared once, used in many places, their parts put in their place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.model.resource import Item, Resource
from cityloom.model.rules import BusinessRule, RuleRecord, RuleState, RuleTarget
from cityloom.model.source import CollectionTask
from cityloom.model.standard import Element, RuleUse
from cityloom.model.text import Title
from cityloom.quality.business import broken_of, grouped, in_force
from cityloom.quality.plan import plan
from cityloom.quality.reference import assess as meaning
from cityloom.quality.run import run
from cityloom.quality.score import scores_of
from cityloom.store.database import Store
from cityloom.store.quality import find_assessment

T = Title("甲", "a")
IDENTITY = BusinessRule(
    name="identity",
    title=T,
    owner="ga",
    rules=(
        RuleUse(rule="missing", dimension="completeness", weight=2, severity="high"),
        RuleUse(rule="coding_rule", dimension="accuracy", options={"kind": "citizen_id"}),
        RuleUse(rule="duplicate", dimension="accuracy", name="once"),
    ),
)
COUPLE = BusinessRule(
    name="couple",
    title=T,
    rules=(
        RuleUse(rule="predicate", dimension="consistency", columns=("$1", "$2"), options={"expression": "value <> ''"}),
        RuleUse(rule="missing", dimension="completeness", columns=("$2",)),
    ),
)
GOOD = "11010519491231002X"


def resource(**changes: Any) -> Resource:
    fields: dict[str, Any] = {
        "name": "hukou", "department": "ga", "title": T, "abstract": T, "category": "人口",
        "items": (
            Item(name="a", column="甲", title=T),
            Item(name="b", column="乙", title=T),
            Item(name="kind", column="类", title=T),
        ),
        "collect": CollectionTask(source="files"),
    }  # fmt: skip
    return Resource(**{**fields, **changes})


def city(*resources: Resource, **parts: Any) -> City:
    rules = {one.name: one for one in (IDENTITY, COUPLE)}
    return City(resources={one.name: one for one in resources}, business_rules=rules, **parts)


def names(one: City) -> list[str]:
    return [p.name for p in plan(one.resources["hukou"], elements=one.elements, codes={}, today="2026-01-05")]


def test_it_is_used_by_items_resources_and_elements() -> None:
    element = Element(
        name="e", identifier="e", title=T, definition=T, representation="an18", standard="own", rules=(RuleUse(rule="identity"),)
    )
    items = (
        Item(name="a", column="甲", title=T, rules=(RuleUse(rule="identity"),)),
        Item(name="b", column="乙", title=T, element="e"),
        Item(name="kind", column="类", title=T),
    )
    uses = (RuleUse(rule="couple", columns=("a", "b"), name="pair"),)
    whole = in_force(city(resource(items=items, rules=uses), elements={"e": element}))
    assert names(whole) == [
        "a.identity:missing", "a.identity:coding_rule", "a.identity:once",
        "b.identity:missing", "b.identity:coding_rule", "b.identity:once",
        "pair:predicate", "pair:missing",
    ]  # fmt: skip
    part = whole.resources["hukou"].rules[1]
    assert (part.columns, part.business, part.dimension) == (("b",), "couple", "completeness")


def test_a_use_says_when_how_heavy_and_whether_it_counts() -> None:
    use = RuleUse(rule="identity", columns=("a",), when="kind = '1'", weight=3, approved_by=("business",))
    whole = in_force(city(resource(rules=(use,))))
    parts = whole.resources["hukou"].rules
    assert [p.weight for p in parts] == [6, 3, 3]
    assert {p.when for p in parts} == {"kind = '1'"} and {p.owner for p in parts} == {"ga"}
    assert names(whole) == []


def test_too_few_columns_are_refused() -> None:
    with pytest.raises(ConfigError, match="is used on 1 columns"):
        in_force(city(resource(rules=(RuleUse(rule="couple", columns=("a",)),))))


def test_rules_of_the_store_hang_where_they_belong() -> None:
    record = RuleRecord(
        name="hukou.a.length", version=1, target=RuleTarget(resource="hukou", item="a"),
        use=RuleUse(rule="length", dimension="conformity", options={"most": 3}), author="x",
        state=RuleState.ACTIVE, made_at="", changed_at="",
    )  # fmt: skip
    whole = replace(record, name="hukou.b", target=RuleTarget(resource="hukou"), use=replace(record.use, columns=("b",)))
    assert names(in_force(city(resource()), [record, whole])) == ["a.length", "b.length"]


def test_results_are_grouped_and_rows_counted_once(lake: Lake, store: Store, clock: FixedClock) -> None:
    rows = [(GOOD, "x", "1"), (GOOD, "x", "2"), (None, "x", "1"), ("1", "x", "1"), ("1", None, "1"), ("1", None, "3")]
    raw = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(("甲", "乙", "类"))}
    table = pa.table({**raw, "_batch": ["b_1"] * len(rows), "_row": pa.array(range(len(rows)), pa.int64())})
    lake.append("raw_ga__hukou", table.to_batches(), part="b_1", schema=table.schema)
    use = RuleUse(rule="identity", columns=("a",), when="kind <> '3'", name="who")
    whole = in_force(city(resource(rules=(use, RuleUse(rule="missing", dimension="completeness", columns=("b",))))))
    one = whole.resources["hukou"]
    run(one, phase="before", elements={}, codes={}, lake=lake, store=store, clock=clock)
    with store.read() as connection:
        found = find_assessment(connection, "hukou", "before")
    assert found is not None
    counts = {r.rule: (r.checked, r.broken) for r in found.results}
    assert counts == {"who:missing": (5, 1), "who:coding_rule": (4, 2), "who:once": (4, 2), "b.missing": (6, 2)}
    given = [dict(zip(("甲", "乙", "类"), row, strict=True)) for row in rows]
    assert counts == meaning(one, phase="before", elements={}, codes={}, today="2026-01-05", rows=given)
    groups = grouped(found.results)
    assert {name: len(parts) for name, parts in groups.items()} == {"who": 3}
    assert broken_of(lake, one, "before", [r.rule for r in groups["who"]]) == 4
    assert scores_of(found.results)[-1].dimension == "total"
