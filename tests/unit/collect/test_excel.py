"""Workbooks: titles, headers over two rows, totals, types without loss, and errors that name the sheet."""

from __future__ import annotations

import datetime as dt

import pytest
import xlsxwriter

from cityloom.kernel.errors import DataError

COLUMNS = ["编号", "男方.姓名", "男方.证号", "女方.姓名"]


def ledger(path, *, sheet="台账", rows=2):
    book = xlsxwriter.Workbook(path)
    page = book.add_worksheet(sheet)
    page.merge_range(0, 0, 0, 3, "台账")
    page.merge_range(1, 0, 2, 0, "编号")
    page.merge_range(1, 1, 1, 2, "男方")
    page.write(1, 3, "女方")
    for place, text in enumerate(("姓名", "证号", "姓名"), 1):
        page.write(2, place, text)
    for n in range(rows):
        page.write_number(3 + n + (n > 0), 0, n)
        page.write_string(3 + n + (n > 0), 2, "007")
    page.write_string(5 + rows, 0, "合 计")
    page.write_number(5 + rows, 1, rows)
    book.add_worksheet("空")
    book.close()


def take(bench, columns=COLUMNS, **options):
    return bench.run("excel", columns, {"folder": ".", "title_rows": 1, "header_rows": 2, "totals": "合计", **options})


def test_a_ledger_with_title_groups_and_totals(bench):
    ledger(bench.folder / "a.xlsx")
    result = take(bench)
    assert (result.written, result.rejected) == (2, 0)
    assert bench.rows(*COLUMNS, "_row") == [("0", None, "007", None, 4), ("1", None, "007", None, 6)]


def test_types_become_text_without_loss(bench):
    book = xlsxwriter.Workbook(bench.folder / "a.xlsx")
    page = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    page.write_row(1, 1, ["a", "b", "c", "d", "e"])
    page.write_row(2, 1, [12, 1.5, True, "=1"])
    page.write_string(2, 5, "00")
    page.write_datetime(3, 1, dt.datetime(2024, 2, 29), day)
    page.write_datetime(3, 2, dt.datetime(2024, 2, 29, 8, 5, 1), moment)
    page.write_number(3, 3, 123456789012345)
    page.write_number(3, 4, 0.1)
    book.close()
    bench.run("excel", list("abcde"), {"folder": ".", "title_rows": 1})
    assert bench.rows(*"abce", "_row") == [
        ("12", "1.5", "TRUE", "00", 3),
        ("2024-02-29", "2024-02-29 08:05:01", "123456789012345", None, 4),
    ]


def test_every_sheet_is_a_batch_of_its_own(bench):
    book = xlsxwriter.Workbook(bench.folder / "a.xlsx")
    for name in ("一", "二"):
        page = book.add_worksheet(name)
        page.write(0, 0, "a")
        page.write_string(1, 0, name)
    book.close()
    result = bench.run("excel", ["a"], {"folder": ".", "sheet": "*"})
    assert [b["origin"] for b in result.summary["batches"]] == ["a.xlsx#一", "a.xlsx#二"]
    assert sorted(bench.rows("a")) == [("一",), ("二",)]


def test_a_missing_sheet_names_those_there_are(bench):
    ledger(bench.folder / "a.xlsx")
    with pytest.raises(DataError, match="台账, 空") as caught:
        take(bench, sheet="婚姻")
    assert caught.value.code == "collect.sheet.missing"


def test_an_empty_sheet_names_file_and_sheet(bench):
    ledger(bench.folder / "a.xlsx")
    with pytest.raises(DataError, match="a.xlsx, 空") as caught:
        take(bench, sheet="空")
    assert caught.value.code == "collect.header.missing"


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.95])
def test_a_truncated_workbook_is_named(bench, keep):
    ledger(bench.folder / "a.xlsx")
    content = (bench.folder / "a.xlsx").read_bytes()
    (bench.folder / "a.xlsx").write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataError, match=r"a\.xlsx") as caught:
        take(bench)
    assert caught.value.code == "collect.excel.damaged"


def test_one_broken_workbook_does_not_hold_up_the_others(bench):
    ledger(bench.folder / "b.xlsx")
    (bench.folder / "a.xlsx").write_bytes(b"PK")
    result = take(bench)
    assert (result.written, result.summary["reconciled"]) == (2, False)
    assert [e["code"] for e in result.summary["errors"]] == ["collect.excel.damaged"]
