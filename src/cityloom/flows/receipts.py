"""A batch's receipt with its proof from the audit log, and the department's own signature under it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cityloom.collect import proof
from cityloom.flows.admission import check_sender
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import DataError, UserError
from cityloom.kernel.note import parse_checkpoint
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.batch import Batch
from cityloom.model.principal import Principal
from cityloom.protect.crypto import Ed25519Signer
from cityloom.store import audit, batches
from cityloom.store import intake as records
from cityloom.store.intake import Signature

_PAGE = 500


def find_batch(workspace: Workspace, batch: str) -> Batch:
    """A batch that has a receipt.

    Raises:
        UserError: ``flows.batch.unknown``.
    """
    with workspace.store.read() as connection:
        found = batches.find_batch(connection, batch)
    if found is None or found.receipt is None:
        raise UserError(
            "flows.batch.unknown",
            "There is no receipt of a batch {batch}.",
            hint="List them with `cityloom collect batches`.",
            batch=batch,
        )
    return found


def receipt_file(workspace: Workspace, batch: Batch) -> dict[str, Any]:
    """The receipt with all that proves it; the head of the log is signed anew where it does not cover the event yet.

    Raises:
        DataError: ``flows.receipt.unrecorded`` when the log holds no event of the batch.
    """
    with workspace.store.read() as connection:
        index = _event_of(connection, batch)
        note = audit.newest_checkpoint(connection)
    if note is None or parse_checkpoint(note)[0].size <= index:
        with workspace.store.write() as connection:
            note = audit.checkpoint(connection, workspace.clock, workspace.keys.audit, workspace.settings.audit_origin)
    with workspace.store.read() as connection:
        signed = records.list_signatures(connection, batch.id)
        return proof.receipt_file(
            batch,
            index=index,
            leaf=audit.leaf(connection, index),
            proof=audit.inclusion_proof(connection, index, parse_checkpoint(note)[0].size),
            checkpoint=note,
            vkey=workspace.keys.vkey,
            signatures=[{"signer": one.signer, "vkey": one.vkey, "note": one.note} for one in signed],
        )


def countersign(workspace: Workspace, batch: Batch, who: Principal, pem: bytes) -> Signature:
    """Sign a receipt for the department that brought it, with its own key.

    Raises:
        DeniedError: ``collect.intake.denied``.
        ConfigError: ``protect.key.unreadable``.
    """
    check_sender(workspace, workspace.city.resource(batch.resource), who)
    signer = Ed25519Signer.load(f"{who.department}/receipts", pem)
    made = Signature(
        batch=batch.id,
        signer=signer.name,
        vkey=signer.vkey,
        note=proof.countersign(batch, signer),
        account=who.account,
        at=iso(workspace.clock.now()),
    )
    details: dict[str, str | int] = {"batch": batch.id, "receipt": proof.digest_of(batch), "key": signer.vkey}
    with workspace.store.write() as connection:
        records.put_signature(connection, made)
        event = AuditEvent(kind=EventKind.RECEIPT_SIGNED, actor=who.account, subject=batch.resource, details=details)
        audit.append(connection, event, workspace.clock)
    return made


def _event_of(connection: sa.Connection, batch: Batch) -> int:
    """Index of the newest event that tells of the batch's landing."""
    before = None
    while True:
        page = audit.list_events(
            connection, kind=EventKind.BATCH_LANDED, subject=batch.resource, limit=_PAGE, before=before
        )
        for logged in page:
            if logged.event.details.get("batch") == batch.id:
                return logged.index
        if len(page) < _PAGE:
            break
        before = page[-1].index
    raise DataError(
        "flows.receipt.unrecorded",
        "The audit log holds no landing of the batch {batch}.",
        hint="Its record was made outside the platform: do not rely on it.",
        batch=batch.id,
    )
