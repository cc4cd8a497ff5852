"""Rows of the standard layer put right by people: a row set apart, or single cells, comes in again with who and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from cityloom.engines.base import sql
from cityloom.flows import chain, corrections
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner
from cityloom.flows.spreadsheets import bare, guarded
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import DataError, DeniedError, UserError
from cityloom.lake.changes import rows_of
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.standard.run import SET_APART
from cityloom.store import audit
from cityloom.store.corrections import RowCorrection, add_corrections

_PLACE = ("_batch", "_row", "_rule")
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

    A value that a spreadsheet program would take for a formula gets an apostrophe first.

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
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*_PLACE, *names])
    for place in places:
        values = found[(place["_batch"], place["_row"])]
        writer.writerow([*place.values(), *(guarded(values.get(n) or "") for n in names)])
    _record(workspace, EventKind.REJECTS_SHOWN, resource, who, {"rows": len(places)})
    return text.getvalue()


def read_changes(workspace: Workspace, resource: Resource, text: str) -> list[Change]:
    """The rows of a file of :func:`hand_out` whose values are others now.

    Raises:
        DataError: ``flows.correction.file``.
    """
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
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
        new = {n: bare(row[n]) or None for n in names if n in row and row[n] is not None and (bare(row[n]) or None) != (held.get(n) or None)}
        if new:
            changes.append(Change(batch=place[0], row=place[1], values=new))
    return changes


def correct(workspace: Workspace, resource: Resource, who: Principal, changes: Sequence[Change], why: str) -> Corrected:
    """Take rows in again with new values: landed as a batch of its own, standardised and assessed anew.

    The row as it came stays in the raw layer; in the standard layer the corrected one stands for it.

    Raises:
        UserError: ``flows.correction.why``, ``flows.correction.followed``, ``flows.correction.unknown`` or
            ``flows.correction.column``.
        DataError: ``flows.correction.flawed`` when the new rows could not be taken in.
        DeniedError: ``flows.correction.denied``.
    """
    require_right(resource, who)
    _check(resource, changes, why)
    places = [(c.batch, c.row) for c in changes]
    held = raw_rows(workspace, resource, places)
    records = [{**held[place], **change.values} for place, change in zip(places, changes, strict=True)]
    if not records:
        return Corrected(resource=resource.name, rows=0, cells=0, batch="", runs=())
    _check_records(workspace, resource, places, [held[place] for place in places], records)
    batch = corrections.land_rows(workspace, resource, who, f"rows ({changes[0].batch})", records)
    at = iso(workspace.clock.now())
    made = [
        RowCorrection(
            resource=resource.name, batch=c.batch, row=c.row, by_batch=batch, by_row=n, columns=tuple(sorted(c.values)),
            account=who.account, why=f"{why} ({c.note})" if c.note else why, at=at,
        )
        for n, c in enumerate(changes, start=1)
    ]  # fmt: skip
    with workspace.store.write() as connection:
        add_corrections(connection, made)
    cells = sum(len(c.values) for c in changes)
    _record(workspace, EventKind.ROWS_CORRECTED, resource, who, {"by": batch, "rows": len(made), "cells": cells})
    runner = Runner(workspace)
    runs = [r for stage in (chain.assess_raw, chain.standardise, chain.assess_standard) for r in stage(workspace, runner, [resource.name])]
    return Corrected(resource=resource.name, rows=len(made), cells=cells, batch=batch, runs=tuple((r.step, r.state) for r in runs))


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
    if resource.collect.mode == "cdc":
        raise UserError(
            "flows.correction.followed",
            "{resource} is followed by its log: what is corrected here, its source would not know.",
            hint="Correct the row at the source; the change comes in by itself.",
            resource=resource.name,
        )
    if len(changes) > MOST:
        raise UserError("flows.correction.many", "A correction takes at most {most} rows.", hint="Bring a delivery instead.", most=MOST)


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
    lake = workspace.lake
    asked = pa.table({"b": pa.array([b for b, _ in places], pa.string()), "n": pa.array([n for _, n in places], pa.int64())})
    with lake.engine.bound(asked) as wanted:
        text = "SELECT r.* FROM :rows AS r JOIN :wanted AS w ON r._batch = w.b AND r._row = w.n"
        rows = lake.engine.records(sql(text, rows=rows_of(lake, resource), wanted=wanted))
    found = {
        (row["_batch"], row["_row"]): {k: None if v is None else str(v) for k, v in row.items() if k not in _SYSTEM} for row in rows
    }
    missing = [place for place in places if place not in found]
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
