"""Proposals that people accept: checked against what is proposed now, then taken in as corrections of rows."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cityloom.flows import repairs, row_corrections
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.repairs import Asked
from cityloom.flows.row_corrections import MOST, Change, Corrected
from cityloom.flows.shown import HIDDEN
from cityloom.flows.spreadsheets import bare, text_of
from cityloom.kernel.errors import DataError, UserError
from cityloom.kernel.i18n import _
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.quality.repair import Proposal
from cityloom.standard.plan import plan
from cityloom.standard.reference import traces
from cityloom.store.corrections import list_corrections

_NEEDED = ("batch", "row", "item", "old", "value", "accept")
_YES = ("x", "y", "yes", "1", "true", "\u2713", "\u221a")
_NO = ("", "n", "no", "0", "false")
_TOLD = 10
"""Wrong lines that an error names."""
Cell = tuple[str, int, str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A cell that somebody accepts: the number of the line that says so, and what they saw when they decided."""

    number: int
    batch: str
    row: int
    item: str
    old: str
    value: str

    @property
    def cell(self) -> Cell:
        """Batch, row and item."""
        return self.batch, self.row, self.item


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Proposals that are to become corrections.

    ``hidden`` were left out because who decides may not see their values, ``lost`` because the steps of their item would
    turn the value into another one.
    """

    proposals: tuple[Proposal, ...]
    hidden: int = 0
    lost: int = 0


def by_confidence(workspace: Workspace, resource: Resource, asked: Asked, who: Principal) -> Chosen:
    """All proposals from a confidence on; where several items share a raw column the surest.

    Raises:
        UserError: ``flows.repair.many``; ``quality.broken.unknown``.
        DeniedError: ``flows.correction.denied``, ``flows.batch.denied``.
    """
    row_corrections.require_right(resource, who)
    best: dict[Cell, Proposal] = {}
    hidden = 0
    for one in repairs.proposals(workspace, resource.name, asked, actor=who.account):
        if one.value == HIDDEN:
            hidden += 1
            continue
        place = (one.batch, one.row, row_corrections.column_of(resource, one.item))
        if place not in best or best[place].confidence < one.confidence:
            best[place] = one
        if len(best) > MOST:
            _check_rows({cell[:2] for cell in best})
    found = tuple(best.values())
    lost = _lost(workspace, resource, found) if asked.phase == "after" else frozenset()
    return Chosen(proposals=tuple(p for p in found if _cell(p) not in lost), hidden=hidden, lost=len(lost))


def from_file(workspace: Workspace, resource: Resource, content: bytes, phase: str, who: Principal) -> Chosen:
    """The proposals that are marked in a file of :func:`cityloom.flows.repairs.lines`; all of them, or none.

    Raises:
        DataError: ``flows.repair.file`` for what is no such file; ``flows.repair.lines`` with the lines that cannot be.
        UserError: ``flows.repair.many``; ``quality.broken.unknown``.
        DeniedError: ``flows.correction.denied``, ``flows.batch.denied``.
    """
    row_corrections.require_right(resource, who)
    found, problems = _read(content)
    return _checked(workspace, resource, found, problems, phase, who)


def from_lines(workspace: Workspace, resource: Resource, found: Sequence[Line], phase: str, who: Principal) -> Chosen:
    """The proposals that were accepted one by one; all of them, or none.

    Raises:
        DataError, UserError, DeniedError: as :func:`from_file`.
    """
    row_corrections.require_right(resource, who)
    return _checked(workspace, resource, found, {}, phase, who)


def accept(workspace: Workspace, resource: Resource, chosen: Chosen, who: Principal, why: str) -> Corrected:
    """Take the rows in again with the values that were proposed; beside the reason stands which rule spoke for each.

    Raises:
        UserError, DataError, DeniedError: as :func:`cityloom.flows.row_corrections.correct`.
    """
    cells: dict[tuple[str, int], list[Proposal]] = defaultdict(list)
    for one in chosen.proposals:
        cells[(one.batch, one.row)].append(one)
    changes = [Change(batch=b, row=r, values=_values(resource, some), note=_note(some)) for (b, r), some in sorted(cells.items())]
    return row_corrections.correct(workspace, resource, who, changes, why)


def _checked(
    workspace: Workspace, resource: Resource, found: Sequence[Line], problems: dict[int, str], phase: str, who: Principal
) -> Chosen:
    """What is proposed now for the cells of all lines, when no line has a problem."""
    _check_rows({line.cell[:2] for line in found})
    asked = Asked(phase=phase, least=0.0, rows={line.cell[:2] for line in found})
    now = {_cell(p): p for p in repairs.proposals(workspace, resource.name, asked, actor=who.account)}
    with workspace.store.read() as connection:
        right = {(one.batch, one.row): one.account for one in list_corrections(connection, resource.name)}
    columns = {item.name: item.column for item in resource.items}
    taken: dict[Cell, int] = {}
    for line in found:
        first = taken.setdefault((line.batch, line.row, columns.get(line.item, line.item)), line.number)
        if first != line.number:
            problems[line.number] = _("the cell stands on line {line} already").format(line=first)
        elif line.cell[:2] in right:
            problems[line.number] = _("{account} has put the row right since").format(account=right[line.cell[:2]])
        elif said := _compared(line, now.get(line.cell)):
            problems[line.number] = said
    chosen = tuple(now[line.cell] for line in found if line.number not in problems)
    if phase == "after":
        lost = _lost(workspace, resource, chosen)
        problems |= {n.number: _("the steps of the item turn the value into another one") for n in found if n.cell in lost}
    if problems:
        raise _wrong_lines(problems)
    return Chosen(proposals=chosen)


def _compared(line: Line, now: Proposal | None) -> str:
    """Why a line cannot be accepted; nothing when it says what is proposed."""
    if now is None:
        return _("nothing is proposed for this cell")
    if now.value == HIDDEN:
        return _("its values are not shown to you, so you cannot decide")
    if line.old != (now.old or ""):
        return _("the cell does not hold what stands in the column old")
    if line.value != (now.value or ""):
        return _("something else is proposed than what stands in the column value")
    return ""


def _lost(workspace: Workspace, resource: Resource, chosen: Sequence[Proposal]) -> frozenset[Cell]:
    """The cells whose standard value would not be the one proposed, though it is put into their raw column."""
    if not chosen:
        return frozenset()
    plans = plan(resource, workspace.city.elements, workspace.city.codes)
    by_row: dict[tuple[str, int], list[Proposal]] = defaultdict(list)
    for one in chosen:
        by_row[(one.batch, one.row)].append(one)
    held = row_corrections.raw_rows(workspace, resource, list(by_row))
    found = set()
    for place, some in by_row.items():
        made = traces(plans, {**held[place], **_values(resource, some)})
        found |= {_cell(one) for one in some if made[one.item][-1] != one.value}
    return frozenset(found)


def _read(content: bytes) -> tuple[list[Line], dict[int, str]]:
    """The lines that are marked, and by line what is wrong with others."""
    reader = csv.DictReader(io.StringIO(_text(content)), strict=True)
    found, problems = [], {}
    try:
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise _wrong_file(_("the columns {names} are missing").format(names=", ".join(missing)))
        for number, record in enumerate(reader, start=2):
            if None in record or None in record.values():
                problems[number] = _("it has not as many cells as the header")
                continue
            mark, row = record["accept"].strip().lower(), bare(record["row"])
            if mark in _NO or mark == _("no"):
                continue
            if mark not in _YES and mark != _("yes"):
                problems[number] = _("the column accept takes x or nothing")
            elif not row.isascii() or not row.isdigit() or len(row) > 18:
                problems[number] = _("the column row holds no number")
            else:
                given = {name: bare(record[name]) for name in ("batch", "item", "old", "value")}
                found.append(Line(number=number, row=int(row), **given))
    except csv.Error as error:
        raise _wrong_file(str(error)) from None
    if not found and not problems:
        raise _wrong_file(_("no line of it is marked in the column accept"))
    return found, problems


def _text(content: bytes) -> str:
    text = text_of(content)
    if text is None:
        raise _wrong_file(_("its encoding is not known"))
    return text


def _values(resource: Resource, some: Sequence[Proposal]) -> Mapping[str, str | None]:
    return {row_corrections.column_of(resource, one.item): one.value for one in some}


def _note(some: Sequence[Proposal]) -> str:
    return "; ".join(f"{one.item}: {' '.join(one.rules)} {one.confidence:.2f}" for one in some)


def _cell(one: Proposal) -> Cell:
    return one.batch, one.row, one.item


def _check_rows(rows: set[tuple[str, int]]) -> None:
    if len(rows) > MOST:
        raise UserError(
            "flows.repair.many",
            "There are proposals for more than {most} rows: they are accepted in parts.",
            hint="Name a higher confidence, an item or a rule, or mark fewer lines of the file.",
            most=MOST,
        )


def _wrong_lines(problems: Mapping[int, str]) -> DataError:
    told = [f"{number}: {problems[number]}" for number in sorted(problems)[:_TOLD]]
    more = ["…"] if len(problems) > _TOLD else []
    return DataError(
        "flows.repair.lines",
        "{count} lines cannot be accepted, so nothing was changed. Line {lines}.",
        hint="Take the marks of these lines away, or write the proposals anew with `cityloom quality repair RESOURCE --out FILE`.",
        count=len(problems),
        lines="; ".join([*told, *more]),
    )


def _wrong_file(problem: str) -> DataError:
    return DataError(
        "flows.repair.file",
        "This is no file of proposals: {problem}.",
        hint="Write one with `cityloom quality repair RESOURCE --out FILE`, put an x into its column accept, and keep its columns.",
        problem=problem,
    )
