"""Proposals for broken cells, shown to those who may see the rows, on record; nothing is changed by them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.shown import may_look
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.resource import GRADES, Resource
from cityloom.quality.repair import LEAST, Proposal, propose
from cityloom.store import audit

HIDDEN = "***"
"""Stands for a value that the account is not shown."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def proposals(
    workspace: Workspace,
    name: str,
    *,
    actor: str,
    phase: str = "before",
    least: float = LEAST,
    limit: int | None = None,
) -> Iterator[Proposal]:
    """What the cells that the newest assessment blames should hold, row by row; the look is put on record.

    Values of items graded sensitive or core are shown to the resource's own department only.

    Raises:
        DeniedError: ``flows.batch.denied`` for an account that may not look at the rows.
        UserError: ``quality.broken.unknown`` when the resource was not assessed in this phase.
    """
    city, resource = workspace.city, workspace.city.resource(name)
    may_look(workspace, resource, actor)
    details: dict[str, str | int] = {"phase": phase, "rows": limit or -1}
    event = AuditEvent(kind=EventKind.BATCH_SHOWN, actor=actor, subject=resource.name, details=details)
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
    closed = _closed(workspace, resource, actor)
    found = propose(
        resource,
        phase=phase,
        elements=city.elements,
        codes=city.codes,
        lake=workspace.lake,
        clock=workspace.clock,
        least=least,
    )
    for one in islice(found, limit):
        yield replace(one, old=HIDDEN, value=HIDDEN) if one.item in closed else one


def lines(found: Iterable[Proposal]) -> Iterator[str]:
    """Proposals as lines of CSV with an empty column for the decision; what a program could take for a formula is guarded."""
    yield _line(["batch", "row", "item", "old", "value", "confidence", "reason", "rules", "accept"])
    for one in found:
        texts = [one.batch, str(one.row), one.item, one.old or "", one.value or "", f"{one.confidence:.3f}"]
        yield _line([*(_guarded(text) for text in texts), str(one.reason), " ".join(one.rules), ""])


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _closed(workspace: Workspace, resource: Resource, actor: str) -> frozenset[str]:
    """Items whose values an account of another department is not shown."""
    city = workspace.city
    if city.accounts[actor].department == resource.department:
        return frozenset()
    elements = {name: one.grade for name, one in city.elements.items()}
    grades = {i.name: i.grade or elements.get(i.element or "", resource.grade) for i in resource.items}
    return frozenset(name for name, grade in grades.items() if grade in GRADES[2:])
