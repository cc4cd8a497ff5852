"""Rows of the standard layer put right by people: a row set apart, or single cells, comes in again with who and why."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from cityloom.engines.base import sql
from cityloom.flows import chain, corrections
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.intake import ROWS
from cityloom.flows.runner import Runner
from cityloom.flows.settling import recorder, settle
from cityloom.flows.shown import HIDDEN, closed_columns
from cityloom.flows.spreadsheets import bare, guarded, text_of
from cityloom.kernel.errors import DataError, DeniedError, UserError
from cityloom.lake.changes import rows_of
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.quality.spoken import check_words
from cityloom.standard.run import SET_APART
from cityloom.store import audit
from cityloom.store.corrections import list_corrections

_PLACE = ("_batch", "_row", "_rule")
_ROUNDED = 12
"""From so many digits on spreadsheet programs write a number with an exponent."""
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_SYSTEM = ("_batch", "_row", "_at", "_hash", "_op", "_position")
Record = Mapping[str, str | None]
MOST = 10_000
"""Rows that one correction takes."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row to be put right: where it stands, the new values by raw column, and what speaks for them beside the reason."""

    batch: str
    row: int
    values: Mapping[str, str | None]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """What came in again: rows, cells, the batch with which they did, and the runs that followed by step and state."""

    resource: str
    rows: int
    cells: int
    batch: str
    runs: tuple[tuple[str, str], ...]


def hand_out(workspace: Workspace, resource: Resource, who: Principal) -> str:
    """The rows that cleaning rules set apart and that nobody put right, as CSV with their raw values; on record.

    A value that a spreadsheet program would take for a formula gets an apostrophe first; a value that the account may not
    see is three asterisks, and left alone when the file comes back.

    Raises:
        UserError: ``flows.correction.none``.
        DeniedError: ``flows.correction.denied``.
    """
    require_right(resource, who)
    table, lake = resource.std_table + SET_APART, workspace.lake
    if not lake.exists(table):
        raise UserError(
            "flows.correction.none",
            "{resource} has no rows set apart by a cleaning rule.",
            hint="See `cityloom standard cleaning list`.",
            resource=resource.name,
        )
    open_rows = sql("SELECT a._batch, a._row, a._rule FROM :t AS a WHERE NOT a._replaced ORDER BY a._batch, a._row LIMIT :most", t=lake.relation(table), most=MOST)
    places = lake.engine.records(open_rows)
    found = raw_rows(workspace, resource, [(p["_batch"], p["_row"]) for p in places])
    names = _columns(resource)
    closed = closed_columns(workspace, resource, who.account, names)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*_PLACE, *names])
    for place in places:
        values = found[(place["_batch"], place["_row"])]
        shown = (HIDDEN if n in closed and values.get(n) is not None else guarded(values.get(n) or "") for n in names)
        writer.writerow([*place.values(), *shown])
    _record(workspace, EventKind.REJECTS_SHOWN, resource, who, {"rows": len(places)})
    return text.getvalue()


def read_changes(workspace: Workspace, resource: Resource, content: bytes | str) -> list[Change]:
    """The rows of a file of :func:`hand_out` whose values are others now.

    Raises:
        DataError: ``flows.correction.file``.
    """
    text = text_of(content) if isinstance(content, bytes) else content
    if text is None:
        raise _wrong_file(1)
    try:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    except csv.Error:
        raise _wrong_file(1) from None
    names = _columns(resource)
    if rows and not {"_batch", "_row"} <= set(rows[0]):
        raise _wrong_file(1)
    try:
        places = [(row["_batch"], int(row["_row"])) for row in rows]
    except (ValueError, TypeError):
        raise _wrong_file(2) from None
    found = raw_rows(workspace, resource, places)
    changes = []
    for place, row in zip(places, rows, strict=True):
        held = found[place]
        given = {n: bare(row[n]) or None for n in names if n in row and row[n] is not None and row[n] != HIDDEN}
        new = {n: value for n, value in given.items() if value != (held.get(n) or None)}
        if new:
            changes.append(Change(batch=place[0], row=place[1], values=new))
    return changes


