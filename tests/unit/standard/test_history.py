"""History: what the standard layer held and when, however often it was brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.standard.history import held_at, periods
from cityloom.standard.run import run
from cityloom.store.batches import list_batches, put_batch
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

T = Title("甲", "a")
Row = tuple[str | None, str | None, str | None]


def resource(**changes: Any) -> Resource:
    items = tuple(Item(name=name, column=name.upper(), title=T) for name in ("key", "value", "day"))
    fields: dict[str, Any] = {
        "name": "thing", "department": "ga", "title": T, "abstract": T, "category": "a", "items": items,
        "key": ("key",), "latest": "day", "collect": CollectionTask(source="files"),
    }  # fmt: skip
    return Resource(**{**fields, **changes})


@dataclass
class Source:
    """Lands batches in a lake and its store, as collecting does."""

    lake: Lake
    store: Store
    resource: Resource
    clock: FixedClock
    count: int = 0
    stand: dict[str, Batch] = field(default_factory=dict)

    def land(self, rows: Sequence[Row], origin: str = "", ops: Sequence[str] = ()) -> None:
        self.count += 1
        at, batch_id = f"2026-01-{self.count:02d}T00:00:00.000000Z", f"b_{self.count:03d}"
        columns = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(("KEY", "VALUE", "DAY"))}
        columns |= {"_batch": pa.array([batch_id] * len(rows), pa.string()), "_row": pa.array(range(1, len(rows) + 1), pa.int64())}
        columns["_at"] = pa.array([at] * len(rows), pa.string())
        if self.resource.collect.mode == "cdc":
            columns["_op"] = pa.array(list(ops), pa.string())
            columns["_position"] = pa.array([f"{self.count:04d}.{n:04d}" for n in range(len(rows))], pa.string())
        table = pa.table(columns)
        old = self.stand.get(origin)
        commit = self.lake.append(
            self.resource.raw_table, table.to_batches(), part=batch_id, schema=table.schema, replaces=[old.id] if old else []
        )
        one = Batch(
            id=batch_id, resource="thing", origin=origin or batch_id, digest=batch_id, state="reconciled", started_at=at,
            version=commit.version,
        )  # fmt: skip
        with self.store.write() as connection:
            put_batch(connection, one)
            if old:
                put_batch(connection, replace(old, state="superseded"))
        if origin:
            self.stand[origin] = one

    def standardise(self, **changes: Any) -> dict[str, Any]:
        result = run(replace(self.resource, **changes), elements={}, codes={}, lake=self.lake, clock=self.clock, store=self.store)
        return dict(result.summary["history"])

    def history(self) -> list[tuple[Any, ...]]:
        found = self.lake.engine.records(sql("SELECT * FROM :p ORDER BY _key, _from, _to", p=periods(self.lake, self.resource).subquery("p")))
        return [(r["_key"], r["value"], r["_from"][8:10], r["_to"][8:10] if r["_to"] else None) for r in found]


@pytest.fixture
def make(engine: DuckDBEngine, clock: FixedClock) -> Iterator[Callable[..., Source]]:
    load_tables()
    with TemporaryDirectory() as folder:
        made: list[Store] = []

        def new(**changes: Any) -> Source:
            place = Path(folder) / str(len(made))
            place.mkdir()
            store = Store(f"sqlite:///{place / 'control.db'}")
            made.append(store)
            with store.write() as connection:
                metadata.create_all(connection)
            return Source(Lake(place / "lake", engine), store, resource(**changes), clock)

        yield new
        for store in made:
            store.close()


def test_a_new_value_ends_the_old_one_and_an_older_or_equal_row_changes_nothing(make: Callable[..., Source]) -> None:
    source = make()
    source.land([("a", "1", "2025-01-01"), ("b", "1", "2025-01-01")])
    source.land([("a", "2", "2025-02-01")])
    source.land([("a", "0", "2024-01-01"), ("b", "1", "2025-01-01"), (None, "x", None)])
    assert source.standardise() == {"changes": 3, "without_batch": 0}
    assert source.history() == [("a", "1", "01", "02"), ("a", "2", "02", None), ("b", "1", "01", None)]
    held = source.lake.engine.rows(sql("SELECT value FROM :p", p=held_at(source.lake, source.resource, "2026-01-01T12:00:00Z", "a").subquery("p")))
    assert held == [("1",)]


def test_what_a_newer_delivery_of_the_same_file_leaves_out_is_gone(make: Callable[..., Source]) -> None:
    source = make()
    source.land([("a", "1", None), ("b", "1", None)], "table")
    source.land([("a", "1", None)], "table")
    source.land([("a", "1", None), ("b", "2", None)], "table")
    source.standardise()
    assert source.history() == [("a", "1", "01", None), ("b", "1", "01", "02"), ("b", "2", "03", None)]


def test_deletions_of_a_log_end_what_was(make: Callable[..., Source]) -> None:
    source = make(collect=CollectionTask(source="files", mode="cdc"), latest=None)
    source.land([(None, None, None), ("a", "1", None), ("b", "1", None)], ops="trr")
    source.land([("a", "2", None), ("b", None, None)], ops="ud")
    source.land([("b", "3", None), ("a", "2", None)], ops="cu")
    source.standardise()
    assert source.history() == [("a", "1", "01", "02"), ("a", "2", "02", None), ("b", "1", "01", "02"), ("b", "3", "03", None)]


def test_a_batch_that_is_committed_and_not_recorded_yet_takes_no_other_time(make: Callable[..., Source]) -> None:
    source = make()
    source.land([("a", "1", None), ("b", "1", None)])
    source.land([("a", "2", None)])
    with source.store.write() as connection:
        second = next(one for one in list_batches(connection, "thing") if one.id == "b_002")
        put_batch(connection, replace(second, state="landed"))
    source.standardise()
    with source.store.write() as connection:
        put_batch(connection, second)
    source.standardise()
    values = [value for key, value, *_ in source.history() if key == "a"]
    assert values == ["1", "2"]
    assert source.history()[0] == ("a", "1", "01", "05")


def test_another_definition_is_dated_to_the_run_that_found_it(make: Callable[..., Source]) -> None:
    source = make()
    source.land([("a", "x", None)])
    source.standardise()
    items = (*source.resource.items[:1], Item(name="value", column="DAY", title=T), source.resource.items[2])
    assert source.standardise(items=items) == {"changes": 0, "without_batch": 1}
    assert source.history() == [("a", "x", "01", "05"), ("a", None, "05", None)]
    assert source.standardise(items=items) == {"changes": 0, "without_batch": 0}


rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["1", "2", None]), st.sampled_from(["1", "2", None])), max_size=5
)
deliveries = st.lists(st.tuples(rows, st.sampled_from(["", "", "f", "g"])), min_size=1, max_size=6)
changes = st.lists(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]), st.sampled_from("ccuud")), min_size=1, max_size=5),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(deliveries, st.lists(st.booleans(), min_size=6, max_size=6), st.booleans())
def test_one_by_one_or_all_at_once_the_history_is_the_same(make, found, stops, has_key) -> None:  # type: ignore[no-untyped-def]
    both = [make(key=("key",) if has_key else ()) for _ in range(2)]
    for source, marks in zip(both, (stops, [False] * 6), strict=True):
        for (some, origin), is_run in zip(found, marks, strict=False):
            source.land(some, origin)
            if is_run:
                source.standardise()
        assert source.standardise()["without_batch"] == 0
    assert both[0].history() == both[1].history()


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes, st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_log_taken_at_once_or_bit_by_bit_gives_the_same(make, found, stops) -> None:  # type: ignore[no-untyped-def]
    both = [make(collect=CollectionTask(source="files", mode="cdc"), latest=None) for _ in range(2)]
    for source, marks in zip(both, (stops, [False] * 6), strict=True):
        source.land([(None, None, None)], ops="t")
        for some, is_run in zip(found, marks, strict=False):
            source.land([(key, value, None) for key, value, _ in some], ops=[op for *_, op in some])
            if is_run:
                source.standardise()
        assert source.standardise()["without_batch"] == 0
    assert both[0].history() == both[1].history()
