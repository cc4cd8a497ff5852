"""Whole stages: the embedded engine and the reference engine make the same tables of the example city.

The rows are a small generated city's, and copies of them in a second batch that a seeded hand has spoiled.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.flows import chain
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, example_content, open_workspace
from cityloom.flows.runner import Runner
from cityloom.flows.surroundings import CITY, example_interface
from cityloom.fuse import golden
from cityloom.fuse import reference as fuse_reference
from cityloom.fuse import run as fuse
from cityloom.fuse.contribute import plan, seconds, seconds_sql, statements
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.config import Settings
from cityloom.lake.tables import Lake
from cityloom.model.cleaning import CleaningRule, CleaningVersion
from cityloom.model.quality import Assessment
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import StepUse
from cityloom.model.text import Title
from cityloom.quality import plan as quality_plan
from cityloom.quality import reference as quality_reference
from cityloom.quality import run as quality
from cityloom.sample import generate
from cityloom.standard import reference as standard_reference
from cityloom.standard import run as standard
from cityloom.standard.cleaning import Cleaning, ready

SYSTEM = ("_batch", "_row", "_at")
SPOILED = "b_spoiled"
CLOCK = FixedClock(datetime(2026, 1, 5, 2, 0, tzinfo=UTC))
RESOURCES = ("hukou", "marriage", "death", "birth", "visit", "insured", "housing", "unit", "firm", "taxpayer")
Table = list[dict[str, Any]]

VALUES = (
    None, "", " ", "\u3000", "\n", "2024-02-30", "0000-01-01", "9999-12-31", "-0.0", "NaN", "inf", "1e3",
    "👩‍👩‍👧", "𠮷野家", "=cmd|'/C calc'!A0", "' OR 1=1 --", "infinity", "\x1f", "\x01", "a\u0301", "a" * 100_000,
)  # fmt: skip
CHANGES: tuple[Callable[[str], str | None], ...] = (
    lambda x: x + "\n",
    lambda x: "\u3000" + x,
    lambda x: x.translate({code: code + 0xFEE0 for code in range(0x30, 0x5B)}),
    lambda x: x[:-1] + "0",
    lambda x: x.lower(),
    lambda x: x[:15],
    lambda x: x + "\x1f" + x,
)
each_resource = pytest.mark.parametrize("name", RESOURCES)


@dataclass(frozen=True)
class Stages:
    """A workspace with raw rows, standardised and assessed on request."""

    workspace: Workspace

    @property
    def lake(self) -> Lake:
        return self.workspace.lake

    def resource(self, name: str) -> Resource:
        return self.workspace.city.resource(name)

    def rows(self, table: str) -> Table:
        return self.lake.engine.records(sql("SELECT * FROM :t ORDER BY ALL", t=self.lake.relation(table)))

    @property
    def definitions(self) -> dict[str, Any]:
        return {"elements": self.workspace.city.elements, "codes": self.workspace.city.codes}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    settings = Settings(workspace=tmp_path_factory.mktemp("city"), memory_mb=256, threads=2)
    workspace = open_workspace(settings, clock=CLOCK)
    generate(workspace.folder / CITY, people=300, seed=7, engine=workspace.engine)
    apply(workspace, example_content(), actor="dsj.steward")
    with example_interface(workspace.folder):
        chain.collect(workspace, Runner(workspace))
    found, hand = Stages(workspace), random.Random(20260105)
    for name in RESOURCES:
        add_spoiled(found, found.resource(name), hand)
        standard.run(found.resource(name), **found.definitions, lake=found.lake, clock=CLOCK)
    yield found
    workspace.close()


def add_spoiled(stages: Stages, resource: Resource, hand: random.Random) -> None:
    """Append a spoiled copy of a resource's raw rows as a batch of its own."""
    rows = stages.rows(resource.raw_table)
    names = [name for name in rows[0] if name not in SYSTEM]
    pool = {name: [row[name] for row in rows] for name in names}
    values = {name: [spoil(row[name], pool[name], hand) for row in rows] for name in names}
    if resource.name == "marriage":  # rows that speak of one person in two roles
        man, woman = (next(i.column for i in resource.items if i.name == name) for name in ("male_id", "female_id"))
        values[man][::5] = values[woman][::5]
    spoiled = {name: pa.array(texts, pa.string()) for name, texts in values.items()}
    system = {"_batch": [SPOILED] * len(rows), "_row": range(1, len(rows) + 1), "_at": [row["_at"] for row in rows]}
    table = pa.table({**spoiled, **system})
    stages.lake.append(resource.raw_table, table.to_batches(), part=SPOILED, schema=table.schema)


def spoil(value: str | None, others: list[str | None], hand: random.Random) -> str | None:
    """A value as it is, most often; or something hostile, the value spoiled, or another row's value."""
    chance = hand.random()
    if chance > 0.2:
        return value
    if chance < 0.06:
        return hand.choice(VALUES)
    return hand.choice(CHANGES)(value) if value and chance < 0.12 else hand.choice(others)


def sorted_rows(rows: Table) -> Table:
    return sorted(rows, key=lambda row: (row["_batch"], row["_row"]))


