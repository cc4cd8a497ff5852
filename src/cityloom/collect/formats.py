"""Which form a brought file has, where its header stands, and which headers mean which column."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from cityloom.collect.inbox import Delivery, Draft
from cityloom.collect.rows import Envelope, write_lines
from cityloom.collect.sheets.model import Value
from cityloom.collect.sheets.open import open_book
from cityloom.collect.table import join_header
from cityloom.kernel.errors import DataError, UserError
from cityloom.model.resource import Resource

ENDINGS = {
    "xlsx": "excel", "xlsm": "excel", "xls": "excel", "xlsb": "excel", "ods": "excel", "et": "excel",
    "csv": "csv_files", "tsv": "csv_files", "txt": "csv_files",
    "jsonl": "json_lines", "ndjson": "json_lines", "json": "json",
}  # fmt: skip
"""Form of a file by the ending of its name: the connector that reads it, or ``json`` for one document."""
MEDIA = {
    "application/json": "json",
    "application/x-ndjson": "json_lines",
    "application/jsonl": "json_lines",
    "application/json-lines": "json_lines",
    "text/csv": "csv_files",
    "application/csv": "csv_files",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "excel",
}
_LOOKED = 30
"""Rows of a sheet in which its header is looked for."""
_MOST_UNPACKED = 512 << 20
"""Bytes that a workbook may unpack to."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a file is to be read: ``kind`` as in :data:`ENDINGS`, and what the sender says of it."""

    kind: str
    encoding: str = ""
    sheet: str | int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LaidOut:
    """A file made ready: its name in the inbox, its connector with options, and what it says of itself."""

    file: str
    reader: str
    options: Mapping[str, Any]
    sheet: str = ""
    envelope: Envelope = field(default_factory=lambda: Envelope(rows=0))


def form_of_name(name: str) -> str:
    """The form that a file's name tells.

    Raises:
        UserError: ``collect.form.unknown``.
    """
    ending = Path(name).suffix.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise _unknown(ending or name)
    return ENDINGS[ending]


def form_of_media(header: str) -> Form:
    """The form that a ``Content-Type`` tells.

    Raises:
        UserError: ``collect.form.unknown``.
    """
    message = Message()
    message["Content-Type"] = header
    kind = message.get_content_type()
    if not header or kind not in MEDIA:
        raise _unknown(kind if header else "-")
    return Form(kind=MEDIA[kind], encoding=str(message.get_content_charset() or ""))


def lay_out(draft: Draft, form: Form, resource: Resource, declared: Mapping[str, Any]) -> LaidOut:
    """Make a file ready for its connector: JSON becomes lines, the header of a sheet is found.

    Args:
        draft: the file, complete.
        form: what it is said to be.
        resource: whose columns its header names.
        declared: options under which the resource's own source reads sheets; empty for another source.

    Raises:
        DataError: ``collect.json.broken``, ``collect.json.shape``, ``collect.excel.bomb``.
    """
    if form.kind == "json":
        lines = draft.path.with_name(f"{draft.path.name}.jsonl")
        envelope = write_lines(draft.path, lines)
        return LaidOut(file=lines.name, reader="json_lines", options={"encoding": "utf-8"}, envelope=envelope)
    name = draft.path.name
    if form.kind == "excel":
        _check_size(draft.path)
        sheet, options = _header(draft.path, form.sheet, resource, declared)
        return LaidOut(file=name, reader="excel", options={**options, **form.options}, sheet=sheet)
    encoding = {"encoding": form.encoding} if form.encoding else {}
    return LaidOut(file=name, reader=form.kind, options={**encoding, **form.options})


def aliases(resource: Resource) -> dict[str, str]:
    """Headers that stand for a column: the item's name and titles, where they mean one item and are no column."""
    columns = {item.column for item in resource.items}
    named = [(text, item.column) for item in resource.items for text in {item.name, item.title.zh, item.title.en}]
    counts = Counter(text for text, _column in named)
    return {text: column for text, column in named if counts[text] == 1 and text not in columns}


def delivery_of(draft: Draft, laid: LaidOut, resource: Resource, origin: str) -> Delivery:
    """The delivery that a file is."""
    return Delivery(
        resource=resource.name,
        attempt=draft.attempt,
        origin=origin,
        file=laid.file,
        digest=draft.digest,
        size=draft.size,
        reader=laid.reader,
        options=laid.options,
        renames=aliases(resource),
    )


def _header(
    path: Path, sheet: str | int, resource: Resource, declared: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Name of the sheet, and the options under which most of its header is known."""
    try:
        with open_book(path, path.name) as book:
            names = [one.name for one in book.sheets]
            wanted = names[sheet - 1] if isinstance(sheet, int) and 1 <= sheet <= len(names) else sheet
            rows = _first(book.rows(str(wanted))) if wanted in names else []
    except DataError:
        return str(sheet), {"sheet": sheet}
    known = {item.column for item in resource.items} | set(aliases(resource))
    layouts = [*_declared(declared), *({"title_rows": n} for n in range(len(rows)))]
    best = max(layouts, key=lambda one: _score(rows, one, known), default={})
    return str(wanted), {"sheet": sheet, **best}


def _declared(options: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    kept = {name: options[name] for name in ("title_rows", "header_rows", "totals") if name in options}
    if kept:
        yield kept


def _score(rows: Sequence[Sequence[str]], layout: Mapping[str, Any], known: set[str]) -> int:
    above, height = int(layout.get("title_rows", 0)), int(layout.get("header_rows", 1))
    names = rows[above] if height == 1 and above < len(rows) else join_header(_filled(rows[above : above + height]))
    return sum(name in known for name in names)


def _filled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Header rows with merged cells written out to the right."""
    made = []
    for number, row in enumerate(rows):
        cells = list(row)
        if number < len(rows) - 1:
            for place in range(1, len(cells)):
                cells[place] = cells[place] or cells[place - 1]
        made.append(cells)
    return made


def _first(rows: Iterable[tuple[int, list[Value]]]) -> list[list[str]]:
    found: list[list[str]] = []
    for number, values in rows:
        if number > _LOOKED:
            break
        found.extend([] for _ in range(number - 1 - len(found)))
        found.append([v.strip() if isinstance(v, str) else v.shown if v else "" for v in values])
    return found


def _check_size(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except zipfile.BadZipFile:
        return
    if size > _MOST_UNPACKED:
        raise DataError(
            "collect.excel.bomb",
            "The workbook unpacks to {size} MiB; at most {most} are taken.",
            hint="Split it, or deliver it as CSV.",
            size=size >> 20,
            most=_MOST_UNPACKED >> 20,
        )


def _unknown(said: str) -> UserError:
    return UserError(
        "collect.form.unknown",
        "Data of the form {said} are not taken.",
        hint="Files: {endings}. Over HTTP: {media}.",
        said=said,
        endings=", ".join(ENDINGS),
        media=", ".join(MEDIA),
    )
