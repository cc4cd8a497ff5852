"""Rows that were set apart, handed out to be corrected, and read back in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import xlsxwriter

from cityloom.collect.base import ROW
from cityloom.collect.inbox import Delivery, Inbox
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _
from cityloom.model.batch import Reject
from cityloom.model.resource import Resource

MARK = "_reject"
"""The column that tells which row set apart a corrected one is: batch and number."""
TEXT = "_text"
"""The column with what could not be read as fields."""
_OWN = (MARK, "_origin", "_line", "_reason", TEXT)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_LONGEST_CELL = 32_767
"""Characters that a cell of a workbook holds; a longer value is not handed out, and stays as it is."""
Numbered = tuple[int, Reject]


@dataclass
class Corrected:
    """Rows read back: by line of ``records`` the row set apart and where it stood in the file."""

    records: list[dict[str, str | None]] = field(default_factory=list)
    rejects: list[Numbered] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    skipped: int = 0


def mark_of(number: int, reject: Reject) -> str:
    """How a row set apart is told from all others."""
    return f"{reject.batch}/{number}"


def write_csv(resource: Resource, rejects: Sequence[Numbered]) -> bytes:
    """Rows set apart as CSV. A value that a spreadsheet program would take for a formula gets an apostrophe first."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = _columns(resource, rejects)
    writer.writerow([*_OWN[:4], *names])
    for row in _rows(names, rejects):
        writer.writerow([_guarded(value) for value in row])
    return text.getvalue().encode("utf-8-sig")


def write_xlsx(resource: Resource, rejects: Sequence[Numbered], target: IO[bytes]) -> None:
    """Rows set apart as a workbook: own columns first, then the row's, all text."""
    names = _columns(resource, rejects)
    with xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(_("Rows set apart"))
        text, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "bottom": 1})
        own = book.add_format({"font_color": "#5B6F7B", "num_format": "@"})
        sheet.freeze_panes(1, 4)
        sheet.set_column(0, 0, 10, own)
        sheet.set_column(1, 2, 14, own)
        sheet.set_column(3, 3, 48, own)
        sheet.set_column(4, 4 + len(names), 20, text)
        for place, name in enumerate([*_OWN[:4], *names]):
            sheet.write_string(0, place, name, bold)
        for row, values in enumerate(_rows(names, rejects), 1):
            for place, value in enumerate(values):
                if value and len(value) <= _LONGEST_CELL:
                    sheet.write_string(row, place, value, own if place < 4 else text)


def read_back(resource: Resource, delivery: Delivery, inbox: Inbox, rejects: Sequence[Numbered]) -> Corrected:
    """The rows of a corrected file that are still set apart; others are skipped.

    Raises:
        DataError: ``collect.correct.unmarked`` without the column that tells them, ``collect.correct.repeated``.
    """
    waiting = {mark_of(*one): one for one in rejects}
    found, seen = Corrected(), set[str]()
    columns = {item.column for item in resource.items}
    for row, record in _read(delivery, inbox):
        mark = _bare(record.get(MARK) or "") or ""
        if mark not in waiting:
            found.skipped += 1
            continue
        if mark in seen:
            raise DataError(
                "collect.correct.repeated",
                "Row {row}: the row set apart stands twice in the file.",
                hint="Keep one of them; to add a record, bring it in a delivery of its own.",
                row=row,
            )
        seen.add(mark)
        found.records.append(_merged(waiting[mark][1], record, columns, is_guarded=delivery.reader == "csv_files"))
        found.rejects.append(waiting[mark])
        found.rows.append(row)
    return found


def _read(delivery: Delivery, inbox: Inbox) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = inbox.reader(delivery)
    piece = next(iter(reader.slices({})))
    broken: list[int] = []

    def sink(row: int, column: str, code: str, reason: str, content: Mapping[str, str | None] | None = None) -> None:
        broken.append(row)

    for batch in reader.read(piece, sink):
        if MARK not in batch.schema.names:
            raise DataError(
                "collect.correct.unmarked",
                "The file has no column {column}.",
                hint="Correct the file that `cityloom collect rejects RESOURCE --export FILE` writes, and keep its columns.",
                column=MARK,
            )
        named = batch.rename_columns([delivery.renames.get(n, n) for n in batch.schema.names])
        for record in named.to_pylist():
            yield record.pop(ROW), record
    if broken:
        raise DataError(
            "collect.correct.broken",
            "Row {row} of the file cannot be read.",
            hint="Check its number of values.",
            row=broken[0],
        )


def _merged(
    reject: Reject, record: Mapping[str, str | None], columns: set[str], *, is_guarded: bool
) -> dict[str, str | None]:
    """The corrected row: what the file says over what the row held; an empty cell that was empty stays what it was."""
    held = {k: v for k, v in (reject.content or {}).items() if k}
    merged = dict(held)
    for name, given in record.items():
        if name in _OWN or (name not in columns and name not in held):
            continue
        value = _bare(given) if is_guarded and given else given
        was = held.get(name)
        is_kept = not value and name in held and (not was or len(was) > _LONGEST_CELL)
        merged[name] = was if is_kept else (value or None)
    return merged


def _columns(resource: Resource, rejects: Iterable[Numbered]) -> list[str]:
    names = dict.fromkeys(item.column for item in resource.items)
    for _number, reject in rejects:
        names.update(dict.fromkeys(k if k else TEXT for k in reject.content or {}))
    return list(names)


def _rows(names: Sequence[str], rejects: Sequence[Numbered]) -> Iterator[list[str]]:
    for number, reject in rejects:
        content = {k or TEXT: v for k, v in (reject.content or {}).items()}
        own = [mark_of(number, reject), reject.origin, str(reject.row), reject.reason]
        yield [*own, *((content.get(name) or "") for name in names)]


def _guarded(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _bare(value: str | None) -> str | None:
    """The value without the apostrophe of :func:`_guarded`."""
    return value[1:] if value and value.startswith("'") else value
