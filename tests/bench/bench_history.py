"""A new batch of 20 000 rows on a table of 1, 2 and 4 times 250 000 keys: standardising it, with and without the history.

Half of the batch changes a key, half is as it was. One JSON line a figure: ``name, size, seconds, rows_per_second, peak_mb``;
``against`` tells the same run without a history.
"""

from __future__ import annotations

import json
import resource as system
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import SystemClock
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import StepUse
from cityloom.model.text import Title
from cityloom.standard.run import run
from cityloom.store.batches import put_batch
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

KEYS, NEW = 250_000, 20_000
T = Title("甲", "a")
STEPS = {"k": (StepUse(step="clean_text"),), "day": (StepUse(step="clean_text"), StepUse(step="parse_date")), "v": (StepUse(step="clean_text"),)}
THING = Resource(
    name="thing", department="ga", title=T, abstract=T, category="a", key=("k",), collect=CollectionTask(source="files"),
    items=tuple(Item(name=name, column=name.upper(), title=T, steps=steps) for name, steps in STEPS.items()),
)  # fmt: skip


def land(lake: Lake, store: Store, number: int, rows: exp.Expression) -> None:
    """One batch: its rows in the raw layer, its record in the store."""
    at, name = f"2026-01-{number:02d}T00:00:00.000000Z", f"b_{number}"
    text = "SELECT x.*, :b AS _batch, row_number() OVER () AS _row, :at AS _at FROM :rows AS x"
    commit = lake.append(THING.raw_table, sql(text, b=name, at=at, rows=exp.Subquery(this=rows)), part=name)
    with store.write() as connection:
        put_batch(connection, Batch(id=name, resource="thing", origin=name, digest=name, state="reconciled", started_at=at, version=commit.version))


def measure(times: int, folder: Path) -> None:
    """One size."""
    load_tables()
    engine = DuckDBEngine(folder / "spill", memory_mb=1024, threads=2)
    store = Store(f"sqlite:///{folder / 'control.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    lake = Lake(folder / "lake", engine)
    text = "SELECT CAST(i AS VARCHAR) AS K, '2024/1/' || CAST(1 + i % 28 AS VARCHAR) AS DAY, 'v' || CAST(i % 97 AS VARCHAR) AS V FROM range(:n) AS t(i)"
    land(lake, store, 1, sql(text, n=KEYS * times))
    run(THING, elements={}, codes={}, lake=lake, clock=SystemClock(), store=store)
    changed = text.replace("i % 97", "CASE WHEN i % 2 = 0 THEN i % 97 ELSE 1000 END")
    land(lake, store, 2, sql(changed, n=NEW))
    began = perf_counter()
    with_history = run(THING, elements={}, codes={}, lake=lake, clock=SystemClock(), store=store)
    middle = perf_counter()
    run(replace(THING), elements={}, codes={}, lake=lake, clock=SystemClock())
    ended = perf_counter()
    assert with_history.summary["history"] == {"changes": NEW // 2, "without_batch": 0}
    seconds = middle - began
    figure = {"name": "history of a new batch", "size": KEYS * times + NEW, "seconds": round(seconds, 2)}
    figure |= {"rows_per_second": round((KEYS * times + NEW) / seconds), "against": {"without history": round(ended - middle, 2)}}
    figure |= {"peak_mb": round(system.getrusage(system.RUSAGE_SELF).ru_maxrss / 1024)}
    sys.stdout.write(json.dumps(figure) + "\n")
    engine.close()
    store.close()


if __name__ == "__main__":
    for factor in (1, 2, 4):
        with TemporaryDirectory() as place:
            measure(factor, Path(place))
