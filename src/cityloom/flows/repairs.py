"""Proposals for broken cells, shown to those who may see the rows, on record; nothing is changed by them."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.shown import HIDDEN, closed_items, may_look
from cityloom.flows.spreadsheets import guarded
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.quality.repair import LEAST, Proposal, propose, suspects
from cityloom.store import audit
from cityloom.store.corrections import list_corrections

COLUMNS = ("batch", "row", "item", "old", "value", "confidence", "reason", "rules", "accept")
"""Of a file of proposals; the last one is for the decision."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which proposals: in a phase, from a confidence on, of some items, rules, rows or cells only (none named: all)."""

    phase: str = "before"
    least: float = LEAST
    items: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    rows: Container[tuple[str, int]] | None = None

    def takes(self, one: Proposal) -> bool:
        """Whether a proposal is among them."""
        return (not self.items or one.item in self.items) and (not self.rules or not set(self.rules).isdisjoint(one.rules))


def proposals(workspace: Workspace, name: str, asked: Asked, *, actor: str, limit: int | None = None) -> Iterator[Proposal]:
    """What the cells that the newest assessment blames should hold, row by row; the look is put on record.

    Rows that somebody has put right since are left out. Values of items graded sensitive or core are shown to the
    resource's own department only.

    Raises:
        DeniedError: ``flows.batch.denied`` for an account that may not look at the rows.
        UserError: ``quality.broken.unknown`` when the resource was not assessed in this phase.
    """
    resource = workspace.city.resource(name)
    may_look(workspace, resource, actor)
    details: dict[str, str | int] = {"phase": asked.phase, "rows": limit or -1}
    event = AuditEvent(kind=EventKind.BATCH_SHOWN, actor=actor, subject=resource.name, details=details)
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
    closed = closed_items(workspace, resource, actor)
    for one in islice(filter(asked.takes, _all(workspace, name, asked)), limit):
        yield replace(one, old=HIDDEN, value=HIDDEN) if one.item in closed else one


def lines(found: Iterable[Proposal]) -> Iterator[str]:
    """Proposals as lines of CSV with an empty column for the decision; what a program could take for a formula is guarded."""
    yield _line(COLUMNS)
    for one in found:
        texts = [one.batch, str(one.row), one.item, one.old or "", one.value or "", f"{one.confidence:.3f}"]
        yield _line([*(guarded(text) for text in texts), str(one.reason), " ".join(one.rules), ""])


def _all(workspace: Workspace, name: str, asked: Asked) -> Iterator[Proposal]:
    """The proposals for rows that nobody put right."""
    city, resource = workspace.city, workspace.city.resource(name)
    with workspace.store.read() as connection:
        right = {(one.batch, one.row) for one in list_corrections(connection, name)}
    elements, codes, lake, clock = city.elements, city.codes, workspace.lake, workspace.clock
    blamed = suspects(resource, phase=asked.phase, elements=elements, codes=codes, lake=lake, clock=clock)
    rows = asked.rows
    cells = (one for one in blamed if (one.batch, one.row) not in right and (rows is None or (one.batch, one.row) in rows))
    yield from propose(
        resource, phase=asked.phase, elements=elements, codes=codes, lake=lake, clock=clock, least=asked.least, cells=cells
    )


def _line(values: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()
