"""Looks at rows of the standard layer: why a cell is what it is, and what was held of a key; each look goes on record."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cityloom.engines.base import sql
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.cleaning import made_ready
from cityloom.flows.shown import HIDDEN, closed_columns, closed_items, masked, may_look
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.resource import Resource
from cityloom.protect.pseudonym import subject_digest
from cityloom.standard.explain import Cell, explain
from cityloom.standard.history import HISTORY, held_at, periods
from cityloom.standard.plan import RAW
from cityloom.standard.rows import key_of
from cityloom.store import audit
from cityloom.store.corrections import RowCorrection, list_corrections

_CITY_HOURS = 8
"""A day without a time is the city's own, eight hours ahead of UTC."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The cells of a row, and the correction that stands behind it or for it, where there is one."""

    cells: tuple[Cell, ...]
    correction: RowCorrection | None


def explain_row(workspace: Workspace, resource: Resource, batch: str, row: int, *, actor: str) -> Explained:
    """Why every cell of a row is what it is, for an account that may look; what is closed to it is three asterisks.

    Raises:
        DeniedError: ``flows.batch.denied``.
        UserError: ``standard.row.unknown``.
    """
    may_look(workspace, resource, actor)
    city, today = workspace.city, iso(workspace.clock.now())[:10]
    cells = explain(
        resource, batch, row, elements=city.elements, codes=city.codes, lake=workspace.lake, cleaning=made_ready(workspace, resource, today)
    )
    with workspace.store.write() as connection:
        details: dict[str, str | int] = {"batch": batch, "row": row}
        audit.append(connection, AuditEvent(kind=EventKind.BATCH_SHOWN, actor=actor, subject=resource.name, details=details), workspace.clock)
        made = list_corrections(connection, resource.name)
    found = [c for c in made if (c.batch, c.row) == (batch, row) or (c.by_batch, c.by_row) == (batch, row)]
    items = closed_items(workspace, resource, actor)
    raw = closed_columns(workspace, resource, actor, [c.column for c in cells])
    return Explained(cells=tuple(_shown(c, items, raw) for c in cells), correction=found[0] if found else None)


def history_of(
    workspace: Workspace, resource: Resource, key: Sequence[str], *, at: str | None, actor: str
) -> list[dict[str, Any]]:
    """What was held of a key, oldest first, or at a time only: items, batch and row, ``_from`` and ``_to``; items closed to
    the account are three asterisks.

    Raises:
        DeniedError: ``flows.batch.denied``.
        UserError: ``flows.history.key``, ``flows.history.time`` or ``flows.history.none``.
    """
    may_look(workspace, resource, actor)
    if len(key) != len(resource.key):
        raise UserError(
            "flows.history.key",
            "A key of {resource} has {count} parts.",
            hint="Give, in this order: {names}.",
            resource=resource.name,
            count=len(resource.key),
            names=", ".join(resource.key) or "-",
        )
    lake = workspace.lake
    if not lake.exists(resource.std_table + HISTORY):
        raise UserError(
            "flows.history.none",
            "{resource} has no history yet.",
            hint="It begins with the next `cityloom standard run {resource}`.",
            resource=resource.name,
        )
    one = key_of(list(key))
    query = periods(lake, resource, one) if at is None else held_at(lake, resource, _moment(at), one)
    with workspace.store.write() as connection:
        details: dict[str, str | int] = {"key": subject_digest(workspace.keys.masking, one)}
        event = AuditEvent(kind=EventKind.HISTORY_SHOWN, actor=actor, subject=resource.name, details=details)
        audit.append(connection, event, workspace.clock)
    closed = closed_items(workspace, resource, actor)
    rows = lake.engine.records(sql("SELECT * FROM :rows ORDER BY r._seq", rows=query.subquery("r")))
    return [masked(row, closed) for row in rows]


def _shown(cell: Cell, items: Container[str], raw: Container[str]) -> Cell:
    """A cell without the values that are not shown; those of an open item that comes from a closed column are."""
    names = {name for step in cell.steps for name, _value in step.inputs}
    closed = {name for name in names if (name.removeprefix(RAW) in raw if name.startswith(RAW) else name in items)}
    steps = tuple(
        replace(s, result=_hidden(s.result, cell.item in items), inputs=tuple((n, _hidden(v, n in closed)) for n, v in s.inputs))
        for s in cell.steps
    )
    return replace(cell, raw=_hidden(cell.raw, cell.column in raw), steps=steps, result=_hidden(cell.result, cell.item in items))


def _hidden(value: str | None, is_closed: bool) -> str | None:
    return HIDDEN if is_closed and value is not None else value


def _moment(text: str) -> str:
    """A time as UTC text; a day alone means its end in the city."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError("flows.history.time", "{text} is no time.", hint="Write 2026-01-31, or 2026-01-31T08:00:00.", text=text[:40]) from None
    if found.tzinfo is not None:
        return iso(found)
    whole = found + timedelta(days=1, microseconds=-1) if len(text) <= 10 else found
    return (whole - timedelta(hours=_CITY_HOURS)).isoformat(timespec="microseconds") + "Z"
