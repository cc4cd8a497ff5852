"""Delimited text: the fast way and the careful one read the same; dialects, headings and damaged lines."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityloom.collect.connectors.csv_files import CsvFiles
from cityloom.collect.delimited import blocks
from cityloom.collect.delimited.dialect import BrokenError, Dialect, OpenError
from cityloom.kernel.errors import DataError
from cityloom.store import batches

CASES = [
    (Dialect(",", '"'), 'a,"b,c",d""e', ["a", "b,c", 'd""e']),
    (Dialect(",", '"'), '"a""b",""', ['a"b', ""]),
    (Dialect(";", "'"), "'a;''b''';c\"d", ["a;'b'", 'c"d']),
    (Dialect("||", '"'), '"a||b"||c|d||', ["a||b", "c|d", ""]),
    (Dialect(",", '"', "\\"), '"a\\"b",c\\,d,\\\\', ['a"b', "c,d", "\\"]),
    (Dialect(",", "", ""), '"a,b"', ['"a', 'b"']),
    (Dialect("", "", ""), "a,b", ["a,b"]),
    (Dialect("\uff0c", '"'), "\u7532\uff0c\u4e59", ["\u7532", "\u4e59"]),
]


@pytest.mark.parametrize(("dialect", "text", "values"), CASES)
def test_a_record_is_parted_by_its_dialect(dialect, text, values):
    assert dialect.split(text) == values


@pytest.mark.parametrize(("text", "error"), [('a,"b', OpenError), ('a,"b"c', BrokenError), ('"a" ,b', BrokenError)])
def test_a_quote_at_the_wrong_place_is_told(text, error):
    with pytest.raises(error):
        Dialect().split(text)


def read(folder: Path, is_fast: bool = True, **options):
    """Rows with their lines, rejects, count and remarks of the one file of a folder."""
    connector = CsvFiles(folder=str(folder), pattern="*", **options)
    (piece,) = connector.slices({})
    rejects: list[tuple] = []
    if not is_fast:
        rows = connector._rows(piece)
        rows.layout.body.plan.clear()
        object.__setattr__(connector, "opened", {next(iter(connector.opened)): careful(rows)})
    count = connector.count(piece)
    read = list(connector.read(piece, lambda *fields: rejects.append(fields)))
    remarks = {remark.code: remark for remark in connector.remarks(piece)}
    return pa.Table.from_batches(read), rejects, count, remarks


def careful(rows):
    """The rows of a file whose every span needs the careful reader."""
    object.__setattr__(rows, "fast", lambda clean: None)
    return rows


NASTY = st.text(st.sampled_from(list('ab,";\'\n\r \t\\\u7532\ufeff|')), max_size=120)
TABLES = st.lists(
    st.lists(st.text(st.sampled_from(list('ab,"\n\r \u7532')), max_size=5), min_size=3, max_size=3), min_size=1, max_size=40
)


@settings(max_examples=400)
@given(NASTY, st.booleans(), st.sampled_from(["quarantine", "accept"]))
def test_both_ways_read_the_same_from_any_text(tmp_path_factory, text, is_small, drift):
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.csv").write_bytes(("k,l,m\n" + text).encode())
    options = {"delimiter": ",", "quote": '"', "escape": "", "title_rows": 0, "header_rows": 1, "drift": drift}
    with pytest.MonkeyPatch.context() as patch:
        if is_small:
            patch.setattr(blocks, "STRETCH", 32)
            patch.setattr(blocks, "_CAREFUL", 8)
        fast, fast_rejects, fast_count, _ = read(folder, **options)
        slow, slow_rejects, slow_count, _ = read(folder, is_fast=False, **options)
    assert fast.to_pylist() == slow.to_pylist()
    assert fast_rejects == slow_rejects
    assert fast_count == slow_count == fast.num_rows + len(fast_rejects)
    lines = fast.column("_row").to_pylist()
    assert lines == sorted(set(lines))


@settings(max_examples=200)
@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.integers(16, 200))
def test_what_a_writer_wrote_is_read(tmp_path_factory, table, end, quoting, stretch):
    folder = tmp_path_factory.mktemp("written")
    text = io.StringIO()
    end = end if quoting == csv.QUOTE_ALL else "\r\n"  # otherwise it leaves a carriage return without quotes
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([["k", "l", "m"], *table])
    (folder / "a.csv").write_bytes(text.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "STRETCH", stretch)
        patch.setattr(blocks, "_CAREFUL", stretch // 2)
        found, rejects, count, _ = read(folder, delimiter=",", quote='"', escape="", title_rows=0, header_rows=1)
    kept = [row for row in table if any(row)]
    assert ([list(row.values())[:3] for row in found.to_pylist()], rejects, count) == (kept, [], len(kept))


def write(tmp_path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    """A folder with one file."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    (folder / "a.csv").write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return folder


