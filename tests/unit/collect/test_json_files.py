"""JSON documents with a list of objects: streamed, numbers kept, bad elements set apart, precise errors."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityloom.collect import json_stream
from cityloom.collect.json_stream import JsonStream
from cityloom.collect.nested import exact_decoder
from cityloom.kernel.errors import DataError
from cityloom.store import batches


def collect(bench, text, columns=("a",), **options):
    """Collect one document."""
    bench.write("a.json", text)
    return bench.run("json_files", list(columns), {"folder": ".", **options})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[{"a": 1.50, "b": {"c": [1, 2]}}, {"a": 1e400}]', ""),
        ('{"n": 2, "items": [{"a": 1.50, "b": {"c": [1, 2]}}, {"a": 1e400}], "m": {}}', "items"),
        ('{"x": [[{}]], "data": {"k": "]}", "items": [{"a": 1.50, "b": {"c": [1, 2]}}, {"a": 1e400}]}}\n', "data.items"),
    ],
)
def test_a_list_of_objects_becomes_rows(bench, text, path):
    result = collect(bench, text, ["a", "b.c"], records_path=path)
    assert (result.read, result.summary["reconciled"]) == (2, True)
    assert bench.rows("a", "b.c", "_row") == [("1.50", "[1,2]", 1), ("1e400", None, 2)]


def test_elements_that_are_no_records_are_set_apart_with_their_text(bench):
    deep = "[" * 100_000 + "]" * 100_000
    result = collect(bench, f'[{{"a": 1}}, 5, {{"a": 1, "a": 2}}, {{"a": {{"b": 1}}, "a.b": 2}}, {deep}, null, {{"a": 2}}]')
    assert (result.written, result.rejected) == (2, 5)
    assert bench.rows("a", "_row") == [("1", 1), ("2", 7)]
    with bench.store.read() as connection:
        found = [(r.row, r.code, r.content[""][:20]) for r in batches.list_rejects(connection, "things")]
    assert found == [
        (2, "collect.json.record", "5"),
        (3, "collect.json.ambiguous", '{"a": 1, "a": 2}'),
        (4, "collect.json.ambiguous", '{"a": {"b": 1}, "a.b'),
        (5, "collect.json.ambiguous", "[" * 20),
        (6, "collect.json.record", "null"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "code", "place"),
    [
        ('[{"a": 1},\n {"a": }]', "", "collect.json.malformed", {"line": 2, "column": 8}),
        ('[{"a": 1}', "", "collect.json.malformed", {"line": 1, "column": 10}),
        ('[{"a": 1},]', "", "collect.json.malformed", {"line": 1, "column": 11}),
        ('[{"a": "x', "", "collect.json.malformed", {"line": 1}),
        ('[{"a": 1}] {}', "", "collect.json.malformed", {"line": 1, "column": 12}),
        ('{"d": [{"a": 1}]', "d", "collect.json.malformed", {"line": 1, "column": 17}),
        ('{"a": 1}\n{"a": 2}\n', "", "collect.json.shape", {"found": "{"}),
        ('{"data": [{"a": 1}], "x": 1}', "", "collect.json.shape", {"lists": "data"}),
        ('{"data": {"a": 1}}', "data", "collect.json.shape", {"path": "data"}),
        ('{"data": [1]}', "items", "collect.json.path", {"path": "items", "known": "data"}),
        ('{"data": [1]}', "data.items", "collect.json.shape", {"path": "data"}),
        ("", "", "collect.json.shape", {"found": "-", "path": "$"}),
        ('[{"a": \x00}]', "", "collect.file.null", {"line": 1}),
    ],
)
def test_a_broken_document_is_refused_with_its_place(bench, text, path, code, place):
    with pytest.raises(DataError) as caught:
        collect(bench, text, records_path=path)
    assert caught.value.code == code
    assert {k: caught.value.details[k] for k in place} == place
    assert "a.json" in caught.value.message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.lists(VALUES, max_size=12), st.sampled_from([None, 2]), st.booleans(), st.integers(1, 40))
def test_elements_are_those_of_the_whole_document_however_it_is_cut(values, indent, is_ascii, chunk):
    text = json.dumps({"k": values, "d": {"items": values}, "z": values}, indent=indent, ensure_ascii=is_ascii)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        found = list(JsonStream(io.StringIO(text), "x").elements("d.items"))
        count = JsonStream(io.StringIO(text), "x").count("d.items")
    assert [json.loads(element.text) for element in found] == values
    assert [element.value for element in found] == exact_decoder().decode(json.dumps(values))
    assert count == len(values)


def test_a_long_list_takes_little_memory(tmp_path):
    part = json.dumps({"a": "x" * 1000})

    class Endless(io.StringIO):
        """Twenty thousand elements, made as they are read."""

        left = 20_000

        def read(self, size: int | None = -1) -> str:
            count = min(self.left, (size or 0) // 1000 + 1)
            is_first, self.left = self.left == 20_000, self.left - count
            return ("[" if is_first else "") + ",".join([part] * count) + ("," if self.left else "]" if count else "")

    stream = JsonStream(Endless(), "x")
    assert sum(1 for _ in stream.elements("")) == 20_000
    assert len(stream._buffer) < 4 << 20


def test_json_lines_take_a_path_and_keep_bad_lines(bench):
    good = [f'{{"p": {{"r": {{"a": {n}}}}}}}\n' for n in range(300)]
    lines = [*good[:10], '{"p": {}}\n', '{"p": {"r": 1}}\n', "{x\n", *good[10:]]
    content = "".join(lines).encode() + b'{"p": {"r": {"a": "\xff"}}}\n'
    (bench.folder / "a.jsonl").write_bytes(content)
    result = bench.run("json_lines", ["a"], {"folder": ".", "records_path": "p.r", "encoding": "utf-8"})
    assert (result.written, result.rejected) == (300, 4)
    with bench.store.read() as connection:
        found = [(r.row, r.code, r.content[""]) for r in batches.list_rejects(connection, "things")]
    assert found == [
        (11, "collect.json.path", '{"p": {}}'),
        (12, "collect.json.record", '{"p": {"r": 1}}'),
        (13, "collect.json.malformed", "{x"),
        (304, "collect.row.undecodable", '{"p": {"r": {"a": "\\xff"}}}'),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_documents_of_other_encodings_are_read(bench, encoding):
    bench.write("a.json", '[{"a": "\u6df1\u5733\u5e02\u5357\u5c71\u533a"}]', encoding)
    bench.run("json_files", ["a"], {"folder": "."})
    assert bench.rows("a") == [("\u6df1\u5733\u5e02\u5357\u5c71\u533a",)]
