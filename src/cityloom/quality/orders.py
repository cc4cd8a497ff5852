"""Work orders: broken rows become a department's task with a deadline, and the next batch tells whether it is done.

An order stands for one cause, a rule on a resource; it is not sent again while it is open. Who may move it and when
stands in :data:`cityloom.model.order.TRANSITIONS`; a move, its history and its audit event are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import UserError
from cityloom.kernel.ids import new_id
from cityloom.kernel.workdays import ChineseCalendar, WorkCalendar, deadline
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.order import OPEN, TRANSITIONS, ErrorReport, Order, OrderFigures, OrderMove, OrderState
from cityloom.model.principal import Principal
from cityloom.model.quality import Assessment, RuleResult
from cityloom.model.transition import check_actor, transition
from cityloom.model.transition import diagram as _diagram
from cityloom.quality.spoken import check_words
from cityloom.store import audit
from cityloom.store.database import Store
from cityloom.store.orders import add_order_move, find_order, last_moves, list_orders, put_order

RULE = "rule"
"""Name of the actor where a move follows from a check or the calendar."""
DAYS: Mapping[str, int] = {"high": 3, "medium": 5, "low": 10}
"""Working days to fix what is wrong, by severity."""
REPORT_DAYS = 5
"""Working days in which a reported error is answered."""
ESCALATED_DAYS = 3
"""Working days after its deadline an order goes to the authority."""
_NEEDS_WORDS = frozenset({"fix", "dispute", "insist", "withdraw", "return"})
NO_RULE = "The rule no longer counts for this resource."
NO_RESOURCE = "The resource is no longer among the definitions."
STILL_BROKEN = "The check of the next batch still finds broken rows."
"""What is said with moves that no person makes."""
_BEGINNING = 80
"""Characters of a report's words that stand for its cause in lists."""
Batches = Mapping[str, Mapping[str, int]]
"""By rule: broken rows by batch."""


def follow_up(
    assessment: Assessment,
    department: str,
    *,
    store: Store,
    clock: Clock,
    batches: Batches | None = None,
    calendar: WorkCalendar | None = None,
    is_sending: bool = True,
) -> list[Order]:
    """Bring the orders of a resource up to its newest assessment; returns those that changed.

    A rule that is broken and has no open order gets one, where orders are being sent. An open one is brought up to date,
    also from the rows as they came to the standard ones; one said to be fixed is verified and closed when no row is
    broken any more, and goes back when a newer version has broken rows; what vanished without a word is verified too,
    and an order on a rule that no longer counts lapses. What a steward withdrew is sent again only when more rows are
    broken than then.
    """
    changed: list[Order] = []
    with store.write() as connection:
        found = list_orders(connection, resource=assessment.resource, kind="quality", states=OPEN, is_locked=True)
        open_ones = {o.cause: o for o in found if _is_seen(o, assessment)}
        known = {o.cause for o in found}
        borne = _withdrawn(connection, assessment.resource) if is_sending else {}
        for result in assessment.results:
            order = open_ones.pop(result.rule, None)
            where = (batches or {}).get(result.rule, {})
            if result.rule not in known and result.broken > borne.get(result.rule, 0) and is_sending:
                new = _opened(assessment, result, department, where, clock, calendar)
                changed.append(_begin(connection, new, RULE, "", clock))
            elif order is not None:
                own = replace(order, department=department)
                moved = _checked(connection, own, assessment, result, where, clock, calendar)
                changed += [moved] if moved != order else []
        changed += [_record(connection, gone, "lapse", RULE, NO_RULE, clock) for gone in open_ones.values()]
    return changed


def lapse_of_gone(known: Collection[str], *, store: Store, clock: Clock) -> list[Order]:
    """End the open orders on resources that are not among the known ones; returns them."""
    with store.write() as connection:
        found = [o for o in list_orders(connection, kind="quality", states=OPEN, is_locked=True) if o.resource not in known]
        return [_record(connection, gone, "lapse", RULE, NO_RESOURCE, clock) for gone in found]


def report(
    wrong: ErrorReport, actor: Principal, *, store: Store, clock: Clock, calendar: WorkCalendar | None = None
) -> Order:
    """An error that a user of data met, sent to the department that answers for the data.

    Raises:
        UserError: as :func:`cityloom.quality.spoken.check_words`.
    """
    check_words(wrong.words, "report")
    check_words(wrong.basis, "report", is_needed=False)
    now = clock.now()
    order = Order(
        id=new_id("o"),
        kind="report",
        department=wrong.department,
        resource=wrong.resource,
        cause=_beginning(wrong.words),
        item=wrong.item,
        basis=wrong.basis,
        reported_by=actor.account,
        reporter_department=actor.department,
        opened_at=iso(now),
        changed_at=iso(now),
        deadline=iso(deadline(now, REPORT_DAYS, calendar or ChineseCalendar())),
    )
    with store.write() as connection:
        return _begin(connection, order, actor.account, wrong.words, clock)