def rows(table: pa.Table):
    """The rows, without their lines."""
    return [tuple(row.values())[:-1] for row in table.to_pylist()]


PEOPLE = [("\u5f20\u4e09", "34", "2024-01-02"), ("\u674e\u56db", "5", "2023-11-30"), ("\u738b\u4e94", "61", "2022-05-06")]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "^", "~", "%", "\x01", "||", "|@|", "@@", "\uff0c", " "])
def test_the_delimiter_is_found(tmp_path, mark):
    folder = write(tmp_path, "".join(mark.join(row) + "\n" for row in [("name", "age", "since"), *PEOPLE]))
    assert rows(read(folder)[0]) == PEOPLE
    assert read(folder)[0].column_names[:3] == ["name", "age", "since"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("name,note,n\n'a, b','it''s',1\n'c',d,2\n", {"quote": "'"}),
        ('name,note,n\n"a, b","it\\"s",1\n"c",d,2\n"e","f\\"",3\n', {"escape": "\\"}),
        ('name, note, n\na, "b, c", 1\nd, "e", 2\n', {"spaced": True}),
        ('name,note,n\na, "b, c", 1\nd, "e", 2\n', {"spaced": True}),
        ("name;note;n\na, b;c;1\nd;e, f;2\n", {"delimiter": "semicolon"}),
        ("report of 2024\n\nname,note,n\na,b,1\nc,d,2\n", {"title_rows": 2}),
        ("report of 2024,,\nname,note,n\na,b,1\nc,d,2\n", {"title_rows": 1}),
        ("1,2024-01-01,x\n2,2024-01-02,y\n3,2024-01-03,z\n", {"header_rows": 0}),
    ],
)
def test_what_is_found_is_what_an_officer_would_declare(tmp_path, text, options):
    folder = write(tmp_path, text)
    found, _, _, remarks = read(folder)
    assert found.to_pylist() == read(folder, **options)[0].to_pylist()
    told = remarks["collect.text.found"].text
    assert all(name in told for name in options)


def test_nothing_is_remarked_where_all_is_usual(tmp_path):
    assert read(write(tmp_path, "a,b\n1,x\n2,y\n"))[3] == {}


def test_declared_names_tell_which_row_is_the_header(tmp_path):
    folder = write(tmp_path, "a report,for,2024\n1,2,3\nname,2019,2020\nx,5,6\n")
    found = read(folder, known_columns=("name", "2019", "2020"))[0]
    assert (found.column_names[:3], rows(found)) == (["name", "2019", "2020"], [("x", "5", "6")])


def test_a_header_of_years_is_a_header(tmp_path):
    found = read(write(tmp_path, "city,2019,2020,2021\nx,5,6,7\ny,8,9,10\n"))[0]
    assert found.column_names[:4] == ["city", "2019", "2020", "2021"]


def test_footers_comments_nulls_and_empty_records_are_as_declared(tmp_path):
    text = "# made by hand\nname,n\na,NULL\n# more\n,\nb,\"NULL\"\nname,n\nc,3\n\nby: x\ntotal: 3\n"
    found, rejects, count, remarks = read(write(tmp_path, text), comment="#", nulls=("NULL",), footer_rows=2)
    assert rows(found) == [("a", None), ("b", "NULL"), ("c", "3")]
    assert found.column("_row").to_pylist() == [3, 6, 8]
    assert (rejects, count) == ([], 3)
    assert {code: remark.count for code, remark in remarks.items() if "found" not in code} == {
        "collect.lines.comment": 1,
        "collect.rows.empty": 1,
        "collect.header.again": 1,
    }
    kept = read(write(tmp_path, text), comment="#", footer_rows=2, skip_empty=False)[0]
    assert ("", "") in rows(kept)


