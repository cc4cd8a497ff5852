"""JSON Lines and Parquet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityloom.kernel.errors import DataError
from cityloom.store import batches
from cityloom.store.database import Store


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """One kind of store is enough: what is tested here is read before anything is stored."""
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    yield store
    store.close()


def test_json_lines_keep_digits_and_set_bad_lines_apart(bench):
    bench.write("a.jsonl", '{"a": 1.50, "b": {"c": "x"}}\n\n{"a": }\n[1]\n{"a": "2"}\n')
    result = bench.run("json_lines", ["a", "b.c"], {"folder": "."})
    assert (result.read, result.written, result.rejected) == (4, 2, 2)
    assert bench.rows("a", "b.c", "_row") == [("1.50", "x", 1), ("2", None, 5)]
    with bench.store.read() as connection:
        found = [(r.row, r.reason) for r in batches.list_rejects(connection, "things")]
    assert found == [(3, "no JSON at column 7"), (4, "not a JSON object")]


def test_a_required_field_in_no_record_is_an_error(bench):
    bench.write("a.jsonl", '{"aa": 1}\n')
    with pytest.raises(DataError, match="nearest one is aa") as caught:
        bench.run("json_lines", ["a"], {"folder": "."}, required=["a"])
    assert caught.value.code == "collect.column.missing"


def test_parquet_becomes_text_in_full(bench):
    table = pa.table(
        {
            "n": pa.array([1, None], pa.int64()),
            "d": pa.array([Decimal("1.10"), Decimal("2.00")]),
            "t": [date(2024, 2, 29), None],
            "s": pa.array(["007", ""]).dictionary_encode(),
            "l": [[1, 2], None],
        }
    )
    pq.write_table(table, bench.folder / "a.parquet")
    bench.run("parquet", list("ndtsl"), {"folder": "."})
    assert bench.rows(*"ndtsl", "_row") == [("1", "1.10", "2024-02-29", "007", "[1, 2]", 1), (None, "2.00", None, "", None, 2)]


UTC = dt.UTC
MOMENT = dt.datetime(2024, 2, 29, 8, 0, 1, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([2**64 - 1, 0], pa.uint64()), ["18446744073709551615", "0"]),
        (pa.array([0.1, 16777216.0], pa.float32()), ["0.1", "16777216"]),
        (pa.array([0.1 + 0.2, None]), ["0.30000000000000004", None]),
        (pa.array([Decimal("1" * 40), None], pa.decimal256(50, 3)), ["1" * 40 + ".000", None]),
        (pa.array([True, None]), ["true", None]),
        (pa.array([dt.time(1, 2, 3), dt.time(1, 2, 3, 4)], pa.time64("us")), ["01:02:03", "01:02:03.000004"]),
        (pa.array([0, 1], pa.timestamp("ns")), ["1970-01-01 00:00:00", "1970-01-01 00:00:00.000000001"]),
        (pa.array([0, None], pa.timestamp("us", "Asia/Shanghai")), ["1970-01-01 08:00:00+08:00", None]),
        (pa.array([MOMENT], pa.timestamp("ms", "UTC")), ["2024-02-29 08:00:01.500Z"]),
        (pa.array([-1_500, 60_000], pa.duration("ms")), ["-PT1.5S", "PT60S"]),
        (pa.nulls(2), [None, None]),
        (pa.array([[Decimal("1.10"), None], [], None]), ["[1.10, null]", "[]", None]),
        (pa.array([[0.1, float("nan")]], pa.list_(pa.float32())), ['[0.1, "nan"]']),
        (pa.array([{"a": 1, "b": [dt.date(2024, 1, 1)]}, {"a": None, "b": None}, None]), ['{"a": 1, "b": ["2024-01-01"]}', '{"a": null, "b": null}', None]),
        (pa.array([[("甲", 1)], [], None], pa.map_(pa.string(), pa.int64())), ['{"甲": 1}', "{}", None]),
        (pa.array([[(1, "x")]], pa.map_(pa.int64(), pa.string())), ['[[1, "x"]]']),
        (pa.array([[MOMENT]], pa.list_(pa.timestamp("us", "UTC"))), ['["2024-02-29 08:00:01.500000Z"]']),
        (pa.array([[[1], None]]), ["[[1], null]"]),
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), ["[1, 2]"]),
    ],
)
def test_each_type_of_parquet_becomes_exact_text(bench, values, texts):
    pq.write_table(pa.table({"a": values}), bench.folder / "a.parquet")
    bench.run("parquet", ["a"], {"folder": "."})
    assert [row[0] for row in bench.rows("a")] == texts


def test_binary_data_of_parquet_are_refused_or_become_digits(bench):
    pq.write_table(pa.table({"a": pa.array([b"\0\xff", None]), "b": [[b"x"], None]}), bench.folder / "a.parquet")
    with pytest.raises(DataError) as caught:
        bench.run("parquet", ["a", "b"], {"folder": "."})
    assert caught.value.code == "collect.column.binary"
    bench.run("parquet", ["a", "b"], {"folder": ".", "binary": "hex"})
    assert bench.rows("a", "b") == [("00ff", '["78"]'), (None, None)]


def test_nested_values_keep_their_rows_over_many_batches(bench):
    rows = 45_000
    lists = pa.array([[n, n + 1] if n % 3 else None for n in range(rows)])
    structs = pa.array([{"n": n} if n % 5 else None for n in range(rows)])
    pq.write_table(pa.table({"a": lists, "b": structs}), bench.folder / "a.parquet", row_group_size=7_000)
    bench.run("parquet", ["a", "b"], {"folder": "."})
    found = bench.rows("a", "b")
    assert found[44_997] == (None, '{"n": 44997}')
    assert found[40_000] == ("[40000, 40001]", None)


def test_a_cut_off_parquet_file_is_named(bench):
    pq.write_table(pa.table({"a": ["x"]}), bench.folder / "a.parquet")
    content = (bench.folder / "a.parquet").read_bytes()
    (bench.folder / "a.parquet").write_bytes(content[:-9])
    with pytest.raises(DataError, match=r"a\.parquet") as caught:
        bench.run("parquet", ["a"], {"folder": "."})
    assert caught.value.code == "collect.parquet.damaged"
