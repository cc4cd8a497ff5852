"""Work orders over a workspace: sent from assessments, verified after them, moved by accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.roles import require_role
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.order import OPEN, ErrorReport, Order, OrderState
from cityloom.model.principal import Principal
from cityloom.model.quality import PHASES, Assessment
from cityloom.quality import orders
from cityloom.quality.broken import by_batch, is_kept
from cityloom.quality.broken import positions as broken_positions
from cityloom.quality.score import scores_of
from cityloom.store.orders import list_orders
from cityloom.store.quality import find_assessment, latest_assessments

_WAIT = 60.0
"""Seconds to wait for another process that follows up the same resource."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an order costs: the total score of its table now, and what it would be without the order's broken rows."""

    score: float
    fixed: float


def send(workspace: Workspace, names: Sequence[str] = (), *, actor: str) -> list[Order]:
    """Send orders for what the newest assessments found broken; bring open ones up to date.

    Where a resource was assessed before and after standardising, what standardising mends is no order: only the later
    phase counts.

    Raises:
        DeniedError: ``flows.role.missing``.
    """
    require_role(workspace, actor, "steward")
    return [order for one in _newest(workspace, names) for order in _follow(workspace, one, is_sending=True)]


def check(workspace: Workspace, names: Sequence[str] = ()) -> list[Order]:
    """Verify open orders against the newest assessments, end those on what is no more, mark those that are late.

    Nothing new is sent.
    """
    moved = [order for one in _newest(workspace, names) for order in _follow(workspace, one, is_sending=False)]
    store, clock = workspace.store, workspace.clock
    return [*moved, *orders.lapse_of_gone(workspace.city.resources, store=store, clock=clock), *orders.expire(store=store, clock=clock)]


def report(workspace: Workspace, resource: str, *, item: str, words: str, basis: str, actor: str) -> Order:
    """An error that a user of data reports to the department that provides it.

    Raises:
        UserError: ``flows.order.item``, or as :func:`cityloom.quality.orders.report`.
        DeniedError: ``flows.account.unknown``.
    """
    found = workspace.city.resource(resource)
    if item and item not in {i.name for i in found.items}:
        raise UserError(
            "flows.order.item",
            "{resource} has no item {item}.",
            hint="There are: {known}.",
            resource=resource,
            item=item,
            known=", ".join(i.name for i in found.items),
        )
    wrong = ErrorReport(resource=resource, department=found.department, item=item, words=words, basis=basis)
    return orders.report(wrong, principal(workspace, actor), store=workspace.store, clock=workspace.clock)


def move(workspace: Workspace, order_id: str, verb: str, words: str, *, actor: str) -> Order:
    """Make a move of an order on behalf of an account.

    Raises:
        UserError: as :func:`cityloom.quality.orders.move`.
        DeniedError: ``flows.account.unknown`` or ``model.transition.denied``.
    """
    return orders.move(order_id, verb, principal(workspace, actor), words, store=workspace.store, clock=workspace.clock)


def visible(workspace: Workspace, found: Sequence[Order], actor: Principal) -> list[Order]:
    """The orders that an account may see: of its department, reported by it, or all for stewards and leaders."""
    if sees_all(actor):
        return list(found)
    return [o for o in found if actor.department in (o.department, o.reporter_department)]


def sees_all(actor: Principal) -> bool:
    """Whether an account sees the orders of all departments."""
    return bool({"steward", "leader", "analyst", "audit_administrator"} & set(actor.roles))


def known_states(states: Sequence[str]) -> Sequence[str]:
    """The states, when there are such.

    Raises:
        UserError: ``flows.order.state``.
    """
    unknown = [state for state in states if state not in set(OrderState)]
    if unknown:
        raise UserError(
            "flows.order.state",
            "There is no state {state} of orders.",
            hint="An order is one of: {known}.",
            state=unknown[0][:40],
            known=", ".join(OrderState),
        )
    return states


def check_by(workspace: Workspace, names: Sequence[str] = (), *, actor: str) -> list[Order]:
    """The same on behalf of an account.

    Raises:
        DeniedError: ``flows.role.missing``.
    """
    require_role(workspace, actor, "steward")
    return check(workspace, names)


def positions(workspace: Workspace, order: Order, limit: int = 1000) -> list[tuple[str, int]]:
    """Batch and row of the rows that an order is about, as the newest assessment found them: positions, no values."""
    resource = workspace.city.resources.get(order.resource)
    if resource is None or not is_kept(workspace.lake, resource, order.phase):
        return []
    return broken_positions(workspace.lake, resource, order.phase, order.cause, limit)


def effect(workspace: Workspace, order: Order) -> Effect | None:
    """The effect of an order on its table's score, by the newest assessment; None for a report or a rule that is gone."""
    with workspace.store.read() as connection:
        found = find_assessment(connection, order.resource, order.phase) if order.kind == "quality" else None
    if found is None or order.cause not in {r.rule for r in found.results}:
        return None
    whole = [replace(r, score=1.0) if r.rule == order.cause else r for r in found.results]
    scores = scores_of(whole, workspace.city.scoring)
    return Effect(score=found.total.score, fixed=next(s.score for s in scores if s.dimension == "total"))


def principal(workspace: Workspace, account: str) -> Principal:
    """An account of the definitions as an actor.

    Raises:
        DeniedError: ``flows.account.unknown``.
    """
    found = workspace.city.accounts.get(account)
    if found is None:
        raise DeniedError(
            "flows.account.unknown",
            "There is no account {account}.",
            hint="Name one of the definitions' accounts with --as.",
            account=account,
        )
    return Principal(account=found.name, department=found.department, roles=found.roles)


def _newest(workspace: Workspace, names: Sequence[str]) -> Iterator[Assessment]:
    """Of each resource the assessment of the latest phase, when it is of the table's newest version."""
    chosen: dict[str, Assessment] = {}
    with workspace.store.read() as connection:
        for phase in PHASES:
            chosen |= {a.resource: a for a in latest_assessments(connection, phase)}
    known = workspace.city.resources
    for name in names:
        workspace.city.resource(name)
    yield from (a for name, a in sorted(chosen.items()) if name in known and name in (names or known))


def _follow(workspace: Workspace, one: Assessment, *, is_sending: bool) -> list[Order]:
    with workspace.store.read() as connection:
        has_open = bool(list_orders(connection, resource=one.resource, kind="quality", states=OPEN))
    if not is_sending and not has_open:
        return []
    resource = workspace.city.resources[one.resource]
    rules = [r.rule for r in one.results if r.broken]
    where = by_batch(workspace.lake, resource, one.phase, rules) if is_kept(workspace.lake, resource, one.phase) else {}
    with workspace.lock(f"orders:{one.resource}", wait=_WAIT):
        return orders.follow_up(
            one,
            resource.department,
            store=workspace.store,
            clock=workspace.clock,
            batches=where,
            is_sending=is_sending,
        )
