"""Writes data standards as a workbook, a template for one, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from cityloom.model.text import Title
from cityloom.standard.exchange.sheets import FLAG, HELP, JSON, LIST, NO, SHEETS, YES, Column, Sheet

FORMAT = "cityloom.standards"
Given = Sequence[tuple[str, Mapping[str, Any]]]
"""Kind and body of definitions."""


def write_json(target: Path, given: Given) -> None:
    """Standards as JSON, one definition after the other, as their YAML has them."""
    whole = {"format": FORMAT, "version": 1, "definitions": [{"kind": kind, **body} for kind, body in given]}
    target.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def write_workbook(target: Path, given: Given) -> None:
    """Standards as a workbook, one sheet a kind; without any it is the template, with a sheet that tells how to fill it."""
    with xlsxwriter.Workbook(target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        head = book.add_format({"bold": True, "bg_color": "#DDE7F3", "border": 1})
        must = book.add_format({"bold": True, "bg_color": "#F8D9D0", "border": 1})
        text = book.add_format({"num_format": "@"})
        for sheet in SHEETS:
            page = book.add_worksheet(str(sheet.title))
            page.freeze_panes(1, 0)
            page.set_column(0, len(sheet.columns) - 1, 18, text)
            for place, column in enumerate(sheet.columns):
                page.write_string(0, place, str(column.header), must if column.is_required else head)
            for number, row in enumerate(rows_of(sheet, given), 1):
                for place, cell in enumerate(row):
                    if cell:
                        page.write_string(number, place, cell, text)
        _help(book.add_worksheet(str(HELP)), head)


def rows_of(sheet: Sheet, given: Given) -> Iterator[list[str]]:
    """The rows of a sheet."""
    for kind, body in given:
        if kind != sheet.kind:
            continue
        if not sheet.part:
            yield [_cell(body, column) for column in sheet.columns]
        for one in body.get(sheet.part, ()) if sheet.part else ():
            yield [_cell(one, column) if column.path else str(body["name"]) for column in sheet.columns]


def _cell(body: Mapping[str, Any], column: Column) -> str:
    value: Any = body
    for key in column.path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None or value in ([], ()):
        return ""
    if column.form == LIST:
        texts = [str(one) for one in value]
        is_plain = all(one and one == one.strip() and "|" not in one for one in texts) and not texts[0].startswith("[")
        return "|".join(texts) if is_plain else json.dumps(texts, ensure_ascii=False)
    if column.form == JSON:
        return json.dumps(value, ensure_ascii=False)
    if column.form == FLAG:
        return str(Title(YES[0], "yes") if value else Title(NO[0], "no"))
    return str(value)


def _help(page: Any, head: Any) -> None:
    lines: Iterable[tuple[str, str, str]] = (
        (str(sheet.title), str(column.header), " ".join(filter(None, (str(_MUST) if column.is_required else "", str(column.help)))))
        for sheet in SHEETS
        for column in sheet.columns
    )
    for place, text in enumerate((Title("工作表", "Sheet"), Title("列", "Column"), Title("填写说明", "What to write"))):
        page.write_string(0, place, str(text), head)
    for number, line in enumerate(lines, 1):
        for place, cell in enumerate(line):
            page.write_string(number, place, cell)
    page.set_column(0, 1, 16)
    page.set_column(2, 2, 70)


_MUST = Title("必填。", "Must be filled in.")
