"""The parts of taking deliveries in: representations, JSON piece by piece, headers, templates, forms, the inbox."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
import python_calamine as calamine
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flows.intake_town import city_with

from cityloom.collect import correct, forms, template
from cityloom.collect.connectors.push import Push
from cityloom.collect.formats import Form, aliases, delivery_of, form_of_media, form_of_name, lay_out
from cityloom.collect.inbox import Delivery, Flaw, Inbox, is_delivered, plain_name
from cityloom.collect.representation import parse_representation
from cityloom.collect.rows import write_lines
from cityloom.kernel.errors import DataError, UserError
from cityloom.kernel.i18n import use_language
from cityloom.model.batch import Reject

# -- representations --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("n6..12", ["123456", "123456789012"], ["12345", "1234567890123", "12a456", ""]),
        ("n1", ["0", "9"], ["10", "", "a"]),
        ("n..12,2", ["1", "-1.5", "1234567890.12"], ["1.234", "1,5", ".5", "12345678901"]),
        ("d10", ["2026-01-31"], ["2026-13-01", "2026-1-1", "20260131"]),
        ("d8", ["20260131"], ["2026-01-31"]),
        ("dt19", ["2026-01-31 08:30:00", "2026-01-31T23:59:59"], ["2026-01-31", "2026-01-31 24:00:00"]),
        ("bl", ["true", "0"], ["yes"]),
    ],
)
def test_a_representation_tells_its_values_from_others(text, good, bad):
    pattern = parse_representation(text).pattern
    assert [v for v in good if not re.fullmatch(pattern, v)] == []
    assert [v for v in bad if re.fullmatch(pattern, v)] == []


@pytest.mark.parametrize(("text", "least", "most"), [("a..50", 0, 50), ("an18", 18, 18), ("an2..5", 2, 5), ("a", 0, 0)])
def test_a_text_has_its_length(text, least, most):
    found = parse_representation(text)
    assert (found.kind, found.least, found.most) == ("text", least, most)


def test_what_is_no_representation_asks_for_nothing():
    assert parse_representation("as agreed") is None


# -- JSON, piece by piece ---------------------------------------------------------------------------------


def lines(tmp_path, text):
    source, target = tmp_path / "in.json", tmp_path / "out.jsonl"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    envelope = write_lines(source, target)
    return envelope, target.read_text(encoding="utf-8").split("\n")[:-1]


def test_records_come_one_a_line_with_their_numbers_as_they_were_written(tmp_path):
    envelope, found = lines(tmp_path, '[{"a": 1.10,\n "b": [1,\n2]}, 7, "x", null, []]')
    assert envelope.rows == 5
    assert found == ['{"a": 1.10,  "b": [1, 2]}', "7", '"x"', "null", "[]"]


def test_an_envelope_may_say_its_key_before_or_after_its_rows(tmp_path):
    for text in ('{"batch_key": "k", "rows": [{}], "delivery": "d"}', '\ufeff{"rows":[{}],"delivery":"d","batch_key":"k"} '):
        envelope, found = lines(tmp_path, text)
        assert (envelope.batch_key, envelope.delivery, envelope.rows, found) == ("k", "d", 1, ["{}"])


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [('[{"a": 1},', "broken", 11), ('[{"a": 1} {"a"}]', "broken", 11), ("[1,]", "broken", 4), ("", "broken", 1),
     ("[1] x", "broken", 5), (b'[{"a": "\xff"}]', "broken", 9), ('{"a": []}', "shape", None), ("7", "shape", None),
     ('{"rows": 1}', "shape", None), ('{"rows": [], "rows": []}', "shape", None), ("[" * 5000, "broken", None)],
)  # fmt: skip
def test_what_is_no_delivery_is_told_with_its_place(tmp_path, text, code, at):
    with pytest.raises(DataError) as caught:
        lines(tmp_path, text)
    assert caught.value.code == f"collect.json.{code}"
    if at:
        assert caught.value.details["at"] == at


@given(st.lists(st.dictionaries(st.text(max_size=3), st.one_of(st.text(max_size=200), st.integers(), st.none(), st.floats(allow_nan=False))), max_size=30), st.integers(1, 40))
def test_records_are_the_same_wherever_blocks_are_cut(tmp_path_factory, rows, block):
    folder = tmp_path_factory.mktemp("json")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cityloom.collect.rows._BLOCK", block)
        _envelope, found = lines(folder, json.dumps(rows, ensure_ascii=bool(block % 2), indent=block % 3 or None))
    assert [json.loads(line) for line in found] == rows


# -- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "plain"),
    [("三月.xlsx", "三月.xlsx"), ("../../etc/passwd", "passwd"), ("C:\\x\\a.csv", "a.csv"), (".hidden", "hidden"),
     ("a*?[b].csv", "a_b_.csv"), ("delivery.json", "rows_delivery.json"), ("x.parquet", "rows_x.parquet"), ("", "rows_"),
     ("a!b.csv", "a_b.csv"), ("x" * 300 + ".csv", "x" * 80 + ".csv")],
)  # fmt: skip
def test_a_senders_file_name_is_safe_in_a_folder(name, plain):
    assert plain_name(name) == plain


def test_the_form_of_a_file_is_told_by_its_name_or_its_type():
    assert (form_of_name("A.XLSX"), form_of_name("a.tsv")) == ("excel", "csv_files")
    found = form_of_media("text/csv; charset=gb18030")
    assert (found.kind, found.encoding) == ("csv_files", "gb18030")
    for call in (lambda: form_of_name("a.exe"), lambda: form_of_media("image/png"), lambda: form_of_media("")):
        with pytest.raises(UserError) as caught:
            call()
        assert caught.value.code == "collect.form.unknown"


@pytest.fixture
def resource():
    return city_with(()).resource("welfare")


def test_a_title_stands_for_its_column_only_where_it_means_one(resource):
    assert aliases(resource)["发放单号"] == aliases(resource)["payment_no"] == "ffdh"
    first, second, *rest = resource.items
    twice = type(resource)(**{**vars(resource), "items": (first, type(second)(**{**vars(second), "title": first.title}), *rest)})
    assert "发放单号" not in aliases(twice)


def drafted(tmp_path, name, content):
    made = Inbox(tmp_path).draft("welfare", name)
    made.write(content)
    made.close()
    return made


def test_a_declared_layout_of_the_resources_own_ledger_is_known(tmp_path, resource):
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        page = book.add_worksheet()
        page.write_string(0, 0, "title")
        page.merge_range(1, 0, 1, 1, "男方")
        page.write_row(2, 0, ["姓名", "证件号码"])
    items = tuple(type(i)(**{**vars(i), "column": c}) for i, c in zip(resource.items, ["男方.姓名", "男方.证件号码", "c", "d", "e", "f"], strict=True))
    ledger = type(resource)(**{**vars(resource), "items": items})
    laid = lay_out(drafted(tmp_path, "a.xlsx", target.getvalue()), Form(kind="excel"), ledger, {"title_rows": 1, "header_rows": 2, "folder": "x"})
    assert (laid.options["title_rows"], laid.options["header_rows"]) == (1, 2)


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path, resource, monkeypatch):
    monkeypatch.setattr("cityloom.collect.formats._MOST_UNPACKED", 1000)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 5000)
    with pytest.raises(DataError) as caught:
        lay_out(drafted(tmp_path, "a.xlsx", target.getvalue()), Form(kind="excel"), resource, {})
    assert caught.value.code == "collect.excel.bomb"


# -- the connector ----------------------------------------------------------------------------------------


def sealed(tmp_path, resource, **more):
    draft = drafted(tmp_path, "a.csv", "发放单号,xm\nA,甲\nB,乙\nC,丙\n".encode())
    laid = lay_out(draft, Form(kind="csv_files"), resource, {})
    made = delivery_of(draft, laid, resource, "push:k1")
    made = Delivery(**{**vars(made), **more})
    Inbox(tmp_path).seal(made)
    return made


def test_a_sealed_delivery_is_a_slice_and_unfinished_ones_are_none(tmp_path, resource, sink):
    made = sealed(tmp_path, resource, flaws={3: Flaw("xm", "collect.rule.x", "why")})
    drafted(tmp_path, "b.csv", b"unfinished")
    connector = Push(resource="welfare", base=tmp_path)
    connector.check()
    (piece,) = connector.slices({})
    assert (piece.origin, piece.digest, piece.held) == ("push:k1", made.digest, made)
    table = [row for batch in connector.read(piece, sink) for row in batch.to_pylist()]
    assert [(row["ffdh"], row["_row"]) for row in table] == [("A", 2), ("C", 4)]
    assert sink.rows == [(3, "xm", "collect.rule.x", "why")]
    assert connector.count(piece) == 3
    connector.settle(piece)
    connector.settle(piece)
    assert list(connector.slices({})) == []


def test_what_departments_bring_is_told_from_what_is_fetched():
    assert is_delivered("correction of b_1 (abc)")
    assert is_delivered("upload:a.csv")
    assert not is_delivered("a.csv")


# -- templates and forms ------------------------------------------------------------------------------------


def test_the_workbook_has_header_lists_and_notes_and_can_be_uploaded_as_it_is(tmp_path, resource):
    city = city_with(())
    definition = forms.describe(resource, city)
    target = io.BytesIO()
    with use_language("zh"):
        template.xlsx_template(definition, target)
    book = calamine.load_workbook(io.BytesIO(target.getvalue()))
    first = book.get_sheet_by_index(0)
    header = first.to_python()[0]
    assert header == ["发放单号", "公民身份号码", "姓名", "性别", "联系电话", "发放日期"]
    notes = json.dumps(book.get_sheet_by_index(1).to_python(), ensure_ascii=False)
    assert "11010519491231002X" in notes
    assert "1 男性" in notes
    with zipfile.ZipFile(io.BytesIO(target.getvalue())) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    assert re.search(r'<dataValidation type="list"[^>]*sqref="D2:D1048576"', xml)
    assert set(header) <= set(aliases(resource)), "its header stands for the columns"
    laid = lay_out(drafted(tmp_path, "t.xlsx", target.getvalue()), Form(kind="excel"), resource, {})
    assert laid.options["title_rows"] == 0


def test_the_csv_template_is_the_header(resource):
    text = template.csv_template(forms.describe(resource, city_with(())))
    assert text.decode("utf-8-sig").splitlines() == ["Payment number,Citizen id number,Name,Sex,Telephone,Date of payment"]


def test_the_form_is_a_json_schema_of_the_resources_items(resource):
    schema = forms.describe(resource, city_with(())).schema()
    assert schema["required"] == ["ffdh", "sfzh", "ffrq"]
    assert schema["additionalProperties"] is False
    assert {"const": "1", "title": "Male"} in schema["properties"]["xb"]["oneOf"]
    assert re.search(schema["properties"]["sfzh"]["pattern"], "11010519491231002X")
    assert not re.search(schema["properties"]["sfzh"]["pattern"], "1")
    assert (schema["properties"]["ffrq"]["format"], schema["properties"]["ffdh"]["minLength"]) == ("date", 4)


# -- rows set apart, out and in -----------------------------------------------------------------------------

HARD = ["=cmd|'/C calc'!A0", "+1", "-5", "@x", "'quoted", "a,b", 'a"b', "line\nbreak", "", "0012", "44030119900101001x", "𠮷"]


def reject(number, content):
    return number, Reject(resource="welfare", batch="b_1", origin="push:k", row=number, column="xm", code="c", reason="why", content=content)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_values_come_back_from_a_file_as_they_went(tmp_path, resource, ending):
    rejects = [reject(n, {"xm": value, "extra": value, "ffdh": None}) for n, value in enumerate(HARD)]
    if ending == "csv":
        content = correct.write_csv(resource, rejects)
        assert not re.search(r"(?:^|,)=", content.decode(), re.MULTILINE), "nothing a spreadsheet program would run"
    else:
        target = io.BytesIO()
        correct.write_xlsx(resource, rejects, target)
        content = target.getvalue()
    draft = drafted(tmp_path, f"r.{ending}", content)
    laid = lay_out(draft, Form(kind=form_of_name(f"r.{ending}")), resource, {})
    found = correct.read_back(resource, delivery_of(draft, laid, resource, ""), Inbox(tmp_path), rejects)
    assert [r["xm"] for r in found.records] == HARD
    assert [r["extra"] for r in found.records] == HARD
    assert {r["ffdh"] for r in found.records} == {None}
    assert [n for n, _ in found.rejects] == list(range(len(HARD)))


def test_a_value_too_long_for_a_cell_is_not_lost(tmp_path, resource):
    long = "长" * 40_000
    rejects = [reject(0, {"xm": long, "ffdh": "A"})]
    target = io.BytesIO()
    correct.write_xlsx(resource, rejects, target)
    draft = drafted(tmp_path, "r.xlsx", target.getvalue())
    laid = lay_out(draft, Form(kind="excel"), resource, {})
    found = correct.read_back(resource, delivery_of(draft, laid, resource, ""), Inbox(tmp_path), rejects)
    assert found.records[0]["xm"] == long


def test_a_row_without_fields_is_handed_out_with_its_text(resource):
    text = correct.write_csv(resource, [reject(0, {"": "A,B,C"}), reject(1, None)]).decode("utf-8-sig")
    assert text.splitlines()[0].endswith(",_text")
    assert '"A,B,C"' in text.splitlines()[1]


