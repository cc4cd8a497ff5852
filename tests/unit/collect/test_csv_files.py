"""Delimited text: encodings, delimiters, bad rows with their place, and errors that name file and line."""

from __future__ import annotations

import pytest

from cityloom.collect.delimited import blocks
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.store import batches


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_encoding_is_found_and_proven(bench, encoding):
    bench.write("a.csv", "姓名,证号\n𠮷野,007\n李四,\n", encoding)
    result = bench.csv(["姓名", "证号"])
    assert (result.read, result.written, result.rejected) == (2, 2, 0)
    assert bench.rows("姓名", "证号", "_row") == [("𠮷野", "007", 2), ("李四", "", 3)]


@pytest.mark.parametrize("encoding", ["big5", "gbk", "utf-16-be"])
def test_a_declared_encoding_is_used(bench, encoding):
    bench.write("a.csv", "甲;乙\n一;二\n", encoding)
    bench.csv(["甲", "乙"], {"encoding": encoding})
    assert bench.rows("甲", "乙") == [("一", "二")]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(bench, mark):
    bench.write("a.csv", f'"a,;|"{mark}b{mark}c\n1{mark}2{mark}3\n')
    bench.csv(["a,;|", "b", "c"])
    assert bench.rows("b", "c") == [("2", "3")]


def test_values_stay_as_they_came(bench, hostile):
    texts = [t for t in hostile if t is not None]
    lines = "".join(f'{n},"{t.replace(chr(34), chr(34) * 2)}"\n' for n, t in enumerate(texts))
    bench.write("a.csv", "n,v\n" + lines)
    bench.csv(["n", "v"])
    assert [v for (v,) in bench.rows("v")] == texts


def test_rows_of_another_width_are_set_apart_with_their_place(bench):
    bench.write("a.csv", 'a,b,c\n1,2,3\n4,5\n\n6,"x\ny",8\n9,9,9,9\n7,7,7\n')
    result = bench.csv(["a", "b", "c"])
    assert (result.read, result.written, result.rejected) == (5, 3, 2)
    assert bench.rows("a", "_row") == [("1", 2), ("6", 5), ("7", 8)]
    with bench.store.read() as connection:
        found = [(r.row, r.column, r.code, r.reason, r.content) for r in batches.list_rejects(connection, "things")]
    assert found == [
        (3, "c", "collect.row.ragged", "2 values instead of 3", {"": "4,5"}),
        (7, "", "collect.row.ragged", "4 values instead of 3", {"": "9,9,9,9"}),
    ]


def test_rows_are_numbered_by_their_line_over_many_stretches(bench, monkeypatch):
    monkeypatch.setattr(blocks, "STRETCH", 256)
    monkeypatch.setattr(blocks, "_CAREFUL", 64)
    bad = {3, 4, 50, 51, 199}
    lines, begins = ["a,b"], {}
    for n in range(200):
        begins[n] = len(lines) + 1
        lines += [f"{n}"] if n in bad else [f'{n},"{n}', f'{n}"'] if n % 40 < 20 else [f"{n},{n}"]
    bench.write("a.csv", "\n".join(lines))
    result = bench.csv(["a", "b"])
    assert result.rejected == len(bad)
    assert bench.rows("a", "_row") == [(str(n), begins[n]) for n in range(200) if n not in bad]


def test_a_bad_row_stops_the_file_where_the_policy_says_so(bench):
    bench.write("a.csv", "a,b\n1,2\n3\n")
    with pytest.raises(DataError, match="row 3") as caught:
        bench.csv(["a", "b"], drift="stop")
    assert caught.value.code == "collect.row.ragged"
    assert not bench.lake.exists("raw_ga__things")


