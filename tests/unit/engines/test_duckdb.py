"""The embedded engine: values as literals, streams, files, Arrow in and out."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.errors import ConfigError


@pytest.mark.parametrize("text", ["x", "' OR 1=1 --", "a'b\"c", "{n}", "深圳", "\\", ":n", "$1", "%s", "?"])
def test_a_value_enters_a_query_as_a_literal_whatever_it_holds(engine: DuckDBEngine, text: str) -> None:
    assert engine.rows(sql("SELECT :value AS v", value=text)) == [(text,)]


def test_numbers_and_nulls_are_literals_too(engine: DuckDBEngine) -> None:
    assert engine.rows(sql("SELECT :a, :b, :c", a=1, b=None, c=True)) == [(1, None, True)]


def test_streams_come_in_batches(engine: DuckDBEngine) -> None:
    sizes = [b.num_rows for b in engine.batches("SELECT * FROM range(200000)", size=50_000)]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 60_000


def test_a_written_file_is_read_again(engine: DuckDBEngine, tmp_path: Path) -> None:
    written = engine.write_parquet("SELECT x FROM range(10) t(x)", tmp_path / "a'b.parquet")
    assert written.rows == 10
    assert engine.rows(sql("SELECT sum(x) FROM :f AS f", f=engine.files([written.path]))) == [(45,)]


def test_arrow_is_a_relation_inside_its_block_only(engine: DuckDBEngine) -> None:
    table = pa.table({"a": ["1", "2"]})
    with engine.bound(table) as relation:
        query = sql("SELECT count(*) FROM :t AS t", t=relation)
        assert engine.rows(query) == [(2,)]
    with pytest.raises(duckdb.Error):
        engine.rows(query)


def test_columns_are_known_without_computing(engine: DuckDBEngine) -> None:
    assert engine.columns("SELECT 1 AS a, 'x' AS b") == {"a": "INTEGER", "b": "VARCHAR"}


def test_no_extension_is_fetched(engine: DuckDBEngine) -> None:
    setting = "SELECT current_setting('autoinstall_known_extensions')"
    assert engine.rows(setting) == [(False,)]


def test_a_query_that_needs_too_much_memory_says_which_setting_to_raise(tmp_path: Path) -> None:
    small = DuckDBEngine(tmp_path / "spill", memory_mb=16, threads=1)
    with pytest.raises(ConfigError) as caught:
        small.rows("SELECT list(x) FROM range(20000000) t(x)")
    assert caught.value.code == "engine.memory.exhausted"
    assert "CITYLOOM_MEMORY_MB" in caught.value.hint
    small.close()
