"""Deliveries that departments bring: who may, checked at once, landed once, answered the same when repeated."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hmac import compare_digest
from typing import Any

import sqlalchemy as sa

from cityloom.collect import intake as stage
from cityloom.collect.formats import Form, delivery_of, lay_out
from cityloom.collect.inbox import Delivery, Draft, Inbox
from cityloom.collect.proof import receipt_body
from cityloom.flows import answers
from cityloom.flows.admission import check_sender
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.checks import build_check
from cityloom.flows.runner import Runner, Step
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.kernel.ids import stable_id
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.batch import Batch
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.quality.run import today
from cityloom.store import accounts, audit, batches
from cityloom.store import intake as records
from cityloom.store.intake import StoredDelivery

STEP = "intake"
Also = Callable[[sa.Connection, StoredDelivery], None]
"""Writes what is to be known with a delivery, in the transaction that says that it landed."""
ROWS = "rows_corrected"
"""Where the record of a delivery tells which rows it stands for."""
_LONGEST_KEY = 120
_KEPT = timedelta(hours=24)
"""How long a delivery waits to be confirmed."""


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How a delivery is brought.

    ``way`` push, upload or form; ``key`` tells it from every other one of its resource (empty: what the content
    says, else the content itself); ``name`` what it is called in the lake: the next one of the same name replaces
    it where the task says so (empty: the key).
    """

    way: str
    form: Form
    key: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a delivery: ``body`` is for its sender; ``ticket`` confirms one that waits."""

    state: str
    body: Mapping[str, Any]
    id: str = ""
    batch: str | None = None
    ticket: str = ""
    is_repeated: bool = False


def submit(
    workspace: Workspace, resource: Resource, who: Principal, draft: Draft, sending: Sending, *, is_held: bool = False
) -> Answer:
    """Take a delivery in: check it, and land it unless it is refused or held for a confirmation.

    The same key with the same content gives the same answer; a refused delivery leaves its key free.

    Args:
        workspace: where.
        resource: admitted.
        who: admitted.
        draft: the bytes as they came.
        sending: how they came.
        is_held: whether it waits for :func:`confirm`.

    Raises:
        UserError: ``collect.intake.conflict``, ``collect.key.long``, ``flows.subject.busy``.
        DataError: where it is no table of the resource.
    """
    tidy(workspace, resource)
    try:
        draft.close()
        delivery, key, details = _prepare(workspace, resource, draft, sending)
        known = _known(workspace, stable_id("d", resource.name, key))
        if _is_again(known, draft.digest, sending.way) and known is not None:
            draft.discard()
            return _go_on(workspace, resource, known, is_held=is_held)
        record = StoredDelivery(
            id=stable_id("d", resource.name, key),
            resource=resource.name,
            key=key,
            way=sending.way,
            attempt=draft.attempt,
            origin=delivery.origin,
            digest=draft.digest,
            size=draft.size,
            state="checked",
            account=who.account,
            at=iso(workspace.clock.now()),
            answer=details,
        )
        return _check(workspace, resource, record, delivery, is_held=is_held)
    except BaseException:
        _abandon(workspace, draft)
        raise


def look(workspace: Workspace, resource: Resource, draft: Draft, sending: Sending) -> Answer:
    """Check a delivery and keep nothing of it.

    Raises:
        DataError: where it is no table of the resource.
    """
    try:
        draft.close()
        delivery, _key, details = _prepare(workspace, resource, draft, sending)
        found = inspect(workspace, resource, delivery)
        policy = resource.collect.drift
        return Answer(state="checked", body={"state": "checked", **details, **answers.findings(found, policy)})
    finally:
        draft.discard()


def confirm(workspace: Workspace, delivery_id: str, ticket: str) -> Answer:
    """Land a delivery that waits, for whoever holds its ticket.

    Raises:
        DeniedError: ``collect.ticket.invalid``.
    """
    record = _known(workspace, delivery_id)
    if record is None or record.ticket is None or not compare_digest(record.ticket, _digest(ticket)):
        raise DeniedError(
            "collect.ticket.invalid",
            "There is nothing to confirm here.",
            hint="A checked delivery waits for {hours} hours; bring it again.",
            hours=int(_KEPT.total_seconds()) // 3600,
        )
    with workspace.store.read() as connection:
        account = accounts.find_account(connection, record.account)
    workspace.forget_city()
    resource = workspace.city.resource(record.resource)
    if account is not None:
        check_sender(workspace, resource, account.principal)
    return _go_on(workspace, resource, record, is_held=False)


def find_answer(workspace: Workspace, resource: Resource, key: str) -> Answer | None:
    """What a delivery was answered."""
    record = _known(workspace, stable_id("d", resource.name, key))
    return None if record is None else _answer(record, is_repeated=True)


def tidy(workspace: Workspace, resource: Resource) -> None:
    """Remove what nobody confirmed, and what senders broke off.

    What stands for other rows stays: it may have landed already, and is brought to an end by itself.
    """
    inbox, now = Inbox(workspace.folder), workspace.clock.now()
    with workspace.store.write() as connection:
        waiting = records.list_deliveries(connection, state="checked")
        for one in waiting:
            if one.way != "push" and ROWS not in one.answer and one.at < iso(now - _KEPT):
                records.put_delivery(connection, replace(one, state="dropped", ticket=None))
                inbox.drop(one.resource, one.attempt)
    kept = {one.attempt for one in waiting}
    sealed = {one.attempt for one in inbox.sealed(resource.name)}
    for attempt in inbox.attempts(resource.name):
        is_left = attempt not in kept and attempt not in sealed
        if is_left and inbox.changed(resource.name, attempt) < (now - _KEPT).timestamp():
            inbox.drop(resource.name, attempt)


def _prepare(
    workspace: Workspace, resource: Resource, draft: Draft, sending: Sending
) -> tuple[Delivery, str, dict[str, Any]]:
    source = workspace.city.sources.get(resource.collect.source)
    declared = {**source.options, **resource.collect.what} if source and source.connector == "excel" else {}
    laid = lay_out(draft, sending.form, resource, declared)
    key = sending.key or laid.envelope.batch_key or ("" if sending.way == "push" else f"{sending.name}#{draft.digest[:16]}")
    name = sending.name or laid.envelope.delivery or key
    if not key:
        raise UserError(
            "collect.key.missing",
            "The delivery has no key of its own.",
            hint="Send the header Idempotency-Key; in JSON also batch_key beside rows.",
        )
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise UserError(
            "collect.key.long",
            "The key of a delivery has at most {most} printable characters.",
            hint="Take for example the period and a number: 2026-03-01.",
            most=_LONGEST_KEY,
        )
    delivery = delivery_of(draft, laid, resource, f"{sending.way}:{name}")
    details = {"resource": resource.name, "key": key, "delivery": name, "sheet": laid.sheet}
    return delivery, key, details


def _check(
    workspace: Workspace, resource: Resource, record: StoredDelivery, delivery: Delivery, *, is_held: bool
) -> Answer:
    inbox = Inbox(workspace.folder)
    found = inspect(workspace, resource, delivery)
    policy = resource.collect.drift
    is_refused = policy == "stop" and bool(found.wrong or found.drift)
    body = {**record.answer, **answers.findings(found, policy), **_replaces(workspace, resource, delivery)}
    if is_refused:
        inbox.drop(resource.name, record.attempt)
        return _close(workspace, replace(record, state="refused", answer=body))
    inbox.seal(replace(delivery, flaws={} if policy == "accept" else found.flaws, is_held=is_held))
    ticket = secrets.token_urlsafe(24) if is_held else ""
    sealed = claim(workspace, replace(record, answer=body, ticket=_digest(ticket) if ticket else None))
    if is_held:
        return replace(_answer(sealed), ticket=ticket)
    return land(workspace, resource, sealed)


def inspect(workspace: Workspace, resource: Resource, delivery: Delivery) -> stage.Inspection:
    """A delivery held against the rules in force."""
    check = build_check(resource, workspace.city, today=today(workspace.clock), engine=workspace.engine)
    return stage.inspect(resource, delivery, base=workspace.folder, engine=workspace.engine, check=check)


def _go_on(workspace: Workspace, resource: Resource, record: StoredDelivery, *, is_held: bool) -> Answer:
    """Go on with a delivery that is known: it landed, it waits, or its process died on the way."""
    if record.state == "landed":
        return _answer(record, is_repeated=True)
    if is_held:
        ticket = secrets.token_urlsafe(24)
        claim(workspace, replace(record, ticket=_digest(ticket)))
        return replace(_answer(record), ticket=ticket)
    return land(workspace, resource, record)


def land(workspace: Workspace, resource: Resource, record: StoredDelivery, also: Also | None = None) -> Answer:
    """Land what the inbox holds, as the only one who writes the table; record and answer it once.

    What is to be known with it, ``also`` writes in the transaction of the record.
    """
    done: list[StoredDelivery] = []

    def work() -> StageResult:
        known = _known(workspace, record.id) or record
        delivery = Inbox(workspace.folder).find(resource.name, record.attempt)
        nothing = StageResult(read=0, written=0, rejected=0)
        if known.state == "landed":
            done.append(known)
            return nothing
        if delivery is None:
            done.append(_recorded(workspace, record, _standing(workspace, record), also))
            return nothing
        taken = stage.run(
            resource,
            delivery,
            lake=workspace.lake,
            store=workspace.store,
            clock=workspace.clock,
            base=workspace.folder,
            actor=record.account,
        )
        done.append(_recorded(workspace, record, taken.batch, also))
        return taken.result

    step = Step(name=STEP, subject=resource.name, work=work, spec=(record.id,), writes=(resource.raw_table,), is_repeatable=True)
    Runner(workspace).do(step)
    return _answer(done[0])


def _standing(workspace: Workspace, record: StoredDelivery) -> Batch:
    """The batch of a delivery that has left the inbox, and was not recorded because its process died."""
    with workspace.store.read() as connection:
        found = batches.list_batches(connection, record.resource, origin=record.origin)
    for batch in reversed(found):
        if batch.digest == record.digest and batch.receipt:
            return batch
    raise UserError(
        "collect.delivery.gone",
        "The delivery {key} of {resource} is no longer there.",
        hint="Bring it again.",
        key=record.key,
        resource=record.resource,
    )


def _recorded(workspace: Workspace, record: StoredDelivery, batch: Batch, also: Also | None) -> StoredDelivery:
    body = {**record.answer, **receipt_body(batch)}
    landed = replace(record, state="landed", batch=batch.id, answer=body, ticket=record.ticket)
    with workspace.store.write() as connection:
        records.put_delivery(connection, landed)
        if also is not None:
            also(connection, landed)
    return landed


def claim(workspace: Workspace, record: StoredDelivery) -> StoredDelivery:
    """Write the record; where the same content came in under the key meanwhile, go on with that one.

    Raises:
        UserError: ``collect.intake.conflict`` when another content took the key.
    """
    with workspace.store.write() as connection:
        known = records.find_delivery(connection, record.id, is_locked=True)
        if known is not None and _is_other(known, record.digest, record.way):
            raise _conflict(record.key)
        kept = known if known is not None and _is_same(known, record) else record
        records.put_delivery(connection, kept)
    if kept.attempt != record.attempt:
        Inbox(workspace.folder).drop(record.resource, record.attempt)
    elif known is not None and known.attempt != record.attempt:
        Inbox(workspace.folder).drop(known.resource, known.attempt)
    return kept


def _is_same(known: StoredDelivery, record: StoredDelivery) -> bool:
    """Whether a record stands for the same delivery; a file that a person checks again is checked anew."""
    stands = known.state == "landed" or (known.state == "checked" and record.way != "upload")
    return stands and known.digest == record.digest and known.attempt != record.attempt


def _is_again(known: StoredDelivery | None, digest: str, way: str) -> bool:
    if known is None or known.state not in ("checked", "landed"):
        return False
    if _is_other(known, digest, way):
        raise _conflict(known.key)
    return known.digest == digest and (known.state == "landed" or way == "push")


def _is_other(known: StoredDelivery, digest: str, way: str) -> bool:
    """Whether a key stands for another content for good: it landed, or will."""
    stands = known.state == "landed" or (known.state == "checked" and way == "push")
    return stands and known.digest != digest


def _conflict(key: str) -> UserError:
    return UserError(
        "collect.intake.conflict",
        "Another content was delivered under the key {key} before.",
        hint="Take a new key for new content; to replace a delivery, send it under the same name with a new key.",
        key=key,
    )


def _close(workspace: Workspace, record: StoredDelivery) -> Answer:
    with workspace.store.write() as connection:
        records.put_delivery(connection, record)
        wrong = int(record.answer.get("wrong", 0))
        event = AuditEvent(
            kind=EventKind.INTAKE_REFUSED,
            actor=record.account,
            subject=record.resource,
            details={"delivery": record.id, "digest": record.digest, "rows": int(record.answer.get("rows", 0)), "wrong": wrong},
        )
        audit.append(connection, event, workspace.clock)
    return _answer(record)


def _replaces(workspace: Workspace, resource: Resource, delivery: Delivery) -> dict[str, Any]:
    with workspace.store.read() as connection:
        known = batches.list_batches(connection, resource.name, origin=delivery.origin)
    old = stage.replaced_by(resource, delivery, known)
    if old is None:
        return {"replaces": None}
    return {"replaces": {"batch": old.id, "at": old.ended_at, "rows": old.receipt.landed_rows if old.receipt else 0}}


def _known(workspace: Workspace, delivery_id: str) -> StoredDelivery | None:
    with workspace.store.read() as connection:
        return records.find_delivery(connection, delivery_id)


def _answer(record: StoredDelivery, *, is_repeated: bool = False) -> Answer:
    """The same bytes each time, whether the record was just made or read back from the store."""
    body = json.loads(json.dumps({"state": record.state, **record.answer}, ensure_ascii=False, sort_keys=True))
    return Answer(state=record.state, body=body, id=record.id, batch=record.batch, is_repeated=is_repeated)


def _abandon(workspace: Workspace, draft: Draft) -> None:
    """Let an unfinished delivery go; one that is sealed stays for the next try."""
    if Inbox(workspace.folder).find(draft.resource, draft.attempt) is None:
        draft.discard()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

