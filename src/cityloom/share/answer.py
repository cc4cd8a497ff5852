"""A service answers one call, or says why not: default deny, and a record before every reply.

The right is checked first, so that nothing is read for those who have none; then the record is read; then,
in one transaction, the right and the quota are checked again, the call is counted and the audit event is
written. Only what is written there is returned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlglot import exp

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import DeniedError
from cityloom.kernel.ids import new_id
from cityloom.kernel.workdays import local_day
from cityloom.lake.tables import Lake
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.call import Call
from cityloom.model.principal import Principal
from cityloom.model.request import Grant
from cityloom.model.service import Service
from cityloom.protect.mask import make_mask, masked_record
from cityloom.protect.pseudonym import subject_digest
from cityloom.store import audit
from cityloom.store.calls import count_answered, record_call
from cityloom.store.database import Store
from cityloom.store.requests import find_grant
from cityloom.store.services import find_service

NOBODY = "anonymous"
"""The account on record where no valid key was shown."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service gives.

    ``values`` are a look-up's items under their masks, nothing where no record fits; ``verdict`` is a
    verification's yes or no. ``call`` is the id under which the call is traced, ``left`` what remains of
    the day's quota.
    """

    service: str
    version: str
    call: str
    left: int
    values: Mapping[str, str | None] | None = field(default=None, repr=False)
    verdict: bool | None = None

    @property
    def rows(self) -> int:
        """Records given: 0 or 1."""
        return int(self.values is not None)


@dataclass(frozen=True)
class _Asked:
    """A call as it came, with the keyed digest of whom it is about."""

    parameters: Mapping[str, str] = field(repr=False)
    principal: Principal | None
    purpose: str
    service: Service | None
    subject: str


def answer(
    service_name: str,
    parameters: Mapping[str, str],
    principal: Principal | None,
    purpose: str,
    *,
    store: Store,
    lake: Lake,
    clock: Clock,
    key: bytes,
) -> Answer:
    """Answer one call of a service under the grant that the caller's key is bound to.

    Args:
        service_name: name of a published service.
        parameters: what the caller knows already; values enter the query as literals only.
        principal: who calls, by key; nothing where no valid key was shown.
        purpose: what the answer is for: short name or title of the granted purpose.
        key: secret under which persons and answers appear in records as digests.

    Raises:
        DeniedError: ``share.key.invalid``, ``share.service.unknown``, ``share.grant.missing``,
            ``share.grant.revoked``, ``share.grant.expired``, ``share.grant.service``,
            ``share.purpose.other``, ``share.filter.missing``, ``share.parameter.unknown`` or
            ``share.quota.exceeded``; the refusal is on record.
    """
    with store.read() as connection:
        service = find_service(connection, service_name)
        subject = _subject(service, parameters, key)
        asked = _Asked(dict(parameters), principal, purpose, service, subject)
        right = _right(connection, asked, clock)
    if isinstance(right, DeniedError):
        with store.write() as connection:
            _record_denied(connection, asked, right, clock)
        raise right
    values, verdict = _read(right[0], right[1], asked.parameters, lake, key=key, today=local_day(clock.now()))
    digest = subject_digest(key, json.dumps([values, verdict], ensure_ascii=False, sort_keys=True))
    with store.write() as connection:
        right = _right(connection, asked, clock, is_locked=True)
        if isinstance(right, DeniedError):
            _record_denied(connection, asked, right, clock)
        else:
            reply = _record_answered(connection, asked, right[1], values, verdict, digest=digest, clock=clock)
    if isinstance(right, DeniedError):
        raise right
    return reply


# -- the right ---------------------------------------------------------------------------------------------


def _right(
    connection: sa.Connection, asked: _Asked, clock: Clock, *, is_locked: bool = False
) -> tuple[Service, Grant] | DeniedError:
    """The service and the grant under which it may answer, or why it may not."""
    try:
        return _check(connection, asked, clock, is_locked)
    except DeniedError as refusal:
        return refusal


def _check(connection: sa.Connection, asked: _Asked, clock: Clock, is_locked: bool) -> tuple[Service, Grant]:
    if asked.principal is None:
        _deny("share.key.invalid", "No valid key was shown.", "Ask your department for its key.")
    service = asked.service
    if service is None:
        _deny("share.service.unknown", "There is no such service.", "See the services for those there are.")
    made = find_grant(connection, asked.principal.grant, is_locked=is_locked) if asked.principal.grant else None
    if made is None or made.consumer != asked.principal.department:
        _deny("share.grant.missing", "This key is bound to no grant.", "Request the service, and use the grant's key.")
    _check_grant(made, service, asked.purpose, clock)
    _check_parameters(service, made, asked.parameters)
    if count_answered(connection, made.id, local_day(clock.now())) >= made.quota:
        _deny("share.quota.exceeded", "The quota of today is used up.", "Call again tomorrow, or request a larger one.")
    return service, made


def _check_grant(made: Grant, service: Service, purpose: str, clock: Clock) -> None:
    if made.state == "revoked":
        _deny("share.grant.revoked", "The grant was revoked.", "Ask the provider for the reasons.")
    if made.state != "granted" or made.expires_at <= iso(clock.now()):
        _deny("share.grant.expired", "The grant has expired.", "Request the service again.")
    if (made.service, made.version) != (service.name, service.version):
        _deny("share.grant.service", "The grant is for another service, or for another version of it.", "Request this one.")
    if not made.is_for(purpose):
        _deny("share.purpose.other", "The grant is for another purpose.", "State the purpose that was granted.")


def _check_parameters(service: Service, made: Grant, parameters: Mapping[str, str]) -> None:
    missing = [name for name in service.require if not (parameters.get(name) or "").strip()]
    if missing:
        _deny(
            "share.filter.missing",
            "The service does not answer without: {missing}.",
            "Only what is known already can be looked up.",
            missing=", ".join(missing),
        )
    known = set(service.require)
    if service.form == "verify":
        known |= set(service.compare) & set(made.items)
    if set(parameters) - known:
        _deny(
            "share.parameter.unknown",
            "The service takes, under this grant, no other parameters than: {known}.",
            "Leave the others out.",
            known=", ".join(sorted(known)),
        )


def _deny(code: str, message: str, hint: str, **details: str) -> NoReturn:
    raise DeniedError(code, message, hint=hint, **details)


# -- the record --------------------------------------------------------------------------------------------


def _read(
    service: Service, made: Grant, parameters: Mapping[str, str], lake: Lake, *, key: bytes, today: str
) -> tuple[dict[str, str | None] | None, bool | None]:
    """Values of a look-up, or verdict of a verification; the other one is nothing."""
    relation = lake.relation(service.table)
    where = [exp.column(name, quoted=True).eq(exp.Literal.string(value)) for name, value in parameters.items()]
    if service.form == "verify":
        query = exp.select(exp.Count(this=exp.Star())).from_(relation).where(*where)
        return None, int(lake.engine.rows(query)[0][0]) > 0
    items = [item for item in service.items if item.name in made.items]
    columns = [exp.column(item.name, quoted=True) for item in items]
    records = lake.engine.records(exp.select(*columns).from_(relation).where(*where).limit(1))
    if not records:
        return None, None
    masks = {item.name: make_mask(item.mask, key, today) if item.mask else None for item in items}
    given = masked_record(records[0], masks)
    return {name: None if value is None else str(value) for name, value in given.items()}, None


# -- the trace ---------------------------------------------------------------------------------------------


def _subject(service: Service | None, parameters: Mapping[str, str], key: bytes) -> str:
    """Whom a call is about: the first required parameter is the record's key."""
    value = parameters.get(service.require[0]) if service is not None else None
    return subject_digest(key, value) if value else ""


