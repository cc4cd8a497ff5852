"""A resource's template: an empty workbook or CSV with its header, code lists to choose from, examples and notes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import IO, Any

import xlsxwriter

from cityloom.collect.forms import Field, FormDefinition
from cityloom.kernel.i18n import _

_LAST_ROW = 1_048_575
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
_WIDEST = 28


def headers(definition: FormDefinition) -> list[str]:
    """The header of each field: its title where that names one item only, else its column."""
    titles = [str(field.title) for field in definition.fields]
    columns = {field.name for field in definition.fields}
    return [
        title if titles.count(title) == 1 and (title == field.name or title not in columns) else field.name
        for title, field in zip(titles, definition.fields, strict=True)
    ]


def csv_template(definition: FormDefinition) -> bytes:
    """The header as CSV in UTF-8, with the mark by which spreadsheet programs know it."""
    text = io.StringIO()
    csv.writer(text).writerow(headers(definition))
    return text.getvalue().encode("utf-8-sig")


def xlsx_template(definition: FormDefinition, target: IO[bytes]) -> None:
    """The workbook: a sheet to fill in, all cells text, codes to choose from; a sheet with notes."""
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(_sheet_name(str(definition.title)))
        notes = book.add_worksheet(_("Notes"))
        lists = book.add_worksheet("codes")
        lists.hide()
        text = book.add_format({"num_format": "@"})
        head = book.add_format({"bold": True, "bg_color": "#0C3B54", "font_color": "#FFFFFF", "border": 1, "text_wrap": True, "valign": "top"})
        needed = book.add_format({"bold": True, "bg_color": "#8C5413", "font_color": "#FFFFFF", "border": 1, "text_wrap": True, "valign": "top"})
        sheet.freeze_panes(1, 0)
        sheet.set_row(0, 32)
        for place, (name, field) in enumerate(zip(headers(definition), definition.fields, strict=True)):
            sheet.set_column(place, place, min(max(12, 2 * len(name) + 2), _WIDEST), text)
            sheet.write_string(0, place, name, needed if field.is_required else head)
            sheet.data_validation(1, place, _LAST_ROW, place, _validation(field, place, lists))
        _write_notes(definition, notes, book)


def _validation(field: Field, place: int, lists: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "validate": "any",
        "input_title": str(field.title)[:32],
        "input_message": _advice(field)[:255],
    }
    if field.codes:
        for row, choice in enumerate(field.choices):
            lists.write_string(row, place, choice)
        column = xlsxwriter.utility.xl_col_to_name(place)
        rule |= {
            "validate": "list",
            "source": f"=codes!${column}$1:${column}${len(field.choices)}",
            "error_title": str(field.title)[:32],
            "error_message": _("Choose one of the list."),
        }
    return rule


def _advice(field: Field) -> str:
    parts = [_("required") if field.is_required else _("may be empty"), str(field.help)]
    if field.codes:
        parts.append(_("choose one of the list"))
    elif field.representation:
        parts.append(_("form {form}").format(form=field.representation))
    if field.example and not field.codes:
        parts.append(_("for example {example}").format(example=field.example))
    return _("; ").join(parts)


def _write_notes(definition: FormDefinition, sheet: Any, book: Any) -> None:
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    plain = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    sheet.write_string(0, 0, str(definition.title), book.add_format({"bold": True, "font_size": 14}))
    sheet.write_string(1, 0, str(definition.help))
    sheet.write_string(2, 0, _("One row is one record. Leave the header as it is; columns in brown must be filled in."))
    sheet.write_string(3, 0, _("All cells are text: long numbers and leading zeros stay as they are typed."))
    names = [_("header"), _("column"), _("required"), _("form"), _("example"), _("codes"), _("meaning"), _("standard")]
    for place, (name, width) in enumerate(zip(names, (22, 18, 8, 12, 24, 40, 44, 22), strict=True)):
        sheet.set_column(place, place, width)
        sheet.write_string(5, place, name, bold)
    for row, (name, field) in enumerate(zip(headers(definition), definition.fields, strict=True), 6):
        for place, value in enumerate(_note(name, field)):
            sheet.write_string(row, place, value, plain)


def _note(name: str, field: Field) -> Sequence[str]:
    codes = _("; ").join(f"{code} {title}" for code, title in field.codes[:40])
    return (
        name,
        field.name,
        _("yes") if field.is_required else "",
        field.representation + (f" ({field.unit})" if field.unit else ""),
        field.example,
        codes + (" …" if len(field.codes) > 40 else ""),
        str(field.help),
        field.standard,
    )


def _sheet_name(title: str) -> str:
    return _FORBIDDEN.sub(" ", title).strip()[:31] or "data"
