"""Rows set apart, handed out to their department and taken in again when they are corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from cityloom.collect import correct as stage
from cityloom.collect.formats import Form, delivery_of, lay_out
from cityloom.collect.inbox import Delivery, Draft, Inbox
from cityloom.collect.intake import Inspection
from cityloom.collect.rows import lines_of
from cityloom.flows import intake
from cityloom.flows.answers import complaint
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.clock import iso
from cityloom.kernel.ids import stable_id
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.store import audit, batches
from cityloom.store.intake import StoredDelivery

_LINES = "rows.jsonl"


@dataclass(frozen=True, kw_only=True)
class CorrectionAnswer:
    """What became of a corrected file: ``batches`` are those that the rows came in with."""

    resource: str
    corrected: int
    wrong: int
    skipped: int
    batches: tuple[Mapping[str, Any], ...]
    errors: tuple[Mapping[str, Any], ...]

    @property
    def body(self) -> dict[str, Any]:
        """The answer for the sender."""
        return {**vars(self), "batches": list(self.batches), "errors": list(self.errors)}


def hand_out(
    workspace: Workspace, resource: Resource, who: Principal, batch: str | None = None
) -> list[stage.Numbered]:
    """The rows of a resource that are still set apart, with their content: on record, for they hold data of persons."""
    with workspace.store.write() as connection:
        found = batches.open_rejects(connection, resource.name, batch)
        details: dict[str, str | int] = {"rows": len(found)}
        event = AuditEvent(kind=EventKind.REJECTS_SHOWN, actor=who.account, subject=resource.name, details=details)
        audit.append(connection, event, workspace.clock)
    return found


def take_back(
    workspace: Workspace, resource: Resource, who: Principal, draft: Draft, form: Form
) -> CorrectionAnswer:
    """Land the rows of a corrected file that are right now, one batch for each batch that had set them apart.

    A row that is still wrong stays set apart as it was; the same file again changes nothing.

    Raises:
        DataError: where the file is none that was handed out.
        UserError: ``flows.subject.busy``.
    """
    inbox = Inbox(workspace.folder)
    with workspace.store.read() as connection:
        waiting = batches.open_rejects(connection, resource.name)
    try:
        draft.close()
        laid = lay_out(draft, form, resource, {})
        found = stage.read_back(resource, delivery_of(draft, laid, resource, ""), inbox, waiting)
    finally:
        draft.discard()
    seen = _look(workspace, resource, found.records)
    wrong = {row for row in seen.flaws if row <= len(found.records)}
    made = [
        _land(workspace, resource, who, batch, chosen)
        for batch, chosen in _by_batch(found, wrong)
    ]
    return CorrectionAnswer(
        resource=resource.name,
        corrected=sum(int(one["rows"]) for one in made),
        wrong=len(wrong),
        skipped=found.skipped,
        batches=tuple(made),
        errors=tuple(complaint(replace(one, row=found.rows[one.row - 1])) for one in seen.errors),
    )


@dataclass(frozen=True)
class _Chosen:
    """Rows that go in: their records, and the numbers of the rejects they stand for."""

    records: list[dict[str, str | None]]
    numbers: list[int]


def _by_batch(found: stage.Corrected, wrong: set[int]) -> Iterator[tuple[str, _Chosen]]:
    good = [n for n in range(len(found.records)) if n + 1 not in wrong]
    good.sort(key=lambda n: (found.rejects[n][1].batch, found.rejects[n][0]))
    for batch, places in groupby(good, key=lambda n: found.rejects[n][1].batch):
        chosen = list(places)
        yield batch, _Chosen([found.records[n] for n in chosen], [found.rejects[n][0] for n in chosen])


def _look(workspace: Workspace, resource: Resource, records: Sequence[Mapping[str, str | None]]) -> Inspection:
    inbox = Inbox(workspace.folder)
    delivery = _lines(inbox, resource, records, "")
    try:
        return intake.inspect(workspace, resource, delivery)
    finally:
        inbox.drop(resource.name, delivery.attempt)


def _land(
    workspace: Workspace, resource: Resource, who: Principal, batch: str, chosen: _Chosen
) -> dict[str, Any]:
    by = land_rows(workspace, resource, who, batch, chosen.records)
    with workspace.store.write() as connection:
        batches.mark_corrected(connection, batch, chosen.numbers, by)
        details: dict[str, str | int] = {"batch": batch, "by": by, "rows": len(chosen.numbers)}
        event = AuditEvent(kind=EventKind.ROWS_CORRECTED, actor=who.account, subject=resource.name, details=details)
        audit.append(connection, event, workspace.clock)
    return {"batch": by, "of": batch, "rows": len(chosen.numbers)}


def land_rows(
    workspace: Workspace,
    resource: Resource,
    who: Principal,
    what: str,
    records: Sequence[Mapping[str, str | None]],
    *,
    details: Mapping[str, Any] | None = None,
    also: intake.Also | None = None,
) -> str:
    """Land corrected rows as a batch of their own, numbered in their order; returns its id.

    ``details`` stand in the record of the delivery, ``also`` writes in the transaction of that record.

    Raises:
        UserError: ``flows.subject.busy``.
    """
    inbox = Inbox(workspace.folder)
    plain = _lines(inbox, resource, records, "")
    delivery = replace(plain, origin=f"correction of {what} ({plain.digest[:8]})", is_held=True)
    inbox.seal(delivery)
    record = StoredDelivery(
        id=stable_id("d", resource.name, delivery.origin, delivery.digest),
        resource=resource.name,
        key=delivery.origin,
        way="correct",
        attempt=delivery.attempt,
        origin=delivery.origin,
        digest=delivery.digest,
        size=delivery.size,
        state="checked",
        account=who.account,
        at=iso(workspace.clock.now()),
        answer={"resource": resource.name, "corrects": what, **(details or {})},
    )
    return str(intake.land(workspace, resource, intake.claim(workspace, record), also).batch)


def flaws_of(workspace: Workspace, resource: Resource, records: Sequence[Mapping[str, str | None]]) -> set[int]:
    """Numbers of the records, from 1, that could not be taken in."""
    return {row for row in _look(workspace, resource, records).flaws if row <= len(records)}


def _lines(inbox: Inbox, resource: Resource, records: Sequence[Mapping[str, str | None]], origin: str) -> Delivery:
    """Records as a delivery of lines in the inbox."""
    draft = inbox.draft(resource.name, _LINES)
    scratch = draft.path.with_name("scratch")
    lines_of((dict(one) for one in records), scratch)
    _copy(scratch, draft)
    return Delivery(
        resource=resource.name,
        attempt=draft.attempt,
        origin=origin,
        file=draft.path.name,
        digest=draft.digest,
        size=draft.size,
        reader="json_lines",
        options={"encoding": "utf-8"},
    )


def _copy(source: Path, draft: Draft) -> None:
    with source.open("rb") as file:
        while block := file.read(1 << 20):
            draft.write(block)
    draft.close()
    source.unlink()