def _record_answered(
    connection: sa.Connection,
    asked: _Asked,
    made: Grant,
    values: Mapping[str, str | None] | None,
    verdict: bool | None,
    *,
    digest: str,
    clock: Clock,
) -> Answer:
    used = count_answered(connection, made.id, local_day(clock.now()))
    rows = int(values is not None)
    call = _call(asked, clock, outcome="answered", grant=made.id, purpose=made.purpose, rows=rows, digest=digest)
    _write(connection, call, EventKind.SERVICE_ANSWERED, clock)
    return Answer(
        service=call.service,
        version=call.version,
        call=call.id,
        left=made.quota - used - 1,
        values=values,
        verdict=verdict,
    )


def _record_denied(connection: sa.Connection, asked: _Asked, refusal: DeniedError, clock: Clock) -> None:
    grant = (asked.principal.grant if asked.principal else None) or ""
    made = find_grant(connection, grant) if grant else None
    purpose = made.purpose if made is not None and made.is_for(asked.purpose) else ""
    call = _call(asked, clock, outcome="denied", grant=grant, purpose=purpose, code=refusal.code)
    _write(connection, call, EventKind.SERVICE_DENIED, clock)


def _call(asked: _Asked, clock: Clock, *, outcome: str, **more: Any) -> Call:
    now = clock.now()
    service = asked.service
    return Call(
        id=new_id("c"),
        service=service.name if service is not None else "unknown",
        version=service.version if service is not None else "",
        account=asked.principal.account if asked.principal else NOBODY,
        consumer=asked.principal.department if asked.principal else "",
        at=iso(now),
        day=local_day(now),
        outcome=outcome,
        subject=asked.subject,
        **more,
    )


def _write(connection: sa.Connection, call: Call, kind: EventKind, clock: Clock) -> None:
    record_call(connection, call)
    details: dict[str, str | int] = {
        "call": call.id,
        "version": call.version,
        "grant": call.grant,
        "purpose": call.purpose,
        "rows": call.rows,
        "digest": call.digest,
        "subject": call.subject,
    }
    if call.code:
        details["code"] = call.code
    event = AuditEvent(kind=kind, actor=call.account, subject=f"service:{call.service}", details=details)
    audit.append(connection, event, clock)