def move(
    order_id: str,
    verb: str,
    actor: Principal,
    words: str,
    *,
    store: Store,
    clock: Clock,
    calendar: WorkCalendar | None = None,
) -> Order:
    """Make a move of an order on behalf of a person.

    Raises:
        UserError: ``quality.order.unknown``, ``model.transition.impossible``, or as
            :func:`cityloom.quality.spoken.check_words`.
        DeniedError: ``model.transition.denied``.
    """
    with store.write() as connection:
        order = _late(connection, load(connection, order_id), clock)
        step = transition(TRANSITIONS, verb, order.state)
        check_actor(step, actor, consumer=order.reporter_department, provider=order.department)
        check_words(words, verb, is_needed=verb in _NEEDS_WORDS)
        order = replace(order, returns=order.returns + (verb == "return"))
        if step.target == OrderState.SENT:
            order = replace(order, deadline=_due(order, clock, calendar))
        return _record(connection, order, verb, actor.account, words, clock)


def expire(*, store: Store, clock: Clock, calendar: WorkCalendar | None = None) -> list[Order]:
    """Mark orders past their deadline as overdue, and those long past it as escalated; returns those that moved."""
    moved: dict[str, Order] = {}
    now = clock.now()
    with store.write() as connection:
        for order in list_orders(connection, states=(OrderState.SENT, OrderState.ACCEPTED, OrderState.OVERDUE), is_locked=True):
            late = _late(connection, order, clock)
            due = datetime.fromisoformat(late.deadline)
            if late.state == OrderState.OVERDUE and deadline(due, ESCALATED_DAYS, calendar or ChineseCalendar()) <= now:
                late = _record(connection, late, "escalate", RULE, "", clock)
            if late != order:
                moved[order.id] = late
    return list(moved.values())


def load(connection: sa.Connection, order_id: str) -> Order:
    """An order, held until the transaction ends.

    Raises:
        UserError: ``quality.order.unknown``.
    """
    found = find_order(connection, order_id, is_locked=True)
    if found is None:
        raise UserError(
            "quality.order.unknown",
            "There is no work order {order}.",
            hint="List them with `cityloom orders list`.",
            order=order_id,
        )
    return found


def figures(connection: sa.Connection) -> list[OrderFigures]:
    """Statistics of every department with orders, by name, and of all under an empty name at the end."""
    orders = list_orders(connection)
    fixed, late = last_moves(connection, "fix", "vanish"), last_moves(connection, "expire")
    names = sorted({o.department for o in orders})
    found = [_figures(name, [o for o in orders if o.department == name], fixed, late) for name in names]
    return [*found, _figures("", orders, fixed, late)]


def diagram() -> str:
    """The moves as a Mermaid state diagram."""
    return _diagram(TRANSITIONS, OrderState.SENT)


def _figures(department: str, orders: Sequence[Order], fixed: Mapping[str, str], late: Collection[str]) -> OrderFigures:
    """Done is what was fixed and was not sent back; in time, what was never late on the way."""
    done = [o for o in orders if o.id in fixed and o.state in (OrderState.FIXED, OrderState.VERIFIED, OrderState.CLOSED)]
    in_time = [o for o in done if o.id not in late]
    days = [_days(o.opened_at, fixed[o.id]) for o in done]
    return OrderFigures(
        department=department,
        all=len(orders),
        open=sum(o.state in OPEN for o in orders),
        overdue=sum(o.state in (OrderState.OVERDUE, OrderState.ESCALATED) for o in orders),
        closed=sum(o.state not in OPEN for o in orders),
        disputed=sum(o.state == OrderState.DISPUTED for o in orders),
        returned=sum(o.returns for o in orders),
        fixed_in_time=len(in_time),
        on_time_rate=len(in_time) / len(done) if done else None,
        mean_days=sum(days) / len(days) if days else None,
        rows=sum(o.broken for o in orders if o.state in OPEN),
    )


