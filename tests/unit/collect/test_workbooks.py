"""Workbooks of every kind and shape: what each cell comes to, where the table is, what is refused and why."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msoffcrypto.format.ooxml
import pytest
import python_calamine as calamine
import xlsxwriter
import xlwt
from tests.real_data import REAL, needs_real

from cityloom.collect.sheets import cells, stream
from cityloom.collect.sheets.formats import GENERAL, Format, Kind, built_in, classify
from cityloom.collect.sheets.model import Fault
from cityloom.collect.sheets.open import open_book
from cityloom.collect.sheets.texts import Texts
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.store import batches
from cityloom.store.database import Store

BOOKS = sorted(
    p.relative_to(REAL).as_posix()
    for folder in ("messy_xls_xlrd", "messy_frictionless")
    for p in (REAL / folder).rglob("*")
    if p.suffix in (".xls", ".xlsx", ".xlsb", ".ods")
)
REFUSED = {"messy_xls_xlrd/corrupted_error.xls"}

@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """One kind of store is enough: what is tested here is read before anything is stored."""
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    yield store
    store.close()


def rejects(bench):
    with bench.store.read() as connection:
        return [(r.row, r.column, r.code, r.content) for r in batches.list_rejects(connection, "things")]


def write(path, rows, **options):
    """A workbook with one sheet of plain values."""
    with xlsxwriter.Workbook(path, options) as book:
        page = book.add_worksheet("表")
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is not None:
                    page.write(number, column, value)


# -- cells ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (12.0, GENERAL, "12"),
        (-0.0, GENERAL, "0"),
        (274.65999999999997, GENERAL, "274.66"),
        (1234567890.1234567, GENERAL, "1234567890.1234567"),
        (0.1 + 0.2, GENERAL, "0.3"),
        (1e-7, GENERAL, "0.0000001"),
        (0.125, classify("0.00%"), "0.125"),
        (999999999999999.0, GENERAL, "999999999999999"),
        (123.0, classify("000000"), "000123"),
        (1234567.0, classify("000000"), "1234567"),
        (1.5, classify("000000"), "1.5"),
        (45351.0, built_in(14), "2024-02-29"),
        (45351.5, built_in(14), "2024-02-29 12:00:00"),
        (45351.0, built_in(22), "2024-02-29 00:00:00"),
        (45351.0, built_in(31), "2024-02-29"),
        (45351.3333333333, classify('yyyy"年"m"月"d"日"'), "2024-02-29 08:00:00"),
        (45351.123456789, classify("yyyy-mm-dd hh:mm:ss"), "2024-02-29 02:57:46.667"),
        (45351.0, classify("[$-804]aaaa"), "45351"),
        (1.0, built_in(14), "1900-01-01"),
        (59.0, built_in(14), "1900-02-28"),
        (60.0, built_in(14), "1900-02-29"),
        (61.0, built_in(14), "1900-03-01"),
        (-5.0, built_in(14), "-5"),
        (2958466.0, built_in(14), "2958466"),
        (0.5, built_in(20), "12:00:00"),
        (1.5, classify("[h]:mm"), "36:00:00"),
        (45351.75, built_in(19), "2024-02-29 18:00:00"),
        (3.5, classify("0.00E+00"), "3.5"),
        (45351.0, classify('"日期 "General'), "45351"),
        (45351.0, classify("#,##0.00_);[Red](#,##0.00)"), "45351"),
    ],
)
def test_a_number_is_what_its_format_means(value, style, text):
    assert cells.number_cell(value, style) == text


def test_the_calendar_that_begins_in_1904():
    assert cells.number_cell(43889.0, built_in(14), is_1904=True) == "2024-02-29"
    assert cells.number_cell(0.0, built_in(14), is_1904=True) == "1904-01-01"


@pytest.mark.parametrize("value", [1e15, 440301199001010012.0, -1e16, 1e22])
def test_a_number_whose_last_digits_are_lost_is_no_value(value):
    found = cells.number_cell(value, GENERAL)
    assert isinstance(found, Fault)
    assert found.code == "collect.cell.long"
    assert found.shown not in found.reason


def test_what_a_format_says():
    assert classify("m/d/yyyy h:mm AM/PM").kind is Kind.MOMENT
    assert classify("上午/下午h\"时\"mm\"分\"").kind is Kind.TIME
    assert classify("mm:ss.0").kind is Kind.TIME
    assert classify("[mm]:ss").kind is Kind.SPAN
    assert classify("00000000") == Format(Kind.CODE, 8)
    for plain in ("General", "@", "0", "0.00", '0.00"m"', "#,##0", '"y"0', "\\d0", "¥#,##0.00", "# ?/?"):
        assert classify(plain) == GENERAL, plain


# -- kinds of workbooks --------------------------------------------------------------------------------


@needs_real
@pytest.mark.parametrize("name", BOOKS)
def test_real_workbooks_equal_what_another_reader_finds(name):
    path = REAL / name
    if name in REFUSED:
        with pytest.raises(DataError) as caught, open_book(path, path.name):
            pass
        assert caught.value.code == "collect.excel.damaged"
        return
    try:
        other = calamine.load_workbook(str(path))
    except calamine.CalamineError:
        other = None
    with open_book(path, path.name) as book:
        for sheet in book.sheets:
            mine = {(n, c): v for n, row in book.rows(sheet.name) for c, v in enumerate(row) if v is not None}
            assert other is not None or mine
            if other is None:
                continue
            theirs = other.get_sheet_by_name(sheet.name)
            left = theirs.start[1] if theirs.start else 0
            twin = {(n, c + left): v for n, row in enumerate(theirs.iter_rows(), 1) for c, v in enumerate(row) if v != ""}
            errors = {place for place, v in mine.items() if isinstance(v, Fault)}
            assert set(mine) - errors == set(twin)
            assert [p for p in twin if not same(mine[p], twin[p])] == []
            merged = theirs.merged_cell_ranges
            if merged is not None:
                found = sorted((top - 1, left, bottom - 1, right) for top, left, bottom, right in book.merged(sheet.name))
                assert found == sorted((*a, *b) for a, b in merged)


def same(text: str, value: object) -> bool:
    """Equal, where the other reader keeps the noise of binary arithmetic and cuts midnight off."""
    if isinstance(value, bool):
        return text == str(value).upper()
    if isinstance(value, float):
        return abs(float(text) - value) <= 1e-13 * abs(value)
    if isinstance(value, (dt.date, dt.time)):
        return text.removesuffix(" 00:00:00") == str(value)
    return text == str(value)


@needs_real
def test_a_sheet_older_than_ole_is_read():
    path = REAL / "messy_xls_xlrd" / "biff4_no_format_no_window2.xls"
    with open_book(path, path.name) as book:
        rows = dict(book.rows(book.sheets[0].name))
        again = dict(book.rows(book.sheets[0].name))
    assert rows[2] == ["A", "DOG & CAT PRODUCTS", "Dog & Cat Product", None]
    assert again == rows


def old_book(path, rows=(("编号", "日期", "代码"), ("007", 45351.5, 123))):
    book = xlwt.Workbook()
    page = book.add_sheet("表")
    styles = [xlwt.XFStyle(), xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm"), xlwt.easyxf(num_format_str="000000")]
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            page.write(number, column, value, styles[column])
    hidden = book.add_sheet("代码表")
    hidden.write(0, 0, "x")
    hidden.visibility = 1
    book.save(str(path))


@pytest.mark.parametrize("name", ["a.xls", "a.et", "a.xlsx"])
def test_old_workbooks_whatever_they_are_called(bench, name):
    old_book(bench.folder / name)
    bench.run("excel", ["编号", "日期", "代码"], {"folder": ".", "pattern": "a.*"})
    assert bench.rows("编号", "日期", "代码") == [("007", "2024-02-29 12:00:00", "000123")]


ODS = """<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">
<office:automatic-styles><style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style></office:automatic-styles>
<office:body><office:spreadsheet><table:table table:name="表">{rows}
<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>
<table:table table:name="隐藏" table:style-name="ta2"><table:table-row><table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row></table:table>
</office:spreadsheet></office:body></office:document-content>"""


def open_document(path, rows):
    body = "".join(f"<table:table-row>{row}</table:table-row>" if row.startswith("<table:t") else row for row in rows)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.replace("{rows}", body))


def text_cell(*texts, more=""):
    paragraphs = "".join(f"<text:p>{t}</text:p>" for t in texts)
    return f'<table:table-cell office:value-type="string"{more}>{paragraphs}</table:table-cell>'


def value_cell(kind, attribute, value, shown=""):
    return f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}"><text:p>{shown}</text:p></table:table-cell>'


def test_open_document(bench):
    head = [text_cell(c) for c in ("文字", "数", "日期", "时间", "真", "代码")]
    body = [
        text_cell("第一行", "a<text:s text:c='2'/>b<text:tab/>c<text:line-break/><text:span>d</text:span>"),
        value_cell("float", "value", "274.65999999999997", "274.66"),
        value_cell("date", "date-value", "2024-02-29T08:00:00", "29.2.24"),
        value_cell("time", "time-value", "PT36H05M01S", "36:05"),
        value_cell("boolean", "boolean-value", "true", "WAHR"),
        value_cell("float", "value", "123", "000123"),
    ]
    spare = "<table:table-cell table:number-columns-repeated='16378'/>"
    noted = '<table:table-cell><office:annotation><text:p>note</text:p></office:annotation></table:table-cell>'
    error = '<table:table-cell table:formula="of:=1/0" office:value-type="string" calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>'
    twice = '<table:table-row table:number-rows-repeated="2">' + text_cell("z", more=" table:number-columns-repeated='2'") + "</table:table-row>"
    open_document(bench.folder / "a.ods", ["".join(head), "".join(body) + spare, noted, twice, error])
    result = bench.run("excel", ["文字", "数", "日期", "时间", "真", "代码"], {"folder": ".", "pattern": "*.ods"})
    assert (result.written, result.rejected) == (3, 1)
    first = ("第一行\na  b\tc\nd", "274.66", "2024-02-29 08:00:00", "36:05:01", "TRUE", "000123", 2)
    blank = (None,) * 4
    assert bench.rows("文字", "数", "日期", "时间", "真", "代码", "_row") == [first, ("z", "z", *blank, 4), ("z", "z", *blank, 5)]
    assert rejects(bench)[0][:3] == (7, "文字", "collect.cell.error")
    with open_book(bench.folder / "a.ods", "a.ods") as book:
        assert [(s.name, s.is_hidden) for s in book.sheets] == [("表", False), ("隐藏", True)]


# -- what is set apart ---------------------------------------------------------------------------------


def test_errors_formulas_without_result_and_long_numbers_are_set_apart(bench):
    with xlsxwriter.Workbook(bench.folder / "a.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["证号", "数"])
        page.write_number(1, 0, 440301199001010012)
        page.write_string(2, 0, "440301199001010012")
        page.write_formula(3, 1, "=1/0", None, "#DIV/0!")
        page.write_formula(4, 1, "=1+1", None, 2)
        page.write_formula(5, 1, '="甲"', None, "甲")
        page.write_string(6, 1, "#REF!")
    result = bench.run("excel", ["证号", "数"], {"folder": "."})
    assert (result.read, result.written, result.rejected) == (6, 4, 2)
    assert bench.rows("证号", "数") == [("440301199001010012", None), (None, "2"), (None, "甲"), (None, "#REF!")]
    assert rejects(bench) == [
        (2, "证号", "collect.cell.long", {"证号": "440301199001010000", "数": None}),
        (4, "数", "collect.cell.error", {"证号": None, "数": "#DIV/0!"}),
    ]


def test_they_are_kept_where_the_task_says_so(bench):
    with xlsxwriter.Workbook(bench.folder / "a.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["a", "b"])
        page.write_row(1, 0, [1e16])
        page.write_formula(1, 1, "=NA()", None, "#N/A")
    options = {"folder": ".", "long_numbers": "keep", "error_cells": "text"}
    assert bench.run("excel", ["a", "b"], options).rejected == 0
    assert bench.rows("a", "b") == [("10000000000000000", "#N/A")]


def sheet_xml(folder, rows, *, root='<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">', rest=""):
    """A workbook whose sheet is written by hand."""
    write(folder / "base.xlsx", [["a"]])
    with zipfile.ZipFile(folder / "base.xlsx") as old, zipfile.ZipFile(folder / "a.xlsx", "w") as new:
        for name in old.namelist():
            text = f'<?xml version="1.0"?>{root}<sheetData>{rows}</sheetData>{rest}</worksheet>'
            new.writestr(name, text if name == "xl/worksheets/sheet1.xml" else old.read(name))
    (folder / "base.xlsx").unlink()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c r="A2" t="inlineStr"><is><t>x &amp; y</t></is></c>', "x & y"),
        ('<c r="A2" t="inlineStr"><is><r><t>富</t></r><r><rPr/><t xml:space="preserve">文 </t></r><rPh sb="0" eb="1"><t>fu</t></rPh></is></c>', "富文 "),
        ('<c t="str" r="A2"><f>"a"</f><v>b_x000D_c</v></c>', "b\rc"),
        ('<c r="A2" t="d"><v>2024-02-29T08:00:00</v></c>', "2024-02-29 08:00:00"),
        ('<c r="A2" t="b"><v>1</v></c>', "TRUE"),
        ('<c><v>5</v></c>', "5"),
        ('<c r="A2"><v>007</v></c>', "7"),
        ('<c r="A2"><v>1.50E+02</v></c>', "150"),
        ('<c r="A2"><f t="shared" si="0"/><v>3</v></c>', "3"),
        ('<!-- <c r="A2"><v>9</v></c> --><c r="A2"><v>1</v></c>', "1"),
        ('<c r="A2" s="0" t="n" cm="1"><v>8</v></c>', "8"),
    ],
)
def test_cells_in_every_form_that_programs_write(bench, cell, text):
    sheet_xml(bench.folder, f'<row r="1"><c r="A1" t="inlineStr"><is><t>h</t></is></c></row><row r="2">{cell}</row>')
    assert bench.run("excel", ["h"], {"folder": "."}).rejected == 0
    assert bench.rows("h") == [(text,)]


@pytest.mark.parametrize("formula", ["<f>A1</f>", '<f t="shared" si="0"/>', "<f>A1</f><v/>", "<f>A1</f><v></v>"])
def test_a_formula_that_was_never_computed_is_no_empty_cell(bench, formula):
    sheet_xml(bench.folder, f'<row r="1"><c r="A1" t="inlineStr"><is><t>h</t></is></c></row><row r="2"><c r="A2">{formula}</c></row>')
    assert bench.run("excel", ["h"], {"folder": "."}).rejected == 1
    assert rejects(bench)[0][2] == "collect.cell.uncomputed"


@pytest.mark.parametrize(
    ("rows", "rest"),
    [
        ('<row r="1"><c r="A1"><v>x</v></c></row>', ""),
        ('<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>', ""),
        ('<row r="1"><c r="A1" t="s"><v>99</v></c></row>', ""),
        ('<row r="1"><c r="A1" s="99"><v>1.5</v></c></row>', ""),
        ('<row r="1"><c r="1A"><v>1</v></c></row>', ""),
        ('<row r="1"><c r="A1"><v>1</v></row>', ""),
    ],
)
def test_a_sheet_that_contradicts_itself_is_damaged(bench, rows, rest):
    sheet_xml(bench.folder, rows, rest=rest)
    with pytest.raises(DataError) as caught:
        bench.run("excel", ["h"], {"folder": "."})
    assert caught.value.code == "collect.excel.damaged"


def test_the_quick_way_and_the_parser_find_the_same():
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>{n}</v></c><c r="C{n}" s="2"><f>A1&amp;"x"</f><v>{n}.5</v></c><c r="AA{n}"/></row>'
        for n in range(1, 9000)
    )
    text = f'<?xml version="1.0"?><worksheet xmlns="http://x"><dimension ref="A1"/><sheetData>{rows}</sheetData></worksheet>'
    quick = list(stream.cells(io.BytesIO(text.encode())))
    parsed = list(stream.cells(io.BytesIO(text.replace("<row ", "<!-- -->\n<row ").encode())))
    assert [(n, [c for c in row if c[4]]) for n, row in quick] == [(n, [c for c in row if c[4]]) for n, row in parsed]
    assert len(quick) == 8999
    with pytest.raises(stream.BookError):
        list(stream.cells(io.BytesIO(text[:-40].encode())))


def test_names_with_a_prefix_are_the_same_names(bench):
    rows = "".join(f'<x:row r="{n}"><x:c r="A{n}"><x:v>{n}</x:v></x:c><x:c r="B{n}" t="inlineStr"><x:is><x:t>&lt;x:c</x:t></x:is></x:c></x:row>' for n in range(2, 20_000))
    head = '<x:row r="1"><x:c r="A1" t="str"><x:v>a</x:v></x:c><x:c r="B1" t="str"><x:v>b</x:v></x:c></x:row>'
    text = f'<?xml version="1.0"?><x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData>{head}{rows}</x:sheetData><x:mergeCells><x:mergeCell ref="A1:B1"/></x:mergeCells></x:worksheet>'
    found = list(stream.cells(io.BytesIO(text.encode())))
    assert len(found) == 19_999
    assert found[-1] == (19_999, [(0, "", "", False, "19999"), (1, "", "inlineStr", False, "<x:c")])
    assert list(stream.merged(io.BytesIO(text.encode()))) == [("A1", "B1")]


def test_many_texts_lie_on_disk():
    texts = Texts(["甲", "", "\ud800"], iter(["b" * 10, "丙"]))
    assert list(texts) == ["甲", "", "\ud800", "b" * 10, "丙"]
    assert texts[1:3] == ["", "\ud800"]
    with pytest.raises(IndexError):
        texts[5]


# -- where the table is --------------------------------------------------------------------------------

PAGE = [
    ["二〇二四年统计"],
    [],
    ["一、机构"],
    ["序号", "名称", "数量", None, "备注"],
    [1, "甲局", 3],
    [2, "乙局", 4],
    ["合计", None, 7],
    [],
    ["二、人口"],
    ["序号", "街道", "社区", "人数"],
    [1, "东街", "东一", 10],
    [2, None, "东二", 20],
    [3, "西街", "西一", 30],
    ["合 计", None, None, 60],
    ["制表人：某某"],
    ["制表日期：2024-01-01"],
]


def take(bench, columns, **options):
    bench.run("excel", columns, {"folder": ".", **options})
    return bench.rows(*columns, "_row")


def test_a_table_by_its_heading_until_its_totals(bench):
    write(bench.folder / "a.xlsx", PAGE)
    found = take(bench, ["序号", "街道", "社区", "人数"], table={"heading": "二、人口", "until": "合计"}, fill_down=["街道"])
    assert found == [("1", "东街", "东一", "10", 11), ("2", "东街", "东二", "20", 12), ("3", "西街", "西一", "30", 13)]


def test_a_table_by_its_first_cell_until_a_blank_row(bench):
    write(bench.folder / "a.xlsx", PAGE)
    found = take(bench, ["序号", "名称", "数量"], table={"start": "A4", "columns": "A:C", "until": "blank"}, totals="合计")
    assert found == [("1", "甲局", "3", 5), ("2", "乙局", "4", 6)]


def test_a_table_by_its_last_row_and_its_totals_column(bench):
    write(bench.folder / "a.xlsx", PAGE)
    area = {"start": "A4", "end": 7, "columns": "A:C"}
    assert [r[1] for r in take(bench, ["序号", "名称", "数量"], table=area)] == ["甲局", "乙局", None]
    write(bench.folder / "b.xlsx", PAGE)
    options = {"pattern": "b.xlsx", "table": area, "totals": {"column": "序号", "text": "合计"}}
    bench.run("excel", ["序号", "名称", "数量"], {"folder": ".", **options})
    assert len(bench.rows("_row")) == 3 + 2


def test_rows_below_the_last_record_by_their_number(bench):
    write(bench.folder / "a.xlsx", PAGE[9:])
    found = take(bench, ["序号", "街道", "社区", "人数"], footer_rows=2, totals="合计")
    assert [r[0] for r in found] == ["1", "2", "3"]


def test_a_header_of_three_rows_with_merged_cells_in_old_and_new_workbooks(bench):
    with xlsxwriter.Workbook(bench.folder / "a.xlsx") as book:
        page = book.add_worksheet()
        page.merge_range(0, 0, 2, 0, "编号")
        page.merge_range(0, 1, 0, 4, "人口")
        page.merge_range(1, 1, 1, 2, "常住")
        page.merge_range(1, 3, 1, 4, "流动")
        page.write_row(2, 1, ["男", "女", "男", "女"])
        page.write_row(3, 0, [1, 2, 3, 4, 5])
    old = xlwt.Workbook()
    sheet = old.add_sheet("x")
    sheet.write_merge(0, 2, 0, 0, "编号")
    sheet.write_merge(0, 0, 1, 4, "人口")
    sheet.write_merge(1, 1, 1, 2, "常住")
    sheet.write_merge(1, 1, 3, 4, "流动")
    for column, text in enumerate(["男", "女", "男", "女"], 1):
        sheet.write(2, column, text)
    for column in range(5):
        sheet.write(3, column, column + 1)
    old.save(str(bench.folder / "b.xls"))
    columns = ["编号", "人口.常住.男", "人口.常住.女", "人口.流动.男", "人口.流动.女"]
    assert take(bench, columns, header_rows=3, pattern="*.xls*") == [("1", "2", "3", "4", "5", 4)] * 2


def test_columns_without_a_name_hold_nothing(bench):
    rows = [["a", None, "b", None], ["1", None, "2", None], ["3", None, "4", "beside"], ["5", None, "6"]]
    write(bench.folder / "a.xlsx", rows)
    result = bench.run("excel", ["a", "b"], {"folder": "."})
    assert (result.written, result.rejected) == (2, 1)
    assert rejects(bench)[0][2] == "collect.cell.unnamed"
    rows[1][1] = "?"
    write(bench.folder / "a.xlsx", rows)
    with pytest.raises(DataError) as caught:
        bench.run("excel", ["a", "b"], {"folder": "."})
    assert caught.value.code == "collect.header.unnamed"


def test_sheets_by_a_glob_without_hidden_and_empty_ones(bench):
    with xlsxwriter.Workbook(bench.folder / "a.xlsx") as book:
        for name in ("2023年", "2024年", "说明"):
            book.add_worksheet(name).write_column(0, 0, ["a", name])
        book.add_worksheet("2025年")
        secret = book.add_worksheet("2022年")
        secret.write_column(0, 0, ["a", "hidden"])
        secret.hide()
    with pytest.raises(DataError) as caught:
        bench.run("excel", ["a"], {"folder": ".", "sheet": "19*"})
    assert caught.value.code == "collect.sheet.missing"
    result = bench.run("excel", ["a"], {"folder": ".", "sheet": "20*年"})
    assert [b["origin"] for b in result.summary["batches"]] == ["a.xlsx#2023年", "a.xlsx#2024年"]
    assert len(take(bench, ["a"], sheet="20*年", hidden=True)) == 3
    result = bench.run("excel", ["a"], {"folder": ".", "sheet": "2022年"})
    assert (result.written, [b["origin"] for b in result.summary["batches"]]) == (1, ["a.xlsx"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"table": {"start": "5B"}}, "collect.table.place"),
        ({"table": {"columns": "F:B"}}, "collect.table.place"),
        ({"table": {"heading": "三、经济"}}, "collect.table.unfound"),
        ({"fill_down": ["街巷"], "title_rows": 9}, "collect.layout.column"),
        ({"title_rows": 99}, "collect.header.missing"),
        ({"table": {"begin": "B5"}}, "collect.options.invalid"),
        ({"sheet": 2}, "collect.sheet.missing"),
    ],
)
def test_a_layout_that_does_not_fit_is_told(bench, options, code):
    write(bench.folder / "a.xlsx", PAGE)
    with pytest.raises((DataError, ConfigError)) as caught:
        bench.run("excel", ["序号"], {"folder": ".", **options})
    assert caught.value.code == code


def test_a_sheet_filled_to_its_last_row_may_be_cut_off(bench):
    sheet_xml(bench.folder, '<row r="1"><c r="A1" t="inlineStr"><is><t>h</t></is></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>')
    with pytest.raises(DataError) as caught:
        bench.run("excel", ["h"], {"folder": "."})
    assert caught.value.code == "collect.sheet.full"
    assert take(bench, ["h"], full_sheet="accept") == [("1", 1048576)]


# -- what is no workbook, or locked --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code", "what"),
    [
        (b"", "collect.excel.damaged", "no readable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "collect.excel.damaged", "no readable"),
        (b"\n <html><table><tr><td>1</td></tr></table>", "collect.excel.other", "HTML"),
        (b"<?xml version='1.0'?><Workbook/>", "collect.excel.other", "XML"),
        (b"a,b\n1,2\n", "collect.excel.other", "text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "collect.excel.damaged", "no readable"),
    ],
)
def test_what_only_bears_the_name_of_a_workbook_is_told(bench, content, code, what):
    (bench.folder / "a.xls").write_bytes(content)
    with pytest.raises(DataError, match=what) as caught:
        bench.run("excel", ["a"], {"folder": ".", "pattern": "*.xls"})
    assert caught.value.code == code


def test_an_encrypted_workbook_needs_its_password(bench, monkeypatch):
    write(bench.folder / "plain.tmp", [["a"], ["x"]])
    with (bench.folder / "plain.tmp").open("rb") as plain, (bench.folder / "a.xlsx").open("w+b") as out:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("秘密 very", out)
    monkeypatch.setenv("BOOK_PASSWORD", "秘密 very")
    assert take(bench, ["a"], password="env:BOOK_PASSWORD") == [("x", 2)]
    for given, code in (("", "collect.excel.locked"), ("wrong one", "collect.excel.password")):
        with pytest.raises(DataError) as caught, open_book(bench.folder / "a.xlsx", "a.xlsx", given):
            pass
        assert caught.value.code == code
        assert "wrong one" not in str(caught.value)


def test_a_workbook_that_only_the_program_itself_encrypted_opens(bench):
    write(bench.folder / "plain.tmp", [["a"], ["x"]])
    with (bench.folder / "plain.tmp").open("rb") as plain, (bench.folder / "a.xlsx").open("w+b") as out:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("VelvetSweatshop", out)
    assert take(bench, ["a"]) == [("x", 2)]


def test_encrypted_old_and_open_document_workbooks_are_refused(bench):
    old_book(bench.folder / "a.xls")
    raw = (bench.folder / "a.xls").read_bytes()
    at = raw.index(b"\xe1\x00\x02\x00")
    (bench.folder / "a.xls").write_bytes(raw[:at] + b"\x2f\x00" + raw[at + 2 :])
    with zipfile.ZipFile(bench.folder / "b.ods", "w") as archive:
        archive.writestr("content.xml", "?")
        archive.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    for name in ("a.xls", "b.ods"):
        with pytest.raises(DataError) as caught, open_book(bench.folder / name, name):
            pass
        assert caught.value.code == "collect.excel.locked"