def correct(workspace: Workspace, resource: Resource, who: Principal, changes: Sequence[Change], why: str) -> Corrected:
    """Take rows in again with new values: landed as a batch of its own, standardised and assessed anew.

    The row as it came stays in the raw layer; in the standard layer the corrected one stands for it.

    Raises:
        UserError: ``flows.correction.why``, ``flows.correction.followed``, ``flows.correction.unknown``,
            ``flows.correction.column``, or ``flows.subject.busy`` while others correct rows of the resource.
        DataError: ``flows.correction.flawed`` when the new rows could not be taken in.
        DeniedError: ``flows.correction.denied``, ``flows.correction.closed``.
    """
    require_right(resource, who)
    _check(resource, changes, why)
    _check_open(workspace, resource, who, changes)
    with workspace.lock(f"rows:{resource.name}", wait=workspace.settings.busy_seconds):
        begun = settle(workspace, resource)
        changes, batch = _land(workspace, resource, who, changes, why)
    if not batch:
        rows = [row for one in begun for row in one.answer[ROWS]]
        last = str(begun[-1].batch) if begun else ""
        runs = _follow(workspace, resource) if begun else ()
        return Corrected(resource=resource.name, rows=len(rows), cells=sum(len(row[2]) for row in rows), batch=last, runs=runs)
    cells = sum(len(c.values) for c in changes)
    return Corrected(resource=resource.name, rows=len(changes), cells=cells, batch=batch, runs=_follow(workspace, resource))


def _land(workspace: Workspace, resource: Resource, who: Principal, changes: Sequence[Change], why: str) -> tuple[list[Change], str]:
    """Land what is really new of these changes; returns it with the batch, none where nothing is.

    From the look at the rows as they stand to the record of what stands for them nobody else may correct the resource:
    two rows would stand for one.
    """
    some, held = _new(workspace, resource, changes)
    if not some:
        return [], ""
    places = [(c.batch, c.row) for c in some]
    records = [{**held[place], **change.values} for place, change in zip(places, some, strict=True)]
    _check_records(workspace, resource, places, [held[place] for place in places], records)
    told = [[c.batch, c.row, sorted(c.values), f"{why} ({c.note})" if c.note else why] for c in some]
    batch = corrections.land_rows(
        workspace, resource, who, f"rows ({some[0].batch})", records, details={ROWS: told}, also=recorder(workspace)
    )
    return some, batch


def _follow(workspace: Workspace, resource: Resource) -> tuple[tuple[str, str], ...]:
    """Assess and standardise anew: the runs by step and state."""
    runner = Runner(workspace)
    stages = (chain.assess_raw, chain.standardise, chain.assess_standard)
    return tuple((run.step, run.state) for stage in stages for run in stage(workspace, runner, [resource.name]))


def _new(
    workspace: Workspace, resource: Resource, changes: Sequence[Change]
) -> tuple[list[Change], Mapping[tuple[str, int], Mapping[str, str | None]]]:
    """What is really new, each row once, and the rows as they stand: a row put right before is the one that did so.

    Raises:
        UserError: ``flows.correction.twice``; as :func:`raw_rows`.
        DataError: ``flows.correction.rounded``.
    """
    with workspace.store.read() as connection:
        stand = {(c.batch, c.row): (c.by_batch, c.by_row) for c in list_corrections(connection, resource.name)}
    merged: dict[tuple[str, int], Change] = {}
    for change in changes:
        place = (change.batch, change.row)
        while place in stand:
            place = stand[place]
        first = merged.get(place, replace(change, batch=place[0], row=place[1]))
        if any(first.values.get(name, value) != value for name, value in change.values.items()):
            raise UserError(
                "flows.correction.twice",
                "Row {row} of the batch {batch} is put right in two ways.",
                hint="Keep one line of each row.",
                row=change.row,
                batch=change.batch,
            )
        merged[place] = replace(first, values={**first.values, **change.values})
    held = raw_rows(workspace, resource, list(merged))
    found = []
    for place, change in merged.items():
        old = held[place]
        values = {n: v for n, v in change.values.items() if n not in old or (v or None) != (old[n] or None)}
        if any(_is_rounded(value, old.get(name)) for name, value in values.items()):
            raise DataError(
                "flows.correction.rounded",
                "A long number of row {row} of the batch {batch} was rounded by a spreadsheet program.",
                hint="Import the columns of the file as text, not as numbers.",
                row=place[1],
                batch=place[0],
            )
        found += [replace(change, values=values)] if values else []
    return found, held


def _is_rounded(new: str | None, old: str | None) -> bool:
    """Whether a value is what a spreadsheet program leaves of a number of more than fifteen digits."""
    if not new or not old or len(old) < _ROUNDED or not old.isdecimal():
        return False
    return bool(_SCIENTIFIC.fullmatch(new)) or (len(new) == len(old) and new != old and new == old[:15].ljust(len(old), "0"))


def column_of(resource: Resource, name: str) -> str:
    """The raw column of an item.

    Raises:
        UserError: ``flows.correction.column``.
    """
    columns = {item.name: item.column for item in resource.items}
    if name not in columns:
        raise UserError(
            "flows.correction.column",
            "{resource} has no item {item}.",
            hint="There are: {known}.",
            resource=resource.name,
            item=name,
            known=", ".join(columns),
        )
    return columns[name]


