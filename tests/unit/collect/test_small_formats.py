"""JSON Lines and Parquet."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cityloom.kernel.errors import DataError
from cityloom.store import batches


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


def test_a_cut_off_parquet_file_is_named(bench):
    pq.write_table(pa.table({"a": ["x"]}), bench.folder / "a.parquet")
    content = (bench.folder / "a.parquet").read_bytes()
    (bench.folder / "a.parquet").write_bytes(content[:-9])
    with pytest.raises(DataError, match=r"a\.parquet") as caught:
        bench.run("parquet", ["a"], {"folder": "."})
    assert caught.value.code == "collect.parquet.damaged"
