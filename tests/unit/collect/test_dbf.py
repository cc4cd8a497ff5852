"""dBase and FoxPro: deleted records, memos, encodings that the header names rightly, wrongly or not at all, exact digits."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dbfread
import pytest
from tests.real_data import REAL, needs_real
from tests.unit.collect.dbase_files import memo_four, memo_foxpro, memo_three, table

from cityloom.collect.connectors.dbf import Dbf
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.store import batches
from cityloom.store.database import Store

FOLDER = REAL / "messy_dbf"
PEOPLE = [("NAME", "C", 10, 0), ("BORN", "D", 8, 0)]

@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """One kind of store is enough: what is tested here is read before anything is stored."""
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    yield store
    store.close()


def gbk(text: str) -> bytes:
    return text.encode("gb18030")


def rejects(bench):
    with bench.store.read() as connection:
        return [(r.row, r.column, r.code, r.reason, r.content) for r in batches.list_rejects(connection, "things")]


def test_deleted_records_are_none_and_values_are_exact(bench):
    columns = [("姓名", "C", 10, 0), ("面积", "N", 10, 2), ("比例", "F", 8, 3), ("日期", "D", 8, 0), ("有效", "L", 1, 0)]
    rows = [
        (b" ", [gbk("张三"), b"   1234.50", b"   0.100", b"20240229", b"T"]),
        (b"*", [gbk("李四"), b"      1.00", b"   0.100", b"20240101", b"F"]),
        (b" ", [b"", b"", b"", b"        ", b"?"]),
        (b" ", [gbk("007"), b"00012", b"-1e-3", b"00000000", b"n"]),
    ]
    table(bench.folder / "a.dbf", columns, rows)
    result = bench.run("dbf", [c[0] for c in columns], {"folder": "."})
    assert (result.read, result.written, result.rejected) == (3, 3, 0)
    assert bench.rows(*[c[0] for c in columns], "_row") == [
        ("张三", "1234.50", "0.100", "2024-02-29", "1", 1),
        (None, None, None, None, None, 3),
        ("007", "00012", "-1e-3", None, "0", 4),
    ]


@pytest.mark.parametrize(
    ("language", "encoding", "sidecar", "wanted"),
    [
        (0x4D, "gb18030", "", "auto"),
        (0x7A, "gb18030", "", "auto"),
        (0x4F, "big5", "", "auto"),
        (0, "gb18030", "", "auto"),
        (0, "utf-8", "", "auto"),
        (0x03, "gb18030", "936", "auto"),
        (0x03, "utf-8", "UTF-8", "auto"),
        (0x03, "gb18030", "", "gbk"),
        (0x4D, "utf-8", "", "utf-8"),
    ],
)
def test_an_encoding_is_taken_from_file_sidecar_content_or_option(bench, language, encoding, sidecar, wanted):
    columns = [("姓名", "C", 20, 0)]
    table(bench.folder / "a.dbf", columns, [(b" ", ["東方".encode(encoding)])], language=language, encoding=encoding)
    if sidecar:
        (bench.folder / "a.cpg").write_text(sidecar)
    if language == 0x03 and not sidecar or wanted == "utf-8":
        options = {"folder": ".", "encoding": wanted}
    else:
        options = {"folder": "."}
    bench.run("dbf", ["姓名"], options)
    assert bench.rows("姓名") == [("東方",)]


def test_a_half_character_and_a_date_that_is_none_are_set_apart_with_the_record(bench):
    rows = [
        (b" ", [gbk("张三丰真") + b"a\xd5", b"20240101"]),
        (b" ", [b"b", b"20240230"]),
        (b" ", [b"c", b"NotAYear"]),
        (b" ", [b"d", b"20240101"]),
    ]
    table(bench.folder / "a.dbf", PEOPLE, rows, language=0x4D)
    result = bench.run("dbf", ["NAME", "BORN"], {"folder": "."})
    assert (result.written, result.rejected) == (1, 3)
    found = rejects(bench)
    assert [(r[0], r[1], r[2]) for r in found] == [(1, "NAME", "collect.dbf.field"), (2, "BORN", "collect.dbf.field"), (3, "BORN", "collect.dbf.field")]
    assert found[0][3] == "the bytes are no text in gb18030"
    assert found[0][4]["NAME"].endswith("\\xd5")
    assert found[2][4] == {"NAME": "c", "BORN": "NotAYear"}


def test_a_number_that_did_not_fit_is_no_number(bench):
    table(bench.folder / "a.dbf", [("N", "N", 3, 0)], [(b" ", [b"***"]), (b" ", [b"1x"]), (b" ", [b"12"])])
    assert bench.run("dbf", ["N"], {"folder": "."}).rejected == 2
    assert "did not fit" in rejects(bench)[0][3]


def test_memos_that_are_lost_are_null_where_the_task_says_so(bench):
    rows = [(b" ", ["甲".encode(), b"1".rjust(10)])]
    table(bench.folder / "a.dbf", [("K", "C", 4, 0), ("M", "M", 10, 0)], rows, version=0x83)
    with pytest.raises(DataError) as caught:
        bench.run("dbf", ["K", "M"], {"folder": "."})
    assert caught.value.code == "collect.dbf.memo"
    bench.run("dbf", ["K", "M"], {"folder": ".", "memos": "leave"})
    assert bench.rows("K", "M") == [("甲", None)]


@pytest.mark.parametrize(
    ("version", "make", "ending", "size", "first"),
    [
        (0x83, memo_three, ".dbt", 10, 1),
        (0x8B, memo_four, ".DBT", 10, 8),
        (0xF5, memo_foxpro, ".fpt", 10, 8),
        (0x30, memo_foxpro, ".FPT", 4, 8),
    ],
)
def test_memos_come_from_the_file_beside_it(bench, version, make, ending, size, first):
    def pointer(number: int) -> bytes:
        return struct.pack("<I", number) if size == 4 else (str(number) if number else "").encode().rjust(10)

    make(bench.folder / f"a{ending}", gbk("长文\n第二行"), b"x" * 40)
    rows = [(b" ", [b"a", pointer(first)]), (b" ", [b"b", pointer(first + 1)]), (b" ", [b"c", pointer(0)])]
    table(bench.folder / "a.dbf", [("K", "C", 2, 0), ("M", "M", size, 0)], rows, version=version, language=0x4D)
    bench.run("dbf", ["K", "M"], {"folder": "."})
    assert bench.rows("K", "M") == [("a", "长文\n第二行"), ("b", "x" * 40), ("c", None)]
    if version != 0x8B:
        twin = [(r["K"], r["M"]) for r in dbfread.DBF(str(bench.folder / "a.dbf"), encoding="gb18030")]
        assert twin == bench.rows("K", "M")


def test_a_memo_that_is_not_there_sets_its_record_apart(bench):
    memo_four(bench.folder / "a.dbt", b"x")
    rows = [(b" ", [b"a", b"77".rjust(10)]), (b" ", [b"b", b"8".rjust(10)])]
    table(bench.folder / "a.dbf", [("K", "C", 2, 0), ("M", "M", 10, 0)], rows, version=0x8B)
    assert bench.run("dbf", ["K", "M"], {"folder": "."}).rejected == 1
    assert bench.rows("K", "M") == [("b", "x")]


def test_foxpro_knows_null_and_has_types_of_its_own(bench):
    columns = [("I", "I", 4, 0), ("Y", "Y", 8, 4), ("B", "B", 8, 2), ("T", "T", 8, 0), ("V", "V", 6, 0), ("_NullFlags", "0", 1, 0)]
    moment = struct.pack("<II", 2460370, 30_301_000)
    values = [struct.pack("<i", -7), struct.pack("<q", 123400), struct.pack("<d", 0.1), moment]
    rows = [
        (b" ", [*values, b"abc\0\0\x03", bytes([0b00010])]),
        (b" ", [*values, b"abcdef", bytes([0b00000])]),
        (b" ", [*values, b"\0" * 6, bytes([0b00101])]),
    ]
    table(bench.folder / "a.dbf", columns, rows, version=0x32, language=0x4D, options=[2, 0, 0, 0, 2, 5])
    bench.run("dbf", list("IYBTV"), {"folder": "."})
    seen = bench.rows(*"IYBTV")
    assert seen[0] == ("-7", "12.3400", "0.1", "2024-02-29 08:25:01", "abc")
    assert seen[1][4] == "abcdef"
    assert (seen[2][0], seen[2][4]) == (None, None)


@pytest.mark.parametrize(
    ("end", "count", "problem"),
    [(b"", 3, "ends in record 3 of 3"), (b" extra", None, "more than the 2 records"), (b"\x1a\0\0", None, None)],
)
def test_a_file_that_holds_less_or_more_than_its_header_says_is_refused(bench, end, count, problem):
    rows = [(b" ", [b"a", b"20240101"]), (b" ", [b"b", b"20240101"])]
    table(bench.folder / "a.dbf", PEOPLE, rows, end=end, count=count)
    if problem is None:
        assert bench.run("dbf", ["NAME", "BORN"], {"folder": "."}).written == 2
        return
    with pytest.raises(DataError, match=problem) as caught:
        bench.run("dbf", ["NAME", "BORN"], {"folder": "."})
    assert caught.value.code == "collect.dbf.damaged"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 60, b"NAME,BORN\na,b\n" * 9, b"\x03" + b"\xff" * 200])
def test_what_is_no_table_is_refused(bench, content):
    (bench.folder / "a.dbf").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.dbf") as caught:
        bench.run("dbf", ["a"], {"folder": "."})
    assert caught.value.code == "collect.dbf.damaged"


def test_an_encrypted_table_and_an_unknown_encoding_are_refused(bench):
    path = table(bench.folder / "a.dbf", PEOPLE, [])
    with pytest.raises(ConfigError) as caught:
        bench.run("dbf", ["NAME"], {"folder": ".", "encoding": "gb99"})
    assert caught.value.code == "collect.encoding.unknown"
    raw = bytearray(path.read_bytes())
    raw[15] = 1
    path.write_bytes(raw)
    with pytest.raises(DataError) as refused:
        bench.run("dbf", ["NAME"], {"folder": "."})
    assert refused.value.code == "collect.dbf.locked"


def test_a_folder_lists_its_tables(tmp_path):
    table(tmp_path / "人员[1].DBF", PEOPLE, [(b" ", [b"a", b""]), (b"*", [b"b", b""])])
    (tmp_path / "x.dbf").write_bytes(b"?")
    shapes = {s.name: s for s in Dbf(folder=".", base=tmp_path).tables()}
    assert shapes["人员[1]"].rows == 1
    assert [(c.name, c.kind) for c in shapes["人员[1]"].columns] == [("NAME", "C(10)"), ("BORN", "D")]
    assert [p.origin for p in Dbf(folder=".", base=tmp_path, **shapes["人员[1]"].what).slices({})] == ["人员[1].DBF"]
    assert shapes["x"].error is not None


@needs_real
def test_real_files_equal_what_another_reader_finds(bench, sink):
    for folder in ("examples/files", "tests/cases"):
        connector = Dbf(folder=str(FOLDER / folder))
        for piece in connector.slices({}):
            path = FOLDER / folder / piece.origin
            if b"MEMO" in path.read_bytes()[:200]:
                with pytest.raises(DataError, match="no memo file"):
                    next(connector.read(piece, sink))
                continue
            sink.rows.clear()
            found = [tuple(r.values())[:-1] for b in connector.read(piece, sink) for r in b.to_pylist()]
            raw = [tuple(v.decode().strip() for v in r.values()) for r in dbfread.DBF(str(path), raw=True)]
            twin = [(n, date.fromisoformat(b).isoformat()) for n, b in raw if b.isdigit()]
            assert found == twin
            assert len(sink.rows) == len(raw) - len(twin)
