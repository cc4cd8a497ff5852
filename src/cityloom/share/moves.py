"""How a request moves: the right is checked, then state, history and audit event are written together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.kernel.ids import new_id
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.principal import Principal
from cityloom.model.request import DECISIONS, TRANSITIONS, Grant, Move, Request, RequestState
from cityloom.model.service import Service
from cityloom.model.transition import check_actor, transition
from cityloom.model.transition import diagram as _diagram
from cityloom.store import audit
from cityloom.store.requests import add_move, find_grant, find_request, move_grant, put_grant, put_request

RULE = "rule"
"""Name of the actor where a move follows from the catalog or the calendar."""


def load(connection: sa.Connection, request_id: str) -> Request:
    """A request, held until the transaction ends.

    Raises:
        UserError: ``share.request.unknown``.
    """
    found = find_request(connection, request_id, is_locked=True)
    if found is None:
        raise UserError(
            "share.request.unknown",
            "There is no request {request}.",
            hint="List the requests for those there are.",
            request=request_id,
        )
    return found


def load_grant(connection: sa.Connection, grant_id: str) -> Grant:
    """A grant, held until the transaction ends.

    Raises:
        UserError: ``share.grant.unknown``.
    """
    found = find_grant(connection, grant_id, is_locked=True)
    if found is None:
        raise UserError(
            "share.grant.unknown",
            "There is no grant {grant}.",
            hint="List the grants for those there are.",
            grant=grant_id,
        )
    return found


def check_may(request: Request, verb: str, actor: Principal) -> None:
    """Refuse what the table, or the separation of asking and deciding, does not allow.

    Raises:
        UserError: ``model.transition.impossible``.
        DeniedError: ``model.transition.denied``, ``share.request.own`` or ``share.request.partial``.
    """
    move = transition(TRANSITIONS, verb, request.state)
    if verb in DECISIONS and actor.account == request.requested_by:
        raise DeniedError(
            "share.request.own",
            "Nobody decides their own request.",
            hint="Another person of the provider, or a steward, decides it.",
        )
    if verb in DECISIONS and request.sharing != "unconditional" and actor.department == request.consumer:
        raise DeniedError(
            "share.request.partial",
            "Nobody of the department that asks decides a conditional request.",
            hint="A person of the provider, or a steward of another department, decides it.",
        )
    check_actor(move, actor, consumer=request.consumer, provider=request.provider)


def record(connection: sa.Connection, request: Request, verb: str, actor: str, reasons: str, clock: Clock) -> Request:
    """Make a move whose right is established."""
    target = transition(TRANSITIONS, verb, request.state).target
    moved = replace(request, state=target)
    put_request(connection, moved)
    move = Move(
        request=request.id,
        verb=verb,
        source=request.state,
        target=target,
        actor=actor,
        at=iso(clock.now()),
        reasons=reasons,
    )
    add_move(connection, move)
    details: dict[str, str | int] = {
        "request": request.id,
        "verb": verb,
        "from": str(request.state),
        "to": str(target),
        "consumer": request.consumer,
        "purpose": request.purpose,
    }
    subject = f"service:{request.service}"
    audit.append(connection, AuditEvent(kind=EventKind.REQUEST_MOVED, actor=actor, subject=subject, details=details), clock)
    return moved


def make_grant(connection: sa.Connection, request: Request, service: Service, actor: str, clock: Clock) -> Grant:
    """Turn an approved request into the right it asked for."""
    now = clock.now()
    moved = record(connection, request, "grant", actor, "", clock)
    made = Grant(
        id=new_id("g"),
        request=moved.id,
        service=moved.service,
        version=moved.version,
        consumer=moved.consumer,
        requested_by=moved.requested_by,
        items=moved.items,
        purpose=moved.purpose,
        purpose_title=moved.purpose_title,
        basis=moved.basis,
        granted_at=iso(now),
        expires_at=iso(now + timedelta(days=moved.days)),
        quota=service.quota,
    )
    put_grant(connection, made)
    _tell(connection, EventKind.GRANT_MADE, made, actor, clock)
    return made


def end_grant(connection: sa.Connection, made: Grant, verb: str, actor: str, reasons: str, clock: Clock) -> Grant:
    """Revoke or expire a grant together with its request."""
    request = record(connection, load(connection, made.request), verb, actor, reasons, clock)
    move_grant(connection, made.id, request.state)
    if request.state == RequestState.REVOKED:
        _tell(connection, EventKind.GRANT_REVOKED, made, actor, clock)
    return replace(made, state=request.state)


def diagram() -> str:
    """The moves of a request as a Mermaid state diagram."""
    return _diagram(TRANSITIONS, RequestState.DRAFT)


def _tell(connection: sa.Connection, kind: EventKind, made: Grant, actor: str, clock: Clock) -> None:
    details: dict[str, str | int] = {
        "grant": made.id,
        "consumer": made.consumer,
        "items": ",".join(made.items),
        "purpose": made.purpose,
        "expires_at": made.expires_at,
        "quota": made.quota,
    }
    event = AuditEvent(kind=kind, actor=actor, subject=f"service:{made.service}", details=details)
    audit.append(connection, event, clock)