def _days(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 86_400


def _opened(
    assessment: Assessment,
    result: RuleResult,
    department: str,
    where: Mapping[str, int],
    clock: Clock,
    calendar: WorkCalendar | None,
) -> Order:
    now = clock.now()
    order = Order(
        id=new_id("o"),
        kind="quality",
        department=department,
        resource=assessment.resource,
        cause=result.rule,
        dimension=result.dimension,
        severity=result.severity,
        phase=assessment.phase,
        version=assessment.version,
        checked=result.checked,
        broken=result.broken,
        first_broken=result.broken,
        batches=dict(where),
        columns=result.columns,
        opened_at=iso(now),
        changed_at=iso(now),
    )
    return replace(order, deadline=_due(order, clock, calendar))


def _due(order: Order, clock: Clock, calendar: WorkCalendar | None) -> str:
    """The deadline of an order that is sent now."""
    days = REPORT_DAYS if order.kind == "report" else DAYS.get(order.severity, DAYS["medium"])
    return iso(deadline(clock.now(), days, calendar or ChineseCalendar()))


def _late(connection: sa.Connection, order: Order, clock: Clock) -> Order:
    """The order, overdue where its deadline has passed and nobody noticed yet."""
    is_waiting = order.state in (OrderState.SENT, OrderState.ACCEPTED)
    if not is_waiting or order.deadline > iso(clock.now()):
        return order
    return _record(connection, order, "expire", RULE, "", clock)


def _withdrawn(connection: sa.Connection, resource: str) -> dict[str, int]:
    """By rule the broken rows with which its last order was withdrawn; nothing of rules whose last order ended otherwise."""
    taken_back = last_moves(connection, "withdraw")
    ended = [o for o in list_orders(connection, resource=resource, kind="quality") if o.closed_at]
    last = {o.cause: o for o in sorted(ended, key=lambda o: o.closed_at or "")}
    return {cause: o.broken for cause, o in last.items() if o.id in taken_back}


def _is_seen(order: Order, assessment: Assessment) -> bool:
    """Whether an assessment says something of an order: one that is older, of other rows, does not."""
    is_same = order.phase == assessment.phase and order.version <= assessment.version
    return is_same or assessment.at > order.changed_at


def _beginning(words: str) -> str:
    text = " ".join(words.split())
    return text if len(text) <= _BEGINNING else f"{text[:_BEGINNING]}…"


def _checked(
    connection: sa.Connection,
    order: Order,
    assessment: Assessment,
    result: RuleResult,
    where: Mapping[str, int],
    clock: Clock,
    calendar: WorkCalendar | None,
) -> Order:
    """An open order after its rule was assessed anew; the same one where nothing is new."""
    is_newer = (order.phase, order.version) != (assessment.phase, assessment.version)
    newer = replace(
        order,
        phase=assessment.phase,
        version=assessment.version,
        checked=result.checked,
        broken=result.broken,
        batches=dict(where),
    )
    if not result.broken and order.state != OrderState.DISPUTED:
        late = _late(connection, newer, clock)
        verified = _record(connection, late, "verify" if late.state == OrderState.FIXED else "vanish", RULE, "", clock)
        return _record(connection, verified, "close", RULE, "", clock)
    if order.state == OrderState.FIXED and is_newer:
        returned = replace(newer, returns=order.returns + 1, deadline=_due(order, clock, calendar))
        return _record(connection, returned, "return", RULE, STILL_BROKEN, clock)
    put_order(connection, newer)
    return newer


def _begin(connection: sa.Connection, order: Order, actor: str, words: str, clock: Clock) -> Order:
    put_order(connection, order)
    first = OrderMove(
        order=order.id, verb="send", source="", target=order.state, actor=actor, at=order.opened_at, words=words
    )
    add_order_move(connection, first)
    _audit(connection, order, "send", actor, clock)
    return order


def _record(connection: sa.Connection, order: Order, verb: str, actor: str, words: str, clock: Clock) -> Order:
    """The move itself: state, history and audit event together."""
    step = transition(TRANSITIONS, verb, order.state)
    now = iso(clock.now())
    closed = now if step.target == OrderState.CLOSED else order.closed_at
    moved = replace(order, state=step.target, changed_at=now, closed_at=closed)
    put_order(connection, moved)
    add_order_move(
        connection,
        OrderMove(order=order.id, verb=verb, source=step.source, target=step.target, actor=actor, at=now, words=words),
    )
    _audit(connection, moved, verb, actor, clock)
    return moved


def _audit(connection: sa.Connection, order: Order, verb: str, actor: str, clock: Clock) -> None:
    details: dict[str, str | int] = {"order": order.id, "verb": verb, "state": str(order.state), "broken": order.broken}
    event = AuditEvent(kind=EventKind.ORDER_MOVED, actor=actor, subject=order.resource, details=details)
    audit.append(connection, event, clock)