@pytest.mark.parametrize(
    ("content", "options", "code", "place"),
    [
        (b"a,b\n1,2\n3,\xff\xfe\xff\n", {}, "collect.encoding.doubtful", {"line": 3, "column": 3}),
        ("a,b\n张,二\n".encode("gb18030"), {"encoding": "utf-8"}, "collect.file.undecodable", {"line": 2, "column": 1}),
        (b"a,b\n1,\x002\n", {}, "collect.file.null", {"line": 2, "column": 3}),
        (b"", {}, "collect.header.missing", {"place": "a.csv"}),
        (b"\n\n", {}, "collect.header.missing", {"place": "a.csv"}),
        (b"a,b,A\n", {}, "collect.header.repeated", {"first": 1, "column": 3}),
        (b"y,x\n1,2\n", {}, "collect.column.missing", {"column": "a", "origin": "a.csv"}),
    ],
)
def test_a_broken_file_is_named_with_line_and_column(bench, content, options, code, place):
    (bench.folder / "a.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        bench.csv(["a", "b"], options)
    assert caught.value.code == code
    assert {k: caught.value.details[k] for k in place} == place
    assert "a.csv" in caught.value.message
    assert not bench.lake.exists("raw_ga__things")


def test_an_optional_column_that_is_missing_is_a_finding_and_empty(bench):
    bench.write("a.csv", "a,prise\n1,2\n")
    result = bench.csv(["a", "price"])
    assert result.summary["reconciled"] is True
    assert bench.rows("a", "price", "prise") == [("1", None, "2")]
    found = {f.code: f.text for f in bench.findings("drift")}
    assert "perhaps renamed: price by prise" in found["collect.column.missing"]


def test_a_required_column_that_is_missing_is_an_error(bench):
    bench.write("a.csv", "a,prise\n1,2\n")
    with pytest.raises(DataError, match="nearest one is prise") as caught:
        bench.csv(["a", "price"], required=["price"])
    assert caught.value.code == "collect.column.missing"


def test_a_fault_far_into_the_file_is_found_at_its_line(bench):
    (bench.folder / "a.csv").write_bytes(b"a,b\n" + "一二三,4\n".encode() * 200_000 + b"\xe4\xb8,5\n" * 3000)
    with pytest.raises(DataError) as caught:
        bench.csv(["a", "b"], {"encoding": "utf-8"})
    assert (caught.value.details["line"], caught.value.details["column"]) == (200_002, 1)


def test_headers_of_two_rows_are_joined(bench):
    bench.write("a.csv", "男方,女方\n姓名,姓名\n甲,乙\n")
    bench.csv(["男方.姓名", "女方.姓名"], {"header_rows": 2})
    assert bench.rows("男方.姓名", "女方.姓名", "_row") == [("甲", "乙", 3)]


def test_a_file_without_header_takes_the_declared_names(bench):
    bench.write("a.csv", "1,2\n3,4\n")
    bench.csv(["a", "b"], {"header_rows": 0, "columns": ["a", "b"]})
    assert bench.rows("a", "_row") == [("1", 1), ("3", 2)]


def test_files_being_written_are_left_alone(bench):
    for name in ("a.csv.part", ".a.csv", "~$a.csv"):
        bench.write(name, "a\n1\n")
    bench.write("b.csv", "a\n2\n")
    bench.csv(["a"], {"pattern": "*"})
    assert bench.rows("a") == [("2",)]


def test_a_pattern_cannot_leave_the_folder(bench):
    with pytest.raises(ConfigError) as caught:
        bench.csv(["a"], {"pattern": "../*.csv"})
    assert caught.value.code == "collect.pattern.outside"


def test_a_header_alone_is_a_batch_without_rows(bench):
    bench.write("a.csv", "a,b\n")
    result = bench.csv(["a", "b"])
    assert (result.read, result.summary["reconciled"]) == (0, True)
    assert bench.lake.count("raw_ga__things") == 0


@pytest.mark.parametrize("body", ["\n\n", "1\n2\n", "1\n\n2,3,4\n"])
def test_a_file_without_a_good_row_still_lands_its_record(bench, body):
    bench.write("a.csv", "a,b\n" + body)
    result = bench.csv(["a", "b"])
    assert (result.written, result.summary["reconciled"]) == (0, True)
    assert result.rejected == len(body.split())