def by_reference(stages: Stages, resource: Resource, cleaning: Any = ()) -> standard_reference.Standardised:
    city = stages.workspace.city
    raw = stages.rows(resource.raw_table)
    return standard_reference.standardise(resource, city.elements, city.codes, raw, cleaning)


def differences(engine: Mapping[Any, Mapping[str, Any]], meaning: Mapping[Any, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Cells that differ: row, column, both values cut short; or the rows that only one side has."""
    if engine.keys() != meaning.keys():
        return [("rows", sorted(engine.keys() ^ meaning.keys(), key=str)[:5])]
    return [
        (key, name, str(row[name])[:40], str(meaning[key].get(name))[:40])
        for key, row in engine.items()
        for name in row.keys() | meaning[key].keys()
        if (row.get(name, "-"),) != (meaning[key].get(name, "-"),)
    ][:10]


def placed(rows: Table) -> dict[Any, dict[str, Any]]:
    found = {(row["_batch"], row["_row"]): row for row in rows}
    assert len(found) == len(rows)
    return found


@each_resource
def test_the_standard_table_is_the_same_row_by_row(stages: Stages, name: str) -> None:
    resource = stages.resource(name)
    written = stages.rows(resource.std_table)
    assert written and {row["_batch"] for row in written} > {SPOILED}
    assert {row["_current"] for row in written} == {True, False}
    assert differences(placed(written), placed(by_reference(stages, resource).rows)) == []


@each_resource
@pytest.mark.parametrize("phase", ["before", "after"])
def test_quality_counts_are_the_same_rule_by_rule(stages: Stages, name: str, phase: str) -> None:
    resource = stages.resource(name)
    version = stages.lake.version(resource.raw_table if phase == "before" else resource.std_table)
    manner = quality.Manner(resources=stages.workspace.city.resources, earlier=tuple(range(version - 1, -1, -1)))
    found = quality.assess(resource, phase=phase, **stages.definitions, lake=stages.lake, clock=CLOCK, manner=manner)
    counts = {one.rule: (one.checked, one.broken) for one in found.results}
    assert any(broken for _, broken in counts.values())
    rows = stages.rows(found.table)
    today = quality.today(CLOCK)
    given = {"phase": phase, **stages.definitions, "today": today, "others": others(stages, resource, phase, found)}
    assert counts == quality_reference.assess(resource, **given, rows=rows)


def others(stages: Stages, resource: Resource, phase: str, found: Assessment) -> dict[str, Table]:
    """What rules look at beside the table: the items of its rows some versions ago, and of other resources' rows."""

    def items(of: Resource, version: int | None = None) -> Table:
        table = of.raw_table if phase == "before" else of.std_table
        rows = stages.lake.engine.records(sql("SELECT * FROM :t", t=stages.lake.relation(table, version)))
        column_of = {item.name: item.column if phase == "before" else item.name for item in of.items}
        counted = [row for row in rows if phase == "before" or row["_current"]]
        return [{name: row.get(column) for name, column in column_of.items()} for row in counted]

    tables = {f"@{back}": items(resource, found.version - back) for back in range(1, found.version + 1)}
    return tables | {name: items(stages.resource(name)) for name in RESOURCES}


def cleaning_of(resource: Resource, rule: CleaningRule, given: Mapping[str, Any]) -> Cleaning:
    one = CleaningVersion(
        resource=resource.name, version=1, rule=rule, kind=rule.chosen(None), digest="", state="approved", proposed_by="", proposed_at=""
    )
    found = quality_plan.cleaning_rule(rule, resource, **given)
    items = [item.name for item in resource.items]
    return ready(one, quality_plan.broken_term(found), quality_plan.broken_meaning(found), items=items, codes=given["codes"])


def test_cleaning_sets_the_same_rows_apart_and_puts_the_same_right(stages: Stages) -> None:
    phone = {"phone": (StepUse(step="expression", options={"text": "CASE WHEN substr(a, 17, 1) IN ('1', '3', '5') THEN a END"}, inputs=("citizen_id",)),)}
    rules = (
        CleaningRule(name="phone", rule="missing", columns=("phone",), severity="medium", correct=phone, otherwise="filter"),
        CleaningRule(name="id", rule="coding_rule", columns=("citizen_id",), options={"kind": "citizen_id"}, kind="filter"),
        CleaningRule(name="short", rule="length", columns=("phone",), options={"most": 11}, severity="low", when="phone IS NOT NULL"),
    )
    resource = replace(stages.resource("visit"), cleaning=rules, key=())
    given = {"codes": stages.workspace.city.codes, "today": quality.today(CLOCK)}
    lake = Lake(stages.lake.root.parent / "filtered", stages.lake.engine)
    lake.replace(resource.raw_table, [sql("SELECT * FROM :t", t=stages.lake.relation(resource.raw_table))])
    cleaning = [cleaning_of(resource, rule, given) for rule in rules]
    standard.run(resource, **stages.definitions, lake=lake, clock=CLOCK, cleaning=cleaning)
    meant = by_reference(stages, resource, cleaning)
    own = Stages(replace(stages.workspace, lake=lake))
    apart = own.rows(resource.std_table + standard.SET_APART)
    assert {row["_rule"] for row in apart} == {"phone@1", "id@1"}
    assert differences(placed(apart), placed(meant.apart)) == []
    assert differences(placed(own.rows(resource.std_table)), placed(meant.rows)) == []


@pytest.mark.parametrize(("name", "reasons"), [("population", {"no_key", "bad_key", "ambiguous"}), ("legal_person", set())])
def test_golden_records_and_their_origins_are_the_same(stages: Stages, name: str, reasons: set[str]) -> None:
    workspace, object_type = stages.workspace, stages.workspace.city.object_types[name]
    resources = workspace.city.resources
    done = fuse.run(
        object_type, resources=resources, lake=stages.lake, store=workspace.store, clock=CLOCK, rows_a_part=700
    )
    assert done.summary["judgements"].keys() >= {"valid_key", "attributes", "repaired_key"}
    tables = {r.std_table: stages.rows(r.std_table) for r in resources.values() if stages.lake.exists(r.std_table)}
    meant = fuse_reference.fuse(object_type, fuse_reference.statements(object_type, resources, tables))
    records = {row[object_type.key]: row for row in stages.rows(object_type.golden_table)}
    assert len(records) > 40
    assert differences(records, meant.records) == []
    unresolved = {
        ((row["department"], row["resource"], row["batch"], row["row"]), row["item"]): row["reason"]
        for row in stages.rows(f"{object_type.golden_table}__unresolved")
    }
    assert set(unresolved.values()) >= reasons
    assert unresolved == meant.unresolved


@pytest.mark.parametrize("key", [("a", "b"), ("b",), ()], ids=["pair", "one", "none"])
def test_the_newest_row_of_a_key_is_the_same_for_bare_texts(stages: Stages, key: tuple[str, ...]) -> None:
    hand, title = random.Random(5), Title("甲", "a")
    items = tuple(Item(name=name, column=name.upper(), title=title) for name in ("a", "b", "day"))
    resource = replace(stages.resource("hukou"), name="bare", items=items, key=key, latest="day", rules=(), cleaning=())
    pool = (None, "", "x", "x\x1f", "\x1fx", "\x1f", "\x01", "\x00", "x\n", "x ", "é", "𠮷", "2024-01-05", "2024-01-05\n", "-0.0", "1")
    lake = Lake(stages.lake.root.parent / f"bare_{len(key)}", stages.lake.engine)
    pools = {"A": pool, "B": (*pool, *map(str, range(400))), "DAY": pool}
    rows = {name: pa.array([hand.choice(texts) for _ in range(2000)], pa.string()) for name, texts in pools.items()}
    system = {"_batch": [hand.choice(["b1", "b10", "b2"]) for _ in range(2000)], "_row": range(9_990, 11_990), "_at": ["2026-01-05T02:00:00Z"] * 2000}
    table = pa.table({**rows, **system})
    lake.append(resource.raw_table, table.to_batches(), part="b1", schema=table.schema)
    standard.run(resource, **stages.definitions, lake=lake, clock=CLOCK)
    own = Stages(replace(stages.workspace, lake=lake))
    assert differences(placed(own.rows(resource.std_table)), placed(by_reference(own, resource).rows)) == []


def test_the_order_of_statements_decides_nothing(stages: Stages, tmp_path: Path) -> None:
    workspace, lake, engine = stages.workspace, stages.lake, stages.workspace.engine
    made = plan(workspace.city.object_types["population"], workspace.city.resources, lake)
    said = exp.Subquery(this=statements(made, lake), alias="s")
    both = []
    for number, order in enumerate(("pointer, role", "pointer DESC, role DESC")):
        staged = engine.write_parquet(sql(f"SELECT * FROM :said ORDER BY {order}", said=said), tmp_path / f"{number}.parquet")
        files = engine.files([staged.path])
        none = exp.Subquery(this=sql("SELECT * FROM :files WHERE false", files=files))
        both.append({row["key"]: row for row in engine.records(golden.part(made, 0, files, none))})
    assert differences(both[0], both[1]) == []


def test_dates_of_rows_are_understood_the_same(stages: Stages) -> None:
    texts = (
        *VALUES, "2024-01-05", "0001-01-01", "2024-01-05T08:09:10", "2024-01-05 08:09:10", "2024-01-05T24:00:00",
        "2024-01-05T08:09:60", "20240105", "20240230", "00000101", "99991231", "-infinity", "epoch", "2024-1-5",
        "2024-01-05\n", "２０２４-01-05", "2024-01-05 (BC)", "2024-01-05T08:09:10+08:00", "1582-10-10",
    )  # fmt: skip
    engine = stages.workspace.engine
    with engine.bound(pa.table({"n": range(len(texts)), "t": pa.array(texts, pa.string())})) as source:
        query = sql("SELECT n, :at FROM :source ORDER BY n", at=seconds_sql(column("t")), source=source)
        assert [at for _, at in engine.rows(query)] == [seconds(text) for text in texts]
