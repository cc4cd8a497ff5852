"""The verbs of requests: submit, ask, supply, decide, dispute, settle, grant, revoke, expire.

Who may do what and when stands in :data:`cityloom.model.request.TRANSITIONS`; each verb writes its moves and
their audit events in one transaction.
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.kernel.ids import new_id
from cityloom.kernel.workdays import ChineseCalendar, WorkCalendar, deadline
from cityloom.model.principal import Principal
from cityloom.model.request import Grant, Request, RequestState
from cityloom.model.service import Demand, Service
from cityloom.model.text import Title
from cityloom.share.moves import RULE, check_may, end_grant, load, load_grant, make_grant, record
from cityloom.store.database import Store
from cityloom.store.requests import list_grants
from cityloom.store.services import find_service

ANSWER_DAYS = 10
"""Working days in which a conditional request is answered."""


def submit(
    wish: Demand, actor: Principal, *, store: Store, clock: Clock, calendar: WorkCalendar | None = None
) -> Request:
    """Ask for items of a service, for a purpose with its basis.

    Unconditional sharing is granted at once; data that is not shared is refused, citing its basis; anything
    else waits for the provider, ten working days.

    Raises:
        UserError: ``share.service.unknown``, ``share.item.unknown`` or ``share.request.incomplete``.
        DeniedError: ``model.transition.denied`` or ``share.request.foreign``.
    """
    if actor.department != wish.consumer:
        raise DeniedError(
            "share.request.foreign",
            "{account} does not belong to the department {consumer}.",
            hint="A department's own people ask for it.",
            account=actor.account,
            consumer=wish.consumer,
        )
    with store.write() as connection:
        service = _service(connection, wish.service)
        request = _draft(wish, service, actor, clock)
        check_may(request, "submit", actor)
        now = clock.now()
        due = deadline(now, ANSWER_DAYS, calendar or ChineseCalendar())
        request = replace(request, submitted_at=iso(now), deadline=iso(due))
        request = record(connection, request, "submit", actor.account, "", clock)
        if service.sharing.attribute == "unconditional":
            request = _decided(request, RULE, "unconditional", clock)
            request = record(connection, request, "pass", RULE, "unconditional", clock)
            make_grant(connection, request, service, RULE, clock)
            return load(connection, request.id)
        if service.sharing.attribute == "none":
            reasons = service.sharing.basis or ""
            request = record(connection, _decided(request, RULE, reasons, clock), "refuse", RULE, reasons, clock)
    return request


def ask(request_id: str, actor: Principal, what: str, *, store: Store, clock: Clock) -> Request:
    """Ask the consumer for materials: once, and saying which.

    Raises:
        UserError: ``share.request.asked`` when it was done before; ``share.reasons.missing``.
    """
    with store.write() as connection:
        request = load(connection, request_id)
        check_may(request, "ask", actor)
        if request.asked:
            raise UserError(
                "share.request.asked",
                "Materials were asked for before.",
                hint="Decide by what there is: they may be asked for once.",
            )
        asked = replace(request, asked=1)
        return record(connection, asked, "ask", actor.account, _reasons(what), clock)


def supply(
    request_id: str, actor: Principal, what: str, *, store: Store, clock: Clock, calendar: WorkCalendar | None = None
) -> Request:
    """Answer with materials; the provider's time begins anew."""
    with store.write() as connection:
        request = load(connection, request_id)
        check_may(request, "supply", actor)
        due = deadline(clock.now(), ANSWER_DAYS, calendar or ChineseCalendar())
        supplied = replace(request, deadline=iso(due))
        return record(connection, supplied, "supply", actor.account, _reasons(what), clock)


def decide(
    request_id: str, actor: Principal, *, is_approved: bool, reasons: str, store: Store, clock: Clock
) -> Request:
    """The provider's answer, with reasons.

    Raises:
        DeniedError: ``share.request.own``, ``share.request.partial`` or ``model.transition.denied``.
        UserError: ``share.reasons.missing`` or ``model.transition.impossible``.
    """
    return _decide(request_id, actor, "approve" if is_approved else "reject", reasons, store, clock)