def test_a_bad_line_is_set_apart_alone_with_its_text(tmp_path):
    good = [f"{n},x{n}" for n in range(400)]
    bad = ['7,"open', '8,"a"b', "9", "9,9,9", "5,\0", "\u5f205,z"]
    lines = [*good[:100], bad[0], *good[100:200], bad[1], bad[2], *good[200:300], bad[3], bad[4], bad[5], *good[300:]]
    content = ("n,t\n" + "\n".join(lines) + "\n").encode().replace("\u5f20".encode(), b"\xe5\xbc")
    found, rejects, count, _ = read(write(tmp_path, content), quote='"', encoding="utf-8")
    assert rows(found) == [tuple(line.split(",")) for line in good]
    assert count == 406
    assert [(row, code) for row, _, code, _, _ in rejects] == [
        (102, "collect.csv.quote"),
        (203, "collect.csv.quote"),
        (204, "collect.row.ragged"),
        (305, "collect.row.ragged"),
        (306, "collect.row.null"),
        (307, "collect.row.undecodable"),
    ]
    assert [content[""] for *_, content in rejects] == ['7,"open', '8,"a"b', "9", "9,9,9", "5,\u2400", "\\xe5\\xbc5,z"]


def test_a_damaged_line_of_another_encoding_is_set_apart_too(tmp_path):
    lines = [f"{n},\u5f20\u4e09\u4e30" for n in range(300)]
    content = ("n,t\n" + "\n".join(lines) + "\n").encode("gb18030")
    content = content.replace(b"\n150,", b"\n150,\xff", 1)
    found, rejects, count, _ = read(write(tmp_path, content))
    assert (found.num_rows, count, len(rejects)) == (299, 300, 1)
    assert (rejects[0][0], rejects[0][2], rejects[0][4]) == (152, "collect.row.undecodable", {"": "150,\\xff\u5f20\u4e09\u4e30"})


def test_with_accept_rows_are_filled_up_cut_and_mended(tmp_path):
    text = "a,b,c\n1,2,3\n4,5\n6,7,8,,\n9,9,9,9\n\"x,y,\"z\"\n1,1,1\n"
    found, rejects, count, remarks = read(write(tmp_path, text), drift="accept", delimiter=",", quote='"')
    assert rows(found) == [("1", "2", "3"), ("4", "5", None), ("6", "7", "8"), ('"x', "y", "z"), ("1", "1", "1")]
    assert ([r[0] for r in rejects], count) == ([5], 6)
    assert {"collect.row.padded", "collect.row.cut", "collect.row.quote"} <= set(remarks)


def test_a_second_table_is_set_apart(tmp_path):
    text = "a,b,c\n" + "1,2,3\n" * 5 + "a,b\n" + "4,5\n" * 3
    for drift in ("quarantine", "accept"):
        found, rejects, _, _ = read(write(tmp_path, text), drift=drift)
        assert (found.num_rows, [r[2] for r in rejects]) == (5, ["collect.row.other"] * 4)


def test_columns_without_a_name_get_one_and_declared_names_win(tmp_path):
    folder = write(tmp_path, "a,,c\nx,y,z\n")
    found, _, _, remarks = read(folder)
    assert found.column_names == ["a", "col_1", "c", "_row"]
    assert "collect.header.unnamed" in remarks
    assert read(folder, columns=("p", "q", "r"))[0].column_names == ["p", "q", "r", "_row"]


@pytest.mark.parametrize(
    ("header", "names"),
    [("a,b", ["a", "b", "col_2"]), ("a,,b,c", ["a", "b", "c"]), ("a,b,c,,", ["a", "b", "c"])],
)
def test_a_header_of_another_width_is_fitted_to_the_rows(tmp_path, header, names):
    found, rejects, _, remarks = read(write(tmp_path, f"{header}\n" + "x,1,2\n" * 4))
    assert (found.column_names[:-1], found.num_rows, rejects) == (names, 4, [])


def test_names_are_given_to_a_file_without_a_header_and_no_row_is_lost(tmp_path):
    folder = write(tmp_path, "total,,\na,b,c\nd,e,f\n")
    found = read(folder, columns=("p", "q", "r"))[0]
    assert rows(found) == [("total", "", ""), ("a", "b", "c"), ("d", "e", "f")]
    assert rows(read(folder, columns=("p", "q", "r"), title_rows=1, header_rows=1)[0]) == [("d", "e", "f")]
    assert rows(read(write(tmp_path, "p,q\na,b\n"), columns=("p", "q"))[0]) == [("a", "b")]


