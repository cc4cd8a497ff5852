"""Floors on real dirty tables, with the defaults and without labels."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.real_data import REAL, needs_real

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.quality.repair import propose, suspects
from cityloom.quality.run import run
from cityloom.quality.suggest import suggest
from cityloom.store.database import Store, metadata

T = Title("甲", "a")


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    """A control store with all tables."""
    store = Store(f"sqlite:///{tmp_path / 'c.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    yield store
    store.close()


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def f1(out: set[Any], right: set[Any], hits: int) -> float:
    return 2 * hits / (len(out) + len(right))


@needs_real
@pytest.mark.parametrize(("name", "least_found", "least_right"), [("hospital", 0.9, 0.85), ("beers", 0.9, 0.85)])
def test_errors_are_found_and_corrected(
    name: str, least_found: float, least_right: float, tmp_path: Path, sqlite: Store, clock: FixedClock
) -> None:
    engine = DuckDBEngine(tmp_path / "spill", memory_mb=512, threads=2)
    lake = Lake(tmp_path / "lake", engine)
    (header, *dirty), (_, *clean) = (read(REAL / "raha" / name / f"{kind}.csv") for kind in ("dirty", "clean"))
    cells = ((r, c, old, new) for r, row in enumerate(dirty) for c, old, new in zip(header, row, clean[r], strict=True))
    right = {(r, c): new for r, c, old, new in cells if old != new}
    columns = {c: pa.array([row[i] or None for row in dirty], pa.string()) for i, c in enumerate(header)}
    places = {"_batch": ["b"] * len(dirty), "_row": pa.array(range(len(dirty)), pa.int64())}
    table = pa.table({**columns, **places})
    items = tuple(Item(name=c, column=c, title=T) for c in header)
    task = CollectionTask(source="files")
    resource = Resource(name=name, department="d", title=T, abstract=T, category="c", items=items, collect=task)
    lake.append(resource.raw_table, table.to_batches(), part="b", schema=table.schema)
    rules = suggest(resource, phase="before", lake=lake, clock=clock)
    both = ("business", "technical")
    ruled = replace(resource, rules=tuple(replace(one.use, approved_by=both) for one in rules))
    given: dict[str, Any] = {"phase": "before", "elements": {}, "codes": {}, "lake": lake, "clock": clock}
    run(ruled, store=sqlite, **given)
    out = {(s.row, s.item) for s in suspects(ruled, **given)}
    assert f1(out, set(right), len(out & right.keys())) >= least_found
    made = {(p.row, p.item): p.value or "" for p in propose(ruled, **given)}
    hits = sum(right.get(cell) == value for cell, value in made.items())
    assert f1(set(made), set(right), hits) >= least_right
    engine.close()
