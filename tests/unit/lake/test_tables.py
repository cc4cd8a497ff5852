"""Lake tables: versions, parts, readers that are not disturbed, writers that may die."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.errors import ConfigError, UserError
from cityloom.lake.receipts import add, measure
from cityloom.lake.tables import Lake

TABLE = "raw_ga__hukou"
SCHEMA = pa.schema([("a", pa.string())])


def rows_of(lake: Lake, table: str = TABLE, version: int | None = None) -> list[str]:
    query = sql("SELECT a FROM :t AS t ORDER BY a", t=lake.relation(table, version))
    return [row[0] for row in lake.engine.rows(query)]


def batch(*values: str | None) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pydict({"a": list(values)}, schema=SCHEMA)]


def test_the_same_part_again_changes_nothing(lake: Lake) -> None:
    lake.append(TABLE, batch("x"), part="b1", schema=SCHEMA)
    again = lake.append(TABLE, batch("other"), part="b1", schema=SCHEMA)
    assert again.is_repeated
    assert rows_of(lake) == ["x"]
    assert lake.version(TABLE) == 0


def test_a_part_that_replaces_another_comes_in_the_same_commit(lake: Lake) -> None:
    lake.append(TABLE, batch("x"), part="b1", schema=SCHEMA)
    lake.append(TABLE, batch("y"), part="b2", schema=SCHEMA)
    lake.append(TABLE, batch("z"), part="b3", replaces=["b1"], schema=SCHEMA)
    assert rows_of(lake) == ["y", "z"]
    assert lake.parts(TABLE) == ["b2", "b3"]


def test_older_versions_stay_readable(lake: Lake) -> None:
    lake.append(TABLE, batch("x"), part="b1", schema=SCHEMA)
    lake.append(TABLE, batch("y"), part="b2", replaces=["b1"], schema=SCHEMA)
    assert rows_of(lake, version=0) == ["x"]
    lake.replace("std_ga__hukou", ["SELECT 'one' AS a"])
    lake.replace("std_ga__hukou", ["SELECT 'two' AS a", "SELECT 'three' AS a"])
    assert rows_of(lake, "std_ga__hukou") == ["three", "two"]
    assert rows_of(lake, "std_ga__hukou", 0) == ["one"]


def test_a_new_column_is_null_in_older_parts(lake: Lake) -> None:
    lake.append(TABLE, "SELECT 'x' AS a", part="b1")
    lake.append(TABLE, "SELECT 'y' AS a, '1' AS b", part="b2")
    query = sql("SELECT a, b FROM :t AS t ORDER BY a", t=lake.relation(TABLE))
    assert lake.engine.rows(query) == [("x", None), ("y", "1")]
    assert lake.columns(TABLE) == ["a", "b"]


def test_an_empty_part_is_a_table_with_columns(lake: Lake) -> None:
    lake.append(TABLE, [], part="b1", schema=SCHEMA)
    assert rows_of(lake) == []
    assert lake.count(TABLE) == 0


def test_count_comes_from_the_log_and_is_right(lake: Lake) -> None:
    lake.append(TABLE, batch("x", "y", None), part="b1", schema=SCHEMA)
    assert lake.count(TABLE) == 3


def test_a_reader_of_a_version_is_not_disturbed_by_a_writer(lake: Lake) -> None:
    lake.replace("std_ga__hukou", ["SELECT 'one' AS a"])
    relation = lake.relation("std_ga__hukou")
    lake.replace("std_ga__hukou", ["SELECT 'two' AS a"])
    assert lake.engine.rows(sql("SELECT a FROM :t AS t", t=relation)) == [("one",)]


def test_files_that_no_version_names_are_swept_and_others_are_not(lake: Lake, tmp_path: Path) -> None:
    lake.append(TABLE, batch("x"), part="b1", schema=SCHEMA)
    lake.append(TABLE, batch("y"), part="b2", replaces=["b1"], schema=SCHEMA)
    folder = tmp_path / "lake" / "raw" / "ga__hukou"
    (folder / "half.parquet").write_bytes(b"PAR1 half")
    (folder / "half2.parquet.draft").write_bytes(b"")
    assert lake.sweep(TABLE) == 2
    assert rows_of(lake, version=0) == ["x"]
    assert rows_of(lake) == ["y"]


def test_every_version_stays_readable_however_old_and_many_they_are(lake: Lake, tmp_path: Path) -> None:
    logs = tmp_path / "lake" / "raw" / "ga__hukou" / "_delta_log"
    for number in range(105):
        lake.append(TABLE, batch(str(number)), part=f"b{number}", replaces=[f"b{number - 1}"], schema=SCHEMA)
        if number == 90:
            for log in logs.glob("*.json"):
                os.utime(log, (0, 0))
    assert lake.sweep(TABLE) == 0
    assert rows_of(lake, version=3) == ["3"]
    assert rows_of(lake) == ["104"]


def test_a_restored_table_whose_files_are_younger_than_its_log_is_not_swept(lake: Lake, tmp_path: Path) -> None:
    lake.append(TABLE, batch("x"), part="b1", schema=SCHEMA)
    lake.append(TABLE, batch("y"), part="b2", replaces=["b1"], schema=SCHEMA)
    for log in (tmp_path / "lake" / "raw" / "ga__hukou" / "_delta_log").glob("*.json"):
        os.utime(log, (0, 0))
    assert lake.sweep(TABLE) == 0
    assert rows_of(lake, version=0) == ["x"]


def test_unknown_tables_and_versions_are_named(lake: Lake) -> None:
    with pytest.raises(UserError) as caught:
        lake.relation("raw_no__such")
    assert caught.value.code == "lake.table.unknown"
    lake.append(TABLE, batch("x"), part="b1", schema=SCHEMA)
    with pytest.raises(UserError) as caught:
        lake.relation(TABLE, 7)
    assert caught.value.code == "lake.version.unknown"


@pytest.mark.parametrize("name", ["hukou", "raw_../x", "tmp_x", "raw_a b"])
def test_names_that_are_no_tables_are_refused(lake: Lake, name: str) -> None:
    with pytest.raises(ConfigError):
        lake.append(name, batch("x"), part="b1", schema=SCHEMA)


def test_figures_do_not_depend_on_order_and_see_one_changed_value(lake: Lake) -> None:
    lake.append("raw_a__x", batch("1", "2", None), part="p", schema=SCHEMA)
    lake.append("raw_a__y", batch(None, "2", "1"), part="p", schema=SCHEMA)
    lake.append("raw_a__z", batch("1", "3", None), part="p", schema=SCHEMA)
    same, other, changed = (measure(lake.engine, lake.relation(f"raw_a__{t}"), ["a"]) for t in "xyz")
    assert same == other
    assert same[1] != changed[1]


def test_figures_of_parts_add_up_to_those_of_the_whole(lake: Lake) -> None:
    lake.append("raw_a__x", batch("1", "二", None), part="p", schema=SCHEMA)
    lake.append("raw_a__y", batch("x"), part="p", schema=SCHEMA)
    lake.append("raw_a__z", batch("1", "二", None, "x"), part="p", schema=SCHEMA)
    one, two, both = (measure(lake.engine, lake.relation(f"raw_a__{t}"), ["a"])[1] for t in "xyz")
    assert add([one, two]) == both


def _write_forever(root: str, first: int) -> None:
    lake = Lake(Path(root) / "lake", DuckDBEngine(Path(root) / "spill2", memory_mb=128, threads=1))
    for i in range(first, first + 10_000):
        query = f"SELECT ({i} * 1000 + x)::VARCHAR AS a FROM range(1000) t(x)"
        lake.append(TABLE, query, part=f"b{i}", replaces=[f"b{i - 3}"] if i >= first + 3 else [])


def test_a_killed_writer_leaves_whole_parts_and_the_next_one_goes_on(lake: Lake, tmp_path: Path) -> None:
    for turn, delay in enumerate((0.1, 0.23, 0.37), 1):
        writer = multiprocessing.get_context("spawn").Process(target=_write_forever, args=(str(tmp_path), turn * 100_000))
        writer.start()
        version, began = lake.version(TABLE), time.monotonic()
        while lake.version(TABLE) <= version and time.monotonic() - began < 20:
            time.sleep(0.02)
        time.sleep(delay)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        parts = lake.parts(TABLE)
        assert 1 <= len(parts) <= 3 * turn
        count = lake.engine.rows(sql("SELECT count(*), count(DISTINCT a) FROM :t AS t", t=lake.relation(TABLE)))[0]
        assert count == (1000 * len(parts), 1000 * len(parts))
    lake.sweep(TABLE)
    assert lake.append(TABLE, "SELECT 'end' AS a", part="end").rows == 1
    assert "end" in rows_of(lake)


def test_small_files_are_laid_together_and_older_versions_stay(lake: Lake) -> None:
    for number in range(5):
        lake.append(TABLE, batch(str(number)), part=f"b{number}", schema=SCHEMA)
    assert lake.pack(TABLE, at_least=6) == 0
    assert lake.pack(TABLE, keep=["b0"], at_least=4) == 4
    assert rows_of(lake) == ["0", "1", "2", "3", "4"]
    assert len(lake.parts(TABLE)) == 2
    assert "b0" in lake.parts(TABLE)
    assert rows_of(lake, version=2) == ["0", "1", "2"]
    assert lake.sweep(TABLE) == 0
    assert lake.count(TABLE) == 5
