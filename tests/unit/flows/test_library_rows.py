"""The library on real tables: made rows of every element go through the standard stage, an assessment and the
comparison with the standards. Good values come out right and keep every rule; bad ones become missing or break one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp
from tests.unit.flows.library_values import bad, good, off_form

from cityloom.content import library
from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import CodeTable, Element
from cityloom.model.text import Title
from cityloom.quality.items import items_of
from cityloom.quality.plan import plan as rules_of
from cityloom.quality.run import run as assess
from cityloom.quality.scan import View
from cityloom.standard.conformance import ASPECTS, ItemConformance, conformance
from cityloom.standard.run import run as standardise
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

BATCHES = 5
"""The elements stand in so many tables of some fifty columns each."""


@cache
def elements() -> dict[str, Element]:
    return {name: library.read(kind, name).value for kind, name in library.index() if kind == "element"}


@cache
def tables() -> dict[str, CodeTable]:
    return {name: library.read(kind, name).value for kind, name in library.index() if kind == "code_table"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'control.db'}")
    load_tables()
    with made.write() as connection:
        metadata.create_all(connection)
    yield made
    made.close()


def landed(lake: Lake, chosen: list[Element], values: dict[str, list[str | None]]) -> Resource:
    """A resource with a column for each element; shorter columns are filled with missing values."""
    title = Title("甲", "a")
    resource = Resource(
        name="all", department="ga", title=title, abstract=title, category="c", collect=CollectionTask(source="s"),
        items=(*(Item(name=e.name, column=e.name, title=e.title, element=e.name) for e in chosen), Item(name="no", column="no", title=title)),
        key=("no",),
    )  # fmt: skip
    count = max(len(some) for some in values.values()) + 1
    columns = {name: pa.array([*some, *([None] * (count - len(some)))], pa.string()) for name, some in values.items()}
    columns |= {"no": pa.array([str(n) for n in range(count)])}
    columns |= {"_batch": pa.array(["b"] * count), "_row": pa.array(range(1, count + 1), pa.int64()), "_at": pa.array(["2026-01-01"] * count)}
    table = pa.table(columns)
    lake.append(resource.raw_table, table.to_batches(), part="b", schema=table.schema)
    return resource


def rows_of(resource: Resource, lake: Lake, clock: FixedClock, store: Store) -> list[dict[str, str | None]]:
    """The standard rows, by place, after they were assessed."""
    given = {"elements": elements(), "codes": tables(), "lake": lake, "clock": clock}
    done = standardise(resource, **given)
    assert done.written == done.read
    assert assess(resource, phase="after", store=store, **given).read == done.read
    return lake.engine.records(sql("SELECT * FROM :t ORDER BY _row", t=lake.relation(resource.std_table)))


def positions(resource: Resource, lake: Lake) -> dict[str, set[int]]:
    """By item the rows that break a rule on it, but for missing values."""
    view = View(resource, "after", lake)
    found: dict[str, set[int]] = {item.name: set() for item in resource.items if item.element}
    for rule in rules_of(resource, elements=elements(), codes=tables(), today="2026-01-05"):
        if rule.use.rule != "missing":
            found[rule.columns[0]] |= {int(row) for _, row in lake.engine.rows(view.broken(rule))}
    return found


def compared(resource: Resource, lake: Lake, where: exp.Expression) -> dict[str, ItemConformance]:
    relation, terms = items_of(resource, "after", lake)
    relation = exp.select("*").from_(relation).where(where).subquery("good")
    found = conformance(resource, elements(), tables(), engine=lake.engine, relation=relation, terms=terms, is_raw=False)
    return {one.item: one for one in found}


@pytest.mark.parametrize("part", range(BATCHES))
def test_good_values_come_out_right_and_bad_ones_are_found(part: int, lake: Lake, store: Store, clock: FixedClock) -> None:
    chosen = list(elements().values())[part::BATCHES]
    right = {e.name: good(e, tables()) for e in chosen}
    most = max(len(some) for some in right.values())
    wrong = {e.name: bad(e) for e in chosen}
    resource = landed(lake, chosen, {n: [*[raw for raw, _ in some], *[None] * (most - len(some)), *wrong[n]] for n, some in right.items()})
    rows = rows_of(resource, lake, clock, store)
    became = {name: [(raw, row[name]) for (raw, _), row in zip(some, rows, strict=False)] for name, some in right.items()}
    assert became == right
    broken = positions(resource, lake)
    assert {name: sorted(n for n in some if n <= most) for name, some in broken.items() if min(some, default=most + 1) <= most} == {}
    found = compared(resource, lake, sql("_row <= :most", most=most))
    assert [(name, aspect) for name, one in found.items() for aspect in ASPECTS if getattr(one, aspect) is False] == []
    unseen = {
        name: [raw for number, raw in enumerate(some, most) if rows[number][name] is not None and number + 1 not in broken[name]]
        for name, some in wrong.items()
    }
    assert {name: some for name, some in unseen.items() if some} == {}


@pytest.mark.parametrize("kind", ["type", "length"])
def test_values_of_another_form_do_not_conform(kind: str, lake: Lake) -> None:
    chosen = [e for e in elements().values() if off_form(e, kind)]
    resource = landed(lake, chosen, {e.name: [off_form(e, kind)] for e in chosen})
    relation = lake.relation(resource.raw_table)
    terms = {e.name: exp.column(e.name) for e in chosen}
    found = conformance(resource, elements(), tables(), engine=lake.engine, relation=relation, terms=terms, is_raw=True)
    assert len(found) > 50
    assert [one.item for one in found if one.element and getattr(one, kind) is not False] == []


def test_all_coded_elements_in_one_table_fit_a_small_memory(tmp_path: Path, clock: FixedClock, store: Store) -> None:
    engine = DuckDBEngine(tmp_path / "spill", memory_mb=128, threads=1)
    try:
        lake = Lake(tmp_path / "lake", engine)
        chosen = [e for e in elements().values() if e.codes]
        values = {e.name: [raw for raw, _ in good(e, tables())] for e in chosen}
        rows = rows_of(landed(lake, chosen, values), lake, clock, store)
        assert rows[0]["sex"] == "0"
    finally:
        engine.close()


def test_every_code_fits_the_representation_of_its_elements(lake: Lake) -> None:
    for element in (e for e in elements().values() if e.codes):
        codes = list(tables()[str(element.codes)].codes)
        with lake.engine.bound(pa.table({"x": [c.code for c in codes]})) as source:
            item = Item(name="x", column="x", title=element.title, element=element.name)
            title = Title("甲", "a")
            resource = Resource(name="all", department="ga", title=title, abstract=title, category="c", collect=CollectionTask(source="s"), items=(item,))
            (found,) = conformance(resource, elements(), {}, engine=lake.engine, relation=source, terms={"x": exp.column("x")}, is_raw=False)
        assert found.length is not False, element.name