def settle(
    request_id: str, actor: Principal, *, is_approved: bool, reasons: str, store: Store, clock: Clock
) -> Request:
    """A steward's answer to a dispute: the refusal is overturned or upheld."""
    return _decide(request_id, actor, "overturn" if is_approved else "uphold", reasons, store, clock)


def dispute(request_id: str, actor: Principal, reasons: str, *, store: Store, clock: Clock) -> Request:
    """Dispute a refusal before the steward, once.

    Raises:
        UserError: ``share.request.disputed`` when the dispute was decided before.
    """
    with store.write() as connection:
        request = load(connection, request_id)
        check_may(request, "dispute", actor)
        if request.disputes:
            raise UserError(
                "share.request.disputed",
                "This refusal was disputed and upheld before.",
                hint="Submit a new request if purpose or basis have changed.",
            )
        return record(connection, replace(request, disputes=1), "dispute", actor.account, _reasons(reasons), clock)


def grant(request_id: str, actor: Principal, *, store: Store, clock: Clock) -> Grant:
    """Make the right that an approved request asked for."""
    with store.write() as connection:
        request = load(connection, request_id)
        check_may(request, "grant", actor)
        return make_grant(connection, request, _service(connection, request.service), actor.account, clock)


def revoke(grant_id: str, actor: Principal, reasons: str, *, store: Store, clock: Clock) -> Grant:
    """Take a right back, at once and with reasons."""
    with store.write() as connection:
        made = load_grant(connection, grant_id)
        check_may(load(connection, made.request), "revoke", actor)
        return end_grant(connection, made, "revoke", actor.account, _reasons(reasons), clock)


def expire(*, store: Store, clock: Clock) -> int:
    """End the rights whose time is over; returns how many. They no longer answer in any case."""
    now = iso(clock.now())
    with store.write() as connection:
        over = [g for g in list_grants(connection, states=(RequestState.GRANTED,)) if g.expires_at <= now]
        for made in over:
            end_grant(connection, made, "expire", RULE, "", clock)
    return len(over)


def _decide(request_id: str, actor: Principal, verb: str, reasons: str, store: Store, clock: Clock) -> Request:
    with store.write() as connection:
        request = load(connection, request_id)
        check_may(request, verb, actor)
        text = _reasons(reasons)
        return record(connection, _decided(request, actor.account, text, clock), verb, actor.account, text, clock)


def _decided(request: Request, actor: str, reasons: str, clock: Clock) -> Request:
    first = request.decided_at or iso(clock.now())
    return replace(request, decided_by=actor, decided_at=first, reasons=reasons)


def _draft(wish: Demand, service: Service, actor: Principal, clock: Clock) -> Request:
    items = wish.items or offered(service)
    unknown = sorted(set(items) - set(offered(service)))
    if unknown:
        raise UserError(
            "share.item.unknown",
            "The service {service} does not offer: {items}.",
            hint="It offers: {offered}.",
            service=service.name,
            items=", ".join(unknown),
            offered=", ".join(offered(service)),
        )
    if not wish.basis.strip() or not wish.purpose.zh.strip() or wish.days < 1:
        raise UserError(
            "share.request.incomplete",
            "A request names its purpose, its basis and for how many days.",
            hint="Add what is missing.",
        )
    return Request(
        id=new_id("q"),
        service=service.name,
        version=service.version,
        provider=service.department,
        consumer=wish.consumer,
        requested_by=actor.account,
        purpose=wish.name,
        purpose_title=Title(wish.purpose.zh, wish.purpose.en),
        basis=wish.basis,
        items=tuple(items),
        days=wish.days,
        sharing=service.sharing.attribute,
        created_at=iso(clock.now()),
    )


def offered(service: Service) -> tuple[str, ...]:
    """Names that a grant of the service may hold: its items, or what it compares."""
    return tuple(item.name for item in service.items) + service.compare


def _service(connection: sa.Connection, name: str) -> Service:
    found = find_service(connection, name)
    if found is None:
        raise UserError(
            "share.service.unknown",
            "There is no published service {service}.",
            hint="List the services for those there are.",
            service=name,
        )
    return found


def _reasons(text: str) -> str:
    if not text.strip():
        raise UserError(
            "share.reasons.missing",
            "This is not done without reasons.",
            hint="Say why.",
        )
    return text.strip()
