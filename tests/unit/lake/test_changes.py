"""The current rows of a table that is followed by its log."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from cityloom.lake.changes import count_rows, current, rows_of
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title

Change = tuple[str, str | None, str | None, str | None]
NAMED = Title("表", "Table")
TABLE = "raw_x__t"


def lay(lake: Lake, part: str, changes: Sequence[Change], table: str = TABLE) -> None:
    """Put changes into the lake: position, operation, key, value."""
    names = ("_position", "_op", "id", "value")
    columns = {n: pa.array([c[i] for c in changes], pa.string()) for i, n in enumerate(("_position", "_op", "id", "value"))}
    columns["_row"] = pa.array(range(1, len(changes) + 1), pa.int64())
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=[*names, "_row"])
    lake.append(table, [batch], part=part, schema=batch.schema)


def rows(lake: Lake, before: str | None = None) -> set[tuple[str, str | None]]:
    """Key and value of the current rows."""
    query = exp.select("id", "value").from_(current(lake, TABLE, ["id"], before=before))
    found = lake.engine.rows(query)
    assert len(set(found)) == len(found)
    return {(key, value) for key, value in found}


def test_the_newest_change_of_each_key_stands(lake: Lake) -> None:
    lay(lake, "b1", [("1-0", "t", None, None), ("1-1", "r", "a", "1"), ("1-2", "r", "b", "1"), ("1-3", "r", "c", "1")])
    lay(lake, "b2", [("2-1", "u", "a", "2"), ("2-2", "d", "b", "1"), ("2-3", "c", "d", None), ("2-4", "u", "a", None)])
    assert rows(lake) == {("a", None), ("c", "1"), ("d", None)}


def test_a_row_that_comes_again_stands(lake: Lake) -> None:
    lay(lake, "b2", [("2-1", "d", "a", "1"), ("2-2", "c", "a", "2")])
    lay(lake, "b1", [("1-0", "t", None, None), ("1-1", "r", "a", "1")])
    assert rows(lake) == {("a", "2")}


def test_a_reset_takes_all_before_it_away(lake: Lake) -> None:
    lay(lake, "b1", [("1-0", "t", None, None), ("1-1", "r", "a", "1"), ("1-2", "c", "b", "1")])
    lay(lake, "b2", [("2-0", "t", None, None)])
    assert rows(lake) == set()
    lay(lake, "b3", [("3-0", "c", "b", "9")])
    assert rows(lake) == {("b", "9")}


def test_rows_as_of_a_position(lake: Lake) -> None:
    lay(lake, "b1", [("1-0", "t", None, None), ("1-1", "r", "a", "1"), ("2-1", "u", "a", "2"), ("3-0", "t", None, None)])
    assert rows(lake, "2-0") == {("a", "1")}
    assert rows(lake, "3-0") == {("a", "2")}
    assert rows(lake) == set()


def test_a_key_of_several_columns_with_separators_in_them(lake: Lake) -> None:
    lay(lake, "b1", [("1-1", "c", "a\x1f", "b"), ("1-2", "c", "a", "\x1fb"), ("1-3", "d", "a", "\x1fb")])
    found = lake.engine.rows(exp.select("id").from_(current(lake, TABLE, ["id", "value"])))
    assert found == [("a\x1f",)]


def test_rows_that_landed_before_the_log_do_not_count(lake: Lake) -> None:
    batch = pa.record_batch({"id": pa.array(["old"]), "value": pa.array(["1"])})
    lake.append(TABLE, [batch], part="b0", schema=batch.schema)
    assert rows(lake) == set()
    lay(lake, "b1", [("1-0", "t", None, None), ("1-1", "r", "a", "1")])
    assert rows(lake) == {("a", "1")}


def test_what_counts_depends_on_the_mode(lake: Lake) -> None:
    lay(lake, "b1", [("1-0", "t", None, None), ("1-1", "r", "a", "1"), ("1-2", "d", "a", "1")])
    assert count_rows(lake, resource("cdc")) == 0
    assert count_rows(lake, resource("full")) == 3
    assert lake.engine.rows(exp.select("id").from_(rows_of(lake, resource("cdc")))) == []


def resource(mode: str) -> Resource:
    """A resource on the table."""
    item = Item(name="id", column="id", title=NAMED)
    task = CollectionTask(source="s", mode=mode)
    return Resource(
        name="t", department="x", title=NAMED, abstract=NAMED, category="x", key=("id",), items=(item,), collect=task
    )
