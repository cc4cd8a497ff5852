"""The library on real tables: made rows of all coded elements go through the standard stage and both assessments."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cityloom.content import library
from cityloom.engines.base import sql
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.codes import valid_codes
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import CodeTable, Element
from cityloom.model.text import Title
from cityloom.quality.run import run as assess
from cityloom.standard.run import run as standardise
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables
from cityloom.store.quality import find_assessment

ROWS = 6
PLAIN = ("测试", "12", "2024-01-31", "2024-01-31 10:00:00", " 甲乙 ", None)


def made(element: Element, tables: dict[str, CodeTable]) -> list[str | None]:
    """Raw values of an element: names and codes of its code table, and what comes along."""
    if element.codes is None:
        return list(PLAIN)
    table = tables[element.codes]
    names = [c.title.zh for c in table.codes]
    codes = [c for c in valid_codes(table).values() if names.count(c.title.zh) == 1][:3]
    return [*(f" {c.title.zh} " if i % 2 else c.code for i, c in enumerate([*codes, codes[0]])), None, codes[-1].code][:ROWS]


LARGE = "county_division_code"


@pytest.mark.parametrize("part", [0, 1, 2, 3, LARGE])
def test_coded_elements_stand_the_stages(part: int | str, lake: Lake, tmp_path: Path, clock: FixedClock) -> None:
    tables = {name: library.read(kind, name).value for kind, name in library.index() if kind == "code_table"}
    elements = {name: library.read(kind, name).value for kind, name in library.index() if kind == "element"}
    coded = [e for e in elements.values() if e.codes and e.name != LARGE]
    mine = [elements[LARGE]] if part == LARGE else [e for i, e in enumerate(coded) if i % 4 == part]
    title = Title("甲", "a")
    resource = Resource(
        name="all", department="ga", title=title, abstract=title, category="c", collect=CollectionTask(source="s"),
        items=tuple(Item(name=e.name, column=e.name, title=e.title, element=e.name) for e in mine),
    )  # fmt: skip
    columns = {e.name: pa.array((made(e, tables) + [None] * ROWS)[:ROWS], pa.string()) for e in mine}
    columns |= {"_batch": pa.array(["b"] * ROWS), "_row": pa.array(range(1, ROWS + 1), pa.int64()), "_at": pa.array(["2026-01-01"] * ROWS)}
    table = pa.table(columns)
    lake.append(resource.raw_table, table.to_batches(), part="b", schema=table.schema)
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    load_tables()
    with store.write() as connection:
        metadata.create_all(connection)
    given = {"elements": elements, "codes": tables, "lake": lake, "clock": clock}
    done = standardise(resource, **given)
    assert done.written == ROWS
    for phase in ("before", "after"):
        assert assess(resource, phase=phase, store=store, **given).read > 0
    rows = lake.engine.records(sql("SELECT * FROM :t ORDER BY _row", t=lake.relation(resource.std_table)))
    for one in (e for e in mine if e.codes):
        known = valid_codes(tables[str(one.codes)])
        assert all(row[one.name] in known for row in rows[:3]), one.name
    with store.read() as connection:
        after = find_assessment(connection, "all", "after")
    store.close()
    assert after is not None
    assert not [r.rule for r in after.results if r.plugin == "code" and r.broken]