def _check(resource: Resource, changes: Sequence[Change], why: str) -> None:
    if not why.strip():
        raise UserError("flows.correction.why", "A correction needs a reason.", hint="Say with --why how you know, without any value of a person.")
    check_words(why, "correct")
    if resource.collect.mode == "cdc":
        raise UserError(
            "flows.correction.followed",
            "{resource} is followed by its log: what is corrected here, its source would not know.",
            hint="Correct the row at the source; the change comes in by itself.",
            resource=resource.name,
        )
    if len(changes) > MOST:
        raise UserError("flows.correction.many", "A correction takes at most {most} rows.", hint="Bring a delivery instead.", most=MOST)


def _check_open(workspace: Workspace, resource: Resource, who: Principal, changes: Sequence[Change]) -> None:
    """Refuse values that the account may not see: whether they are new would tell what stands there."""
    named = sorted({name for change in changes for name in change.values})
    closed = closed_columns(workspace, resource, who.account, named)
    for name in named:
        if name in closed:
            raise DeniedError(
                "flows.correction.closed",
                "{actor} may not correct {column} of {resource}: its values are not shown to you.",
                hint="Its own department may.",
                actor=who.account,
                column=name,
                resource=resource.name,
            )


def _check_records(
    workspace: Workspace, resource: Resource, places: Sequence[tuple[str, int]], old: Sequence[Record], new: Sequence[Record]
) -> None:
    """Refuse rows that could not be taken in; what was wrong with a row as it came may stay so."""
    flaws = corrections.flaws_of(workspace, resource, new)
    flaws -= corrections.flaws_of(workspace, resource, old) if flaws else set()
    if flaws:
        batch, row = places[min(flaws) - 1]
        raise DataError(
            "flows.correction.flawed",
            "{count} corrected rows could not be taken in; the first is row {row} of the batch {batch}.",
            hint="Every column must be one of the resource's, and the new values must keep its rules.",
            count=len(flaws),
            row=row,
            batch=batch,
        )


def raw_rows(workspace: Workspace, resource: Resource, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, str | None]]:
    """Raw rows by batch and number, as texts without the system's columns.

    Raises:
        UserError: ``flows.correction.unknown``.
    """
    lake, named = workspace.lake, places
    places = [(batch, row) for batch, row in named if 0 < row < 1 << 63]
    asked = pa.table({"b": pa.array([b for b, _ in places], pa.string()), "n": pa.array([n for _, n in places], pa.int64())})
    with lake.engine.bound(asked) as wanted:
        text = "SELECT r.* FROM :rows AS r JOIN :wanted AS w ON r._batch = w.b AND r._row = w.n"
        rows = lake.engine.records(sql(text, rows=rows_of(lake, resource), wanted=wanted))
    found = {
        (row["_batch"], row["_row"]): {k: None if v is None else str(v) for k, v in row.items() if k not in _SYSTEM} for row in rows
    }
    missing = [place for place in named if place not in found]
    if missing:
        raise UserError(
            "flows.correction.unknown",
            "{resource} has no row {row} in the batch {batch} that counts.",
            hint="A newer delivery may have replaced it; see `cityloom collect batches`.",
            resource=resource.name,
            row=missing[0][1],
            batch=missing[0][0],
        )
    return found


def _columns(resource: Resource) -> list[str]:
    return list(dict.fromkeys(item.column for item in resource.items))


def require_right(resource: Resource, who: Principal) -> None:
    """Refuse who may not correct rows of a resource.

    Raises:
        DeniedError: ``flows.correction.denied``.
    """
    is_own = who.department == resource.department and {"officer", "owner"} & set(who.roles)
    if not is_own and "steward" not in who.roles:
        raise DeniedError(
            "flows.correction.denied",
            "{actor} may not correct rows of {resource}.",
            hint="Owners and officers of its department may, and stewards of the data authority.",
            actor=who.account,
            resource=resource.name,
        )


def _record(workspace: Workspace, kind: EventKind, resource: Resource, who: Principal, details: dict[str, str | int]) -> None:
    with workspace.store.write() as connection:
        audit.append(connection, AuditEvent(kind=kind, actor=who.account, subject=resource.name, details=details), workspace.clock)


def _wrong_file(row: int) -> DataError:
    return DataError(
        "flows.correction.file",
        "Row {row} of the file does not say which row it corrects.",
        hint="Correct the file that `cityloom standard apart RESOURCE --export FILE` writes, and keep its columns.",
        row=row,
    )
