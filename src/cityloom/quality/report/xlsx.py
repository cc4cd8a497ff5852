"""The report as a workbook: every table of it, to be filtered and reckoned with."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import xlsxwriter

from cityloom.kernel.i18n import _
from cityloom.model.report import QualityReport
from cityloom.quality.report import rows, words
from cityloom.quality.report.method import method
from cityloom.quality.report.period import local_minute

_COLOURS = {"green": "#DFF3E7", "yellow": "#FCF0D3", "red": "#F9DEDC"}
_FORBIDDEN = str.maketrans("[]:*?/\\", "       ")


def to_xlsx(report: QualityReport, titles: Mapping[str, dict[str, str]]) -> bytes:
    """The workbook; texts are texts, whatever they begin with."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": f"{report.title} {_('Data quality report')} {report.period.name}", "author": "CityLoom"})
    looks = _looks(book)
    _front(book, looks, report)
    sheets = (
        *(rows.dimensions(report), rows.tables(report), rows.rules(report), rows.causes(report, dict(titles))),
        *(rows.examples(report), rows.evidence(report), rows.orders(report), rows.departments(report)),
    )
    for sheet in sheets:
        _write(book, looks, sheet)
    _method(book, looks, report)
    book.close()
    return target.getvalue()


def _looks(book: Any) -> dict[str, Any]:
    base = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "vcenter"}
    made = {
        "title": {**base, "font_size": 16, "bold": True, "font_color": "#0B2C40"},
        "soft": {**base, "font_color": "#566775"},
        "head": {**base, "bold": True, "bg_color": "#0B3B54", "font_color": "#FFFFFF", "text_wrap": True},
        "text": base,
        "bold": {**base, "bold": True},
        "wrap": {**base, "text_wrap": True, "valign": "top"},
        "whole": {**base, "num_format": "#,##0"},
        "points": {**base, "num_format": "0.00"},
        "share": {**base, "num_format": "0.00%"},
        **{f"points_{name}": {**base, "num_format": "0.00", "bg_color": colour} for name, colour in _COLOURS.items()},
    }
    return {name: book.add_format(values) for name, values in made.items()}


def _front(book: Any, looks: dict[str, Any], report: QualityReport) -> None:
    page = book.add_worksheet(_("Summary"))
    page.hide_gridlines(2)
    page.set_column(0, 0, 30)
    page.set_column(1, 1, 16)
    page.write_string(0, 0, f"{report.title} · {_('Data quality report')}", looks["title"])
    page.write_string(1, 0, f"{report.city} · {report.period.name} · {words.phase(report.phase)} · {local_minute(report.made_at)}", looks["soft"])
    for i, (name, value) in enumerate(rows.summary(report), start=3):
        page.write_string(i, 0, name, looks["text"])
        _cell(page, i, 1, value, looks["points"] if isinstance(value, float) else looks["whole"], looks)
    if report.total:
        page.write_number(3, 1, rows.score(report.total.score) or 0.0, looks[f"points_{report.total.light}"])
    _chart(book, page, looks, report)


def _chart(book: Any, page: Any, looks: dict[str, Any], report: QualityReport) -> None:
    start = 16
    page.write_string(start, 0, _("Trend of the total"), looks["bold"])
    for i, (name, value) in enumerate(report.trend, start=start + 1):
        page.write_string(i, 0, name, looks["text"])
        _cell(page, i, 1, rows.score(value), looks["points"], looks)
    end = start + len(report.trend)
    chart = book.add_chart({"type": "line"})
    where = [page.get_name(), start + 1, 0, end, 0], [page.get_name(), start + 1, 1, end, 1]
    chart.add_series({"categories": where[0], "values": where[1], "marker": {"type": "circle", "size": 6}, "line": {"color": "#0F7285", "width": 2.25}})
    chart.set_title({"name": _("Trend of the total"), "name_font": {"size": 11}})
    chart.set_legend({"none": True})
    chart.set_size({"width": 620, "height": 300})
    page.insert_chart(2, 3, chart)


def _write(book: Any, looks: dict[str, Any], sheet: rows.Sheet) -> None:
    page = book.add_worksheet(sheet.title.translate(_FORBIDDEN)[:31])
    page.freeze_panes(1, 0)
    for i, head in enumerate(sheet.heads):
        page.write_string(0, i, head, looks["head"])
        page.set_column(i, i, _width(sheet, i))
    first = min(sheet.points, default=-1)
    for n, line in enumerate(sheet.rows, start=1):
        for i, value in enumerate(line):
            look = looks["points"] if i in sheet.points else looks["share"] if i in sheet.shares else looks["whole"]
            if i == first and sheet.lights:
                look = looks[f"points_{sheet.lights[n - 1]}"]
            _cell(page, n, i, value, look, looks)
    if sheet.rows:
        page.autofilter(0, 0, len(sheet.rows), len(sheet.heads) - 1)


def _cell(page: Any, row: int, column: int, value: rows.Cell, number: Any, looks: dict[str, Any]) -> None:
    if value is None:
        page.write_blank(row, column, None, looks["text"])
    elif isinstance(value, str):
        page.write_string(row, column, value, looks["text"])
    else:
        page.write_number(row, column, value, number)


def _width(sheet: rows.Sheet, i: int) -> float:
    """Room for what stands in a column: Chinese characters take two places."""
    texts = [sheet.heads[i], *(str(line[i]) for line in sheet.rows[:200] if isinstance(line[i], str))]
    widest = max(sum(1 if c.isascii() else 2 for c in text) for text in texts)
    return float(min(60 if i in sheet.wide else 24, max(10, widest + 3)))


def _method(book: Any, looks: dict[str, Any], report: QualityReport) -> None:
    page = book.add_worksheet(_("Method"))
    page.hide_gridlines(2)
    page.set_column(0, 0, 110)
    for i, text in enumerate(method(report)):
        page.write_string(i, 0, text, looks["wrap"])
