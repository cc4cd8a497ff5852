"""Payloads as vendors make them, read by declaration alone."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cityloom.collect.messages.message import Message
from cityloom.collect.messages.payload import Payload
from cityloom.collect.messages.rows import Reader
from cityloom.collect.messages.topics import Topics

TOPICS = Topics("lamp/{vendor}/{id}/#")
Rejects = list[tuple[int, str, str, str, Any]]


def read(declared: dict[str, Any], *bodies: bytes | Message, largest: int = 1000) -> tuple[list[dict[str, Any]], Rejects]:
    """Rows and what was set apart; together they are what is counted on another way."""
    payload = TypeAdapter(Payload).validate_python(declared)
    messages = [one if isinstance(one, Message) else Message(one) for one in bodies]
    reader, rejects = Reader(payload, TOPICS, largest), []
    batches = list(reader.batches(messages, lambda *given: rejects.append(given)))
    rows = pa.Table.from_batches(batches).to_pylist()
    assert reader.count(messages) == len(rows) + len(rejects)
    numbers = sorted([row.pop("_row") for row in rows] + [one[0] for one in rejects])
    assert numbers == list(range(1, len(numbers) + 1))
    return rows, rejects


def test_json_keeps_what_was_written_and_finds_nested_values_and_members_of_lists() -> None:
    fields = {"n": "a.n", "text": "t", "list": "l", "second": "l.1", "object": "a", "none": "x.y.z", "null": "z"}
    body = '{"a":{"n":1.10e2},"t":"灯","l":[1, 2.50],"z":null}'.encode()
    rows, rejects = read({"fields": fields}, body)
    assert rejects == []
    assert rows == [
        {"n": "1.10e2", "text": "灯", "list": "[1,2.50]", "second": "2.50", "object": '{"n":1.10e2}', "none": None, "null": None}
    ]


def test_without_fields_json_gives_what_it_has() -> None:
    rows, rejects = read({}, b'{"a":{"b":1}}', b'{"c":true}', b"[1]")
    assert rows == [{"a.b": "1", "c": None}, {"a.b": None, "c": "true"}]
    assert [one[2:4] for one in rejects] == [("collect.message.malformed", "it is no JSON object")]


def test_a_list_in_a_message_is_rows_that_share_what_stands_around_it() -> None:
    fields = {"n": "n", "at": {"path": "at", "of": "message"}, "i": {"message": "index"}}
    rows, rejects = read({"rows": "d.list", "fields": fields}, b'{"at":7,"d":{"list":[{"n":1},{"n":2}]}}', b'{"d":{"list":[]}}')
    assert rows == [{"n": "1", "at": "7", "i": "1"}, {"n": "2", "at": "7", "i": "2"}]
    assert rejects == []
    rows, rejects = read({"rows": "v", "fields": {"v": {"path": ""}}}, b'{"v":[3,4]}', b'{"v":5}', b"{}")
    assert rows == [{"v": "3"}, {"v": "4"}]
    assert {one[3] for one in rejects} == {"there is no list at v"}


def test_values_come_from_topic_header_broker_and_definition() -> None:
    fields = {
        "vendor": {"topic": "vendor"},
        "kind": {"header": "kind"},
        "at": {"message": "time"},
        "topic": {"message": "topic"},
        "body": {"message": "body"},
        "city": {"constant": "990100"},
    }
    message = Message(b"{}", "lamp/hy/17/state", known={"time": "T"}, headers={"kind": "k"})
    rows, _ = read({"fields": fields}, message, Message(b"{}", "other"))
    assert rows[0] == {"vendor": "hy", "kind": "k", "at": "T", "topic": "lamp/hy/17/state", "body": "{}", "city": "990100"}
    assert (rows[1]["vendor"], rows[1]["kind"], rows[1]["city"]) == (None, None, "990100")


def test_binary_payloads_are_read_by_place_type_and_order() -> None:
    body = struct.pack("<HhIf", 4321, -5, 0x80000001, 0.1) + struct.pack(">Hd", 4321, 2.5) + b"AB\0\0" + b"\x12\x34" + b"\xa0"
    fields = {
        "u16": {"at": 0, "type": "u16", "order": "little"},
        "i16": {"at": 2, "type": "i16", "order": "little"},
        "low": {"at": 4, "type": "u32", "order": "little", "bit": 0},
        "high": {"at": 4, "type": "u32", "order": "little", "bit": 31},
        "f32": {"at": 8, "type": "f32", "order": "little"},
        "big": {"at": 12, "type": "u16"},
        "f64": {"at": 14, "type": "f64"},
        "text": {"at": 22, "type": "text", "bytes": 4},
        "bcd": {"at": 26, "type": "bcd", "bytes": 2},
        "dcb": {"at": 26, "type": "bcd", "bytes": 2, "order": "little"},
        "hex": {"at": 27, "type": "hex", "bytes": 2},
        "beyond": {"at": 29},
    }
    rows, rejects = read({"format": "binary", "fields": fields}, body)
    assert rejects == []
    assert rows == [
        {
            "u16": "4321",
            "i16": "-5",
            "low": "1",
            "high": "1",
            "f32": "0.1",
            "big": "4321",
            "f64": "2.5",
            "text": "AB",
            "bcd": "1234",
            "dcb": "3412",
            "hex": "34a0",
            "beyond": None,
        }
    ]
    assert read({"format": "binary"}, b"\x01\xff")[0] == [{"hex": "01ff"}]


def test_binary_rows_and_those_that_are_cut_off() -> None:
    declared = {
        "format": "binary",
        "rows_at": 1,
        "row_bytes": 3,
        "fields": {"id": {"at": 0}, "v": {"at": 1, "type": "u16"}, "unit": {"at": 0, "of": "message"}},
    }
    rows, rejects = read(declared, bytes([9, 1, 0, 5, 2, 1, 0]), bytes([9, 1, 0]), bytes([9]))
    assert rows == [{"id": "1", "v": "5", "unit": "9"}, {"id": "2", "v": "256", "unit": "9"}]
    assert [one[3] for one in rejects] == ["after byte 1 there are no whole rows of 3 bytes"]
    assert rejects[0][4] == {"": "\t\x01\x00"}
    _, rejects = read({"format": "binary", "fields": {"v": {"at": 1, "type": "u32"}}}, b"\xff\xfe\xfd")
    assert (rejects[0][3], rejects[0][4]) == ("it ends before byte 5", {"": "fffefd"})


def test_what_is_wrapped_in_hex_base64_or_another_document() -> None:
    assert read({"format": "text", "encoded": "hex"}, b"e781af")[0] == [{"text": "灯"}]
    declared = {
        "format": "binary",
        "inside": "up.data",
        "encoded": "base64",
        "fields": {"v": {"at": 0}, "dev": {"path": "dev", "of": "outer"}},
    }
    good = json.dumps({"dev": "d1", "up": {"data": base64.b64encode(b"\x07").decode()}}).encode()
    rows, rejects = read(declared, good, b'{"dev":"d2"}', b'{"up":{"data":"%%"}}')
    assert rows == [{"v": "7", "dev": "d1"}]
    assert [one[3] for one in rejects] == ["there is nothing at up.data", "it is no base64"]


def test_pairs_in_the_encoding_of_their_makers() -> None:
    declared = {"format": "pairs", "encoding": "gb18030", "fields": {"no": "编号", "p": "功率"}}
    rows, rejects = read(declared, "编号=X1; 功率=40.5 \r\n;".encode("gb18030"), b"\xff\xff=1", "编号".encode("gb18030"), b"a=1;a=2")
    assert rows == [{"no": "X1", "p": "40.5"}]
    assert [one[3] for one in rejects] == ["its bytes are no text in gb18030", "a pair has no =", "a name stands twice"]
    assert read({"format": "pairs", "separator": "&", "assign": ":"}, b"a:1&b:2")[0] == [{"a": "1", "b": "2"}]


def test_xml_by_elements_and_attributes_in_any_namespace() -> None:
    declared = {
        "format": "xml",
        "rows": "lamps/lamp",
        "fields": {"no": "@no", "p": "power", "unit": "power/@unit", "at": {"path": "head/time", "of": "message"}, "self": "."},
    }
    body = b'<r xmlns="u"><head><time>7</time></head><lamps><lamp no="1"><power unit="W">4<!-- c -->0</power></lamp><lamp/></lamps></r>'
    rows, rejects = read(declared, body, b"<r><lamps></r>", b"")
    assert rows == [
        {"no": "1", "p": "40", "unit": "W", "at": "7", "self": "40"},
        {"no": None, "p": None, "unit": None, "at": "7", "self": ""},
    ]
    assert {one[3] for one in rejects} == {"it is no XML"}


def test_xml_opens_no_file_and_expands_no_entity() -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b SYSTEM "file:///etc/passwd">]><r><v>&a;</v><w>&b;</w></r>'
    rows, _ = read({"format": "xml", "fields": {"v": "v", "w": "w"}}, bomb)
    assert "root" not in str(rows)


def test_numbers_are_scaled_exactly_and_times_become_those_of_china() -> None:
    fields = {
        "kw": {"path": "w", "factor": "0.001"},
        "c": {"path": "k", "plus": "-273.15"},
        "s": {"path": "s", "time": "seconds"},
        "ms": {"path": "ms", "time": "milliseconds"},
        "iso": {"path": "iso", "time": "iso"},
    }
    body = b'{"w":40.50,"k":"300","s":1767578400.5,"ms":1767578400250,"iso":"2026-01-05T02:00:00Z"}'
    rows, rejects = read({"fields": fields}, body)
    assert rejects == []
    at = "2026-01-05T10:00:00"
    assert rows == [{"kw": "0.0405", "c": "26.85", "s": f"{at}.500+08:00", "ms": f"{at}.250+08:00", "iso": f"{at}.000+08:00"}]


@pytest.mark.parametrize(
    ("field", "body", "reason"),
    [
        ({"path": "v", "factor": "2"}, b'{"v":"NaN"}', "x: it is no number"),
        ({"path": "v", "factor": "2"}, b'{"v":"1e99"}', "x: it is no number"),
        ({"path": "v", "time": "seconds"}, b'{"v":"soon"}', "x: it is no number"),
        ({"path": "v", "time": "milliseconds"}, b'{"v":99999999999999999}', "x: it is no time"),
        ({"path": "v", "time": "iso"}, b'{"v":"2026-01-05T02:00:00"}', "x: its time has no zone"),
        ({"path": "v", "time": "iso"}, b'{"v":"2026-13-05T02:00:00Z"}', "x: it is no time"),
        ({"path": "v", "required": True}, b'{"v":""}', "there is no x"),
        ({"path": "v", "required": True}, b"{}", "there is no x"),
    ],
)
def test_a_row_with_a_bad_value_is_set_apart_with_what_can_be_read(field: Any, body: bytes, reason: str) -> None:
    rows, rejects = read({"fields": {"x": field, "y": {"constant": "c"}}}, body, b'{"v":"1","x":1}' if "time" not in field else b"{}")
    assert rejects[0][1:4] == ("x", "collect.message.missing" if "no x" in reason else "collect.message.malformed", reason)
    assert rejects[0][4]["y"] == "c"
    assert len(rows) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe\xfa", b"{", b'{"a":1,"a":2}', b"[" * 100_000, b'{"v":"\\ud800"}', b"null"],
    ids=["nothing", "bytes", "cut", "repeated", "nested", "half", "null"],
)
def test_poison_is_set_apart_and_holds_up_nothing(body: bytes) -> None:
    rows, rejects = read({"fields": {"v": {"path": "v", "required": True}}}, b'{"v":1}', body, b'{"v":2}', largest=200_000)
    assert [row["v"] for row in rows] == ["1", "2"]
    assert [one[0] for one in rejects] == [2]
    json.dumps(rejects[0][4])


def test_a_message_that_is_too_large_is_set_apart_whole() -> None:
    rows, rejects = read({}, b'{"v":"%s"}' % (b"x" * 2000))
    assert rows == []
    assert rejects[0][2:4] == ("collect.message.large", "it has 2008 bytes, and 1000 are allowed")
    assert len(rejects[0][4][""]) == 2008


def test_strange_characters_survive() -> None:
    value = 'a\0b\u2028 "\U00020bb7"\n'
    rows, rejects = read({"fields": {"v": "v"}}, json.dumps({"v": value}).encode())
    assert (rows, rejects) == ([{"v": value}], [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": {"a": {}}},
        {"fields": {"a": {"path": "x", "topic": "y"}}},
        {"fields": {"a": {"at": 0}}},
        {"format": "binary", "fields": {"a": "x"}},
        {"format": "binary", "fields": {"a": {"at": -1}}},
        {"format": "binary", "fields": {"a": {"at": 0, "type": "u128"}}},
        {"format": "binary", "fields": {"a": {"at": 0, "type": "hex"}}},
        {"format": "binary", "fields": {"a": {"at": 0, "type": "u8", "bit": 8}}},
        {"fields": {"a": {"path": "x", "factor": "two"}}},
        {"fields": {"a": {"path": "x", "factor": "2", "time": "seconds"}}},
        {"fields": {"a": {"path": "x", "of": "outer"}}},
        {"fields": {"a": {"path": "x", "unknown": 1}}},
        {"format": "xml"},
        {"format": "csv"},
        {"format": "pairs", "rows": "a"},
        {"format": "pairs", "separator": ""},
        {"row_bytes": 4},
        {"encoding": "klingon"},
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Payload).validate_python(wrong)


@pytest.mark.parametrize(
    ("pattern", "wanted", "topic", "parts"),
    [
        ("lamp/{vendor}/{id}/state", "lamp/+/+/state", "lamp/hy/17/state", {"vendor": "hy", "id": "17"}),
        ("lamp/{vendor}/#", "lamp/+/#", "lamp/hy/a/b", {"vendor": "hy"}),
        ("lamp/+/{id}", "lamp/+/+", "lamp/x/17", {"id": "17"}),
        ("lamp/{id}", "lamp/+", "lamp/a/b", {}),
        ("a.b/{id}", "a.b/+", "axb/1", {}),
    ],
)
def test_parts_of_topics_have_names(pattern: str, wanted: str, topic: str, parts: dict[str, str]) -> None:
    topics = Topics(pattern)
    assert (topics.filter, topics.parts(topic)) == (wanted, parts)


GOOD = {
    "json": ({"rows": "d.l", "fields": {"n": {"path": "n", "required": True}}}, b'{"d":{"l":[{"n":1},{"n":2.5},{"m":[]}]}}'),
    "xml": ({"format": "xml", "rows": "a/b", "fields": {"n": {"path": "@n", "required": True}}}, b'<r><a><b n="1"/><b n="2">x</b></a></r>'),
    "binary": ({"format": "binary", "rows_at": 2, "row_bytes": 3, "fields": {"n": {"at": 0}}}, bytes(range(14))),
    "pairs": ({"format": "pairs", "fields": {"n": {"path": "n", "required": True}}}, b"n=1;m=2"),
    "inside": ({"inside": "d", "encoded": "hex", "rows": "l", "fields": {"n": "n"}}, b'{"d":"7b226c223a5b7b226e223a317d5d7d"}'),
}


@pytest.mark.parametrize("name", GOOD)
@given(st.data())
def test_however_a_message_is_damaged_both_ways_of_counting_agree(name: str, data: st.DataObject) -> None:
    declared, body = GOOD[name]
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        damaged = damaged or bytearray(b" ")
    read(declared, body, bytes(damaged))
