"""Reads data standards from a workbook or JSON: each row that is wrong is told with its place, the others are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cityloom.content.kinds import KINDS
from cityloom.content.load import digest_of, value_of
from cityloom.content.problems import explain, nearest
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _
from cityloom.model.lifecycle import KINDS as STANDARDS
from cityloom.standard.exchange.sheets import FLAG, JSON, LIST, NO, SHEETS, YES, Column, Sheet
from cityloom.standard.exchange.write import FORMAT


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a row: sheet, row counted from 1 with the header, column, what, and what to do."""

    sheet: str
    row: int
    column: str
    message: str
    hint: str


@dataclass(frozen=True)
class Given:
    """A standard that was read: kind, name, body, digest, the object made of it, and the sheet and row it began in."""

    kind: str
    name: str
    body: Mapping[str, Any]
    digest: str
    value: Any
    sheet: str
    row: int


@dataclass
class Reading:
    """What was read: the standards that are right, and what is wrong with the others."""

    found: list[Given] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


Pages = Mapping[str, Sequence[tuple[int, Sequence[str]]]]
"""Rows of a workbook by sheet: number from 1, and cells as texts."""


def read_json(path: Path) -> Reading:
    """The standards of a JSON file.

    Raises:
        DataError: ``standard.exchange.unreadable``.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8-sig"))
        definitions = whole["definitions"]
        if whole.get("format") != FORMAT or not isinstance(definitions, list):
            raise KeyError("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        raise _unreadable(path, _("it is no JSON of standards")) from None
    reading = Reading()
    for number, one in enumerate(definitions, 1):
        kind = one.get("kind") if isinstance(one, dict) else None
        if kind not in STANDARDS:
            hint = nearest(str(kind), STANDARDS)
            reading.mistakes.append(Mistake("definitions", number, "kind", _("this is no kind of standard."), hint))
            continue
        _add(reading, str(kind), {k: v for k, v in one.items() if k != "kind"}, "definitions", number, {})
    return reading


def read_pages(pages: Pages, name: str) -> Reading:
    """The standards of a workbook.

    Args:
        pages: its rows.
        name: of the file, for errors.

    Raises:
        DataError: ``standard.exchange.unreadable``: it has no sheet of standards.
    """
    if not any(_page(pages, sheet) for sheet in SHEETS):
        raise _unreadable(Path(name), _("it has no sheet of standards"))
    reading = Reading()
    parts: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    broken: set[tuple[str, str]] = set()
    for sheet in (s for s in SHEETS if s.part):
        for row, body, owner in _rows(sheet, pages, reading, broken):
            parts.setdefault((sheet.kind, owner, sheet.part), []).append(body)
            body["_row"] = row
    for sheet in (s for s in SHEETS if not s.part):
        for row, body, _owner in _rows(sheet, pages, reading, broken):
            _whole(reading, sheet, row, body, parts, broken)
    _orphans(reading, parts)
    reading.mistakes.sort(key=lambda m: (m.sheet, m.row))
    return reading


def _whole(
    reading: Reading, sheet: Sheet, row: int, body: dict[str, Any], parts: dict[tuple[str, str, str], list[dict[str, Any]]], broken: set[tuple[str, str]]
) -> None:
    """A definition with its parts of the other sheet; one with a broken part is left out, and told so."""
    name, places = str(body.get("name", "")), {}
    for other in (s for s in SHEETS if s.part and s.kind == sheet.kind):
        mine = parts.pop((sheet.kind, name, other.part), [])
        places = {(other.part, i): (str(other.title), one.pop("_row")) for i, one in enumerate(mine)}
        body[other.part] = mine
    if (sheet.kind, name) in broken:
        hint = _("Correct its rows there; then the whole is taken in.")
        reading.mistakes.append(Mistake(str(sheet.title), row, "", _("{name} has rows that are wrong.").format(name=name), hint))
        return
    _add(reading, sheet.kind, body, str(sheet.title), row, places)


def _orphans(reading: Reading, parts: Mapping[tuple[str, str, str], list[dict[str, Any]]]) -> None:
    for (kind, owner, part), rows in parts.items():
        sheet = next(s for s in SHEETS if s.kind == kind and s.part == part)
        text = _("there is no {name} on its sheet.").format(name=owner)
        first = next(s for s in SHEETS if s.kind == kind and not s.part)
        hint = _("Add it to the sheet {sheet}.").format(sheet=str(first.title))
        reading.mistakes += [Mistake(str(sheet.title), one["_row"], str(sheet.columns[0].header), text, hint) for one in rows]


def _rows(
    sheet: Sheet, pages: Pages, reading: Reading, broken: set[tuple[str, str]]
) -> Iterator[tuple[int, dict[str, Any], str]]:
    """The rows of a sheet that can be read: number, body, and of a part whose it is."""
    page = _page(pages, sheet)
    if not page:
        return
    places = _places(sheet, page[0][1], reading)
    for number, cells in page[1:]:
        texts = {c: cells[i].strip() if i < len(cells) else "" for c, i in places.items()}
        if not any(texts.values()):
            continue
        mistakes = [Mistake(str(sheet.title), number, str(c.header), m, h) for c, text in texts.items() for m, h in _wrong(c, text)]
        owner = next((text for c, text in texts.items() if not c.path), "")
        if mistakes:
            reading.mistakes += mistakes
            if owner:
                broken.add((sheet.kind, owner))
            continue
        yield number, _body(texts), owner


def _page(pages: Pages, sheet: Sheet) -> Sequence[tuple[int, Sequence[str]]]:
    return pages.get(sheet.title.zh) or pages.get(sheet.title.en) or ()


def _places(sheet: Sheet, head: Sequence[str], reading: Reading) -> dict[Column, int]:
    names: dict[str, int] = {}
    for place, cell in enumerate(head):
        names.setdefault(cell.strip().casefold(), place)
    found: dict[Column, int] = {}
    for column in sheet.columns:
        for name in (column.header.zh, column.header.en):
            if name.casefold() in names:
                found[column] = names.pop(name.casefold())
                break
        else:
            if column.is_required:
                text, hint = _("the sheet lacks this column."), _("Take the template: `cityloom standards template FILE`.")
                reading.mistakes.append(Mistake(str(sheet.title), 1, str(column.header), text, hint))
    known = [str(c.header) for c in sheet.columns]
    reading.mistakes += [
        Mistake(str(sheet.title), 1, name, _("there is no such column."), nearest(name, known)) for name in names if name
    ]
    return found


def _wrong(column: Column, text: str) -> Iterator[tuple[str, str]]:
    if not text:
        if column.is_required:
            yield _("the cell is empty."), _("It must be filled in.")
    elif column.form == FLAG and text.casefold() not in (*YES, *NO):
        yield _("{text} is neither yes nor no.").format(text=text[:40]), _("Write yes or no.")
    elif column.form == JSON or (column.form == LIST and text.startswith("[")):
        try:
            is_list = isinstance(json.loads(text), list)
        except (ValueError, RecursionError):
            is_list = False
        if not is_list:
            yield _("this is no JSON array."), str(column.help)


def _body(texts: Mapping[Column, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for column, text in texts.items():
        if not column.path or not text:
            continue
        value: Any = text
        if column.form == LIST:
            value = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split("|") if part.strip()]
        elif column.form == JSON:
            value = json.loads(text)
        elif column.form == FLAG:
            value = text.casefold() in YES
        head, _dot, tail = column.path.partition(".")
        if tail:
            body.setdefault(head, {})[tail] = value
        else:
            body[head] = value
    for name in ("title", "definition"):
        if name in body:
            zh, en = body[name].get("zh"), body[name].get("en")
            body[name] = {"zh": zh or en, "en": en or zh}
    return body


def _add(
    reading: Reading, kind: str, body: dict[str, Any], sheet: str, row: int, places: Mapping[tuple[str, int], tuple[str, int]]
) -> None:
    """Keep a definition that is right, or say what is wrong with it."""
    name = str(body.get("name", ""))
    if any(one.kind == kind and one.name == name for one in reading.found):
        text = _("{name} stands there twice.").format(name=name)
        reading.mistakes.append(Mistake(sheet, row, "name", text, _("Take one out.")))
        return
    try:
        value = value_of(kind, body)
    except ValidationError as error:
        for path, message, hint in explain(error, KINDS[kind][0]):
            at = places.get((str(path[0]), int(path[1])), (sheet, row)) if len(path) > 1 and isinstance(path[1], int) else (sheet, row)
            reading.mistakes.append(Mistake(*at, ".".join(str(p) for p in path), message, hint))
        return
    reading.found.append(Given(kind, name, body, digest_of(body), value, sheet, row))


def _unreadable(path: Path, problem: str) -> DataError:
    return DataError(
        "standard.exchange.unreadable",
        "{file} cannot be read as standards: {problem}.",
        hint="Take the template: `cityloom standards template FILE`.",
        file=path.name,
        problem=problem,
    )