def test_a_header_that_nearly_no_row_fits_is_refused_unless_all_is_accepted(tmp_path):
    folder = write(tmp_path, "a,b,c\n" + "1,2\n" * 30)
    with pytest.raises(DataError) as caught:
        read(folder)
    assert caught.value.code == "collect.header.unlike"
    assert (caught.value.details["names"], caught.value.details["values"]) == (3, 2)
    assert rows(read(folder, drift="accept")[0]) == [("1", "2", None)] * 30


def test_times_are_not_parted_at_their_colons(tmp_path):
    lines = [f"2015-07-{day:02d} 14:24:00,{day}.5" for day in range(1, 30)]
    found = read(write(tmp_path, "timestamp,value\n" + "\n".join(lines) + "\n"))[0]
    assert rows(found) == [tuple(line.split(",")) for line in lines]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "big5", "shift_jis", "euc_kr", "cp1251"])
def test_rows_of_any_encoding_arrive(tmp_path, encoding):
    words = {
        "shift_jis": "\u6771\u4eac\u306e\u5e02\u5f79\u6240\u3067\u3059",
        "euc_kr": "\uc11c\uc6b8\uc2dc\uccad\uc740 \uc5ec\uae30\uc5d0 \uc788\uc2b5\ub2c8\ub2e4",
        "cp1251": "\u0433\u043e\u0440\u043e\u0434\u0441\u043a\u0430\u044f \u0430\u0434\u043c\u0438\u043d\u0438\u0441\u0442\u0440\u0430\u0446\u0438\u044f",
        "big5": "\u81fa\u5317\u5e02\u653f\u5e9c\u7684\u8cc7\u6599\u5eab",
    }
    word = words.get(encoding, "\u6df1\u5733\u5e02\u5357\u5c71\u533a")
    found, _, count, _ = read(write(tmp_path, "name,n\n" + f"{word},1\n" * 5, encoding))
    assert (rows(found), count) == ([(word, "1")] * 5, 5)


def test_a_byte_order_mark_in_the_middle_is_no_value(tmp_path):
    part = "\ufeffa,b\n1,2\n"
    found, rejects, count, _ = read(write(tmp_path, part + part))
    assert (rows(found), rejects, count) == ([("1", "2")] * 2, [], 2)


def test_line_ends_may_be_mixed_and_values_keep_theirs(tmp_path):
    found, _, count, _ = read(write(tmp_path, b'a,b\r\n1,2\n3,"4\r\n5"\r6,7\n'), delimiter=",")
    assert (rows(found), count) == ([("1", "2"), ("3", "4\r\n5"), ("6", "7")], 3)
    assert found.column("_row").to_pylist() == [2, 3, 5]


def test_a_record_without_end_is_refused_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "LONGEST", 1000)
    monkeypatch.setattr(blocks, "_CAREFUL", 100)
    monkeypatch.setattr(blocks, "STRETCH", 400)
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, "a,b\n1,2\n3," + "x" * 9000 + "\n"), delimiter=",")
    assert (caught.value.code, caught.value.details["line"]) == ("collect.csv.malformed", 3)


def test_a_first_line_without_end_is_refused(tmp_path, monkeypatch):
    for module in ("layout", "recode", "blocks"):
        monkeypatch.setattr(f"cityloom.collect.delimited.{module}.LONGEST", 1000)
    monkeypatch.setattr("cityloom.collect.delimited.layout._SAMPLE", 200)
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, "x" * 9000))
    assert (caught.value.code, caught.value.details["line"]) == ("collect.csv.malformed", 1)


def test_what_was_found_is_a_finding_of_the_batch(bench):
    bench.write("a.csv", "report\n\nname;n\na;1\nb;2\nb\n")
    bench.csv(["name", "n"])
    texts = {f.code: f.text for f in bench.findings()}
    assert "title_rows: 2" in texts["collect.text.found"]
    assert "delimiter: 'semicolon'" in texts["collect.text.found"]
    with bench.store.read() as connection:
        assert [r.content for r in batches.list_rejects(connection, "things")] == [{"": "b"}]
    bench.csv(["name", "n"])
    assert {f.code for f in bench.findings()} >= {"collect.text.found"}
