"""Data standards out of a workspace as a workbook or JSON, and into it: as proposals, into force, or into a file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cityloom.collect.sheets.model import Fault
from cityloom.collect.sheets.open import open_book
from cityloom.content import library
from cityloom.content.check import complaints_of
from cityloom.content.load import Definition, city_of, value_of
from cityloom.content.yaml import write_yaml
from cityloom.flows.apply import apply, known_plugins
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.standards import Difference, differences, propose
from cityloom.kernel.errors import UserError
from cityloom.model.lifecycle import KINDS
from cityloom.standard.exchange.read import Given, Mistake, Reading, read_json, read_pages
from cityloom.standard.exchange.write import write_json, write_workbook
from cityloom.store import definitions


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """What a file brings for one standard: ``add``, ``change`` or ``same``, and what differs from the one in force."""

    action: str
    kind: str
    name: str
    sheet: str
    row: int
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import found: what it brings, what is wrong, and how many standards were taken in (none in a dry run)."""

    incoming: tuple[Incoming, ...]
    mistakes: tuple[Mistake, ...]
    taken: int


def export(workspace: Workspace, target: Path, *, kinds: Sequence[str] = (), names: Sequence[str] = (), is_library: bool = False) -> int:
    """Write the standards in force, or those of the library, to ``.xlsx`` or ``.json``; how many they are.

    Raises:
        UserError: ``flows.exchange.format`` or ``flows.standard.unknown``.
    """
    found = _library() if is_library else _in_force(workspace)
    missing = [name for name in names if name not in {n for _kind, n in found}]
    if missing:
        raise UserError(
            "flows.standard.missing",
            "There is no data standard {names} to be written.",
            hint="Those of the library are written with --library.",
            names=", ".join(missing),
        )
    given = [(k, body) for (k, n), body in found.items() if (not kinds or k in kinds) and (not names or n in names)]
    _write(target, given)
    return len(given)


def template(target: Path) -> None:
    """Write an empty workbook with a sheet that tells how to fill it."""
    if target.suffix.lower() != ".xlsx":
        raise _format(target)
    write_workbook(target, [])


def bring_in(workspace: Workspace, path: Path, *, actor: str, only_plan: bool = False, is_applied: bool = False, target: Path | None = None, words: str = "") -> Imported:
    """Take the standards of a workbook or a JSON file in; rows that are wrong are told, the others are kept.

    Args:
        workspace: where.
        path: ``.xlsx`` or ``.json``.
        actor: account that brings them.
        only_plan: say what would change and change nothing.
        is_applied: bring them into force at once, as a steward, instead of proposing them for review.
        target: write them to this YAML file instead.
        words: why, for the record.

    Raises:
        DataError: ``standard.exchange.unreadable`` or what is wrong with the workbook.
        ContentError: a standard is published otherwise (``is_applied``).
        DeniedError: of the account.
    """
    reading = _read(path)
    good, mistakes = _sound(workspace, reading)
    force = _in_force(workspace)
    incoming = [_incoming(one, force) for one in good]
    chosen = [one for one, what in zip(good, incoming, strict=True) if what.action != "same"]
    if chosen and not only_plan:
        _take(workspace, chosen, path, actor=actor, is_applied=is_applied, target=target, words=words)
    return Imported(incoming=tuple(incoming), mistakes=tuple(mistakes), taken=0 if only_plan else len(chosen))


def _take(workspace: Workspace, chosen: list[Given], path: Path, *, actor: str, is_applied: bool, target: Path | None, words: str) -> None:
    bodies = [(one.kind, one.body) for one in chosen]
    if target is not None:
        write_yaml(target, bodies)
    elif is_applied:
        with tempfile.TemporaryDirectory() as folder:
            write_yaml(Path(folder) / "standards.yml", bodies)
            apply(workspace, Path(folder), actor=actor, is_part=True)
    else:
        propose(workspace, [_definition(one, path) for one in chosen], path.parent, actor=actor, words=words)


def _read(path: Path) -> Reading:
    if not path.is_file():
        raise UserError("flows.exchange.missing", "There is no file {file}.", hint="Name a workbook or a JSON file.", file=path.name)
    if path.suffix.lower() == ".json":
        return read_json(path)
    if path.suffix.lower() != ".xlsx":
        raise _format(path)
    with open_book(path, path.name) as book:
        pages = {
            sheet.name.strip(): [
                (number, [cell.shown if isinstance(cell, Fault) else cell or "" for cell in cells]) for number, cells in book.rows(sheet.name)
            ]
            for sheet in book.sheets
        }
    return read_pages(pages, path.name)


def _sound(workspace: Workspace, reading: Reading) -> tuple[list[Given], list[Mistake]]:
    """The standards that fit what is in force and each other, and all mistakes."""
    good, mistakes = list(reading.found), list(reading.mistakes)
    plugins = known_plugins()
    while True:
        mine = {(one.kind, one.name) for one in good}
        given = [_definition(one, workspace.folder) for one in good]
        others = [_stored(kind, name, body, workspace.folder) for (kind, name), body in _all(workspace).items() if (kind, name) not in mine]
        added = library.referred(given, [(d.kind, d.name) for d in others])
        city = city_of([*given, *others, *added])
        wrong = {
            (one.kind, one.name): [(path, message, hint) for path, message, hint in complaints_of(d, city, plugins)]
            for one, d in zip(good, given, strict=True)
        }
        wrong = {key: found for key, found in wrong.items() if found}
        if not wrong:
            return good, mistakes
        for one in good:
            for path, message, hint in wrong.get((one.kind, one.name), ()):
                mistakes.append(Mistake(one.sheet, one.row, ".".join(map(str, path)), message, hint))
        good = [one for one in good if (one.kind, one.name) not in wrong]


def _incoming(one: Given, force: Mapping[tuple[str, str], Mapping[str, Any]]) -> Incoming:
    what = Incoming(action="add", kind=one.kind, name=one.name, sheet=one.sheet, row=one.row)
    before = force.get((one.kind, one.name))
    if before is None:
        return what
    if value_of(one.kind, before) == one.value:
        return replace(what, action="same")
    return replace(what, action="change", differences=tuple(differences(before, one.body)))


def _in_force(workspace: Workspace) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {key: body for key, body in _all(workspace).items() if key[0] in KINDS}


def _all(workspace: Workspace) -> dict[tuple[str, str], Mapping[str, Any]]:
    with workspace.store.read() as connection:
        return {(s.kind, s.name): s.body for s in definitions.current(connection)}


def _library() -> dict[tuple[str, str], Mapping[str, Any]]:
    return {key: library.read(*key).body for key in library.index()}


def _stored(kind: str, name: str, body: Mapping[str, Any], folder: Path) -> Definition:
    return Definition(kind, name, body, "", value_of(kind, body), folder, 0)


def _definition(one: Given, path: Path) -> Definition:
    return Definition(one.kind, one.name, one.body, one.digest, one.value, path, 0)


def _write(target: Path, given: list[tuple[str, Mapping[str, Any]]]) -> None:
    if target.suffix.lower() == ".json":
        write_json(target, given)
    elif target.suffix.lower() == ".xlsx":
        write_workbook(target, given)
    else:
        raise _format(target)


def _format(path: Path) -> UserError:
    return UserError("flows.exchange.format", "{file} is neither .xlsx nor .json.", hint="Name a file that ends so.", file=path.name)
