"""Work orders and reported errors over HTTP, for the systems of departments and of users of data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from cityloom.api.callers import Caller
from cityloom.flows import broken_rows
from cityloom.flows import orders as flow
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DeniedError
from cityloom.model.order import Order
from cityloom.model.principal import Principal
from cityloom.quality import orders
from cityloom.store.orders import list_order_moves, list_orders

router = APIRouter(tags=["orders"])
Form = Annotated[str, Query(alias="format", pattern="^(csv|xlsx)$")]
_MEDIA = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
Words = Annotated[str, Field(max_length=2000)]


class Said(BaseModel):
    """What is said with a move."""

    model_config = ConfigDict(extra="forbid")

    words: Words = ""


class Wrong(BaseModel):
    """An error in data: which resource, what is wrong (no value of a person), how one knows."""

    model_config = ConfigDict(extra="forbid")

    resource: Annotated[str, Field(max_length=80)]
    words: Annotated[str, Field(min_length=1, max_length=2000)]
    item: Annotated[str, Field(max_length=80)] = ""
    basis: Words = ""


class Resources(BaseModel):
    """Which resources; all when none is named."""

    model_config = ConfigDict(extra="forbid")

    resources: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=1000)] = []


@router.get("/api/v1/orders")
def show_orders(
    who: Caller, state: Annotated[list[str] | None, Query()] = None, resource: Annotated[str | None, Query(max_length=80)] = None
) -> list[dict[str, Any]]:
    """List the work orders that the caller's department is concerned with, those that are due first."""
    at, actor = who
    with at.store.read() as connection:
        found = list_orders(connection, states=flow.known_states(state or ()), resource=resource)
    return [asdict(one) for one in flow.visible(at, found, actor)]


@router.post("/api/v1/orders", status_code=201)
def send_orders(which: Resources, who: Caller) -> list[dict[str, Any]]:
    """Send orders for what the newest assessments found broken, as a steward; the answer is what was sent or changed."""
    at, actor = who
    return [asdict(one) for one in flow.send(at, which.resources, actor=actor.account)]


@router.post("/api/v1/orders/check")
def check_orders(which: Resources, who: Caller) -> list[dict[str, Any]]:
    """Check open orders against the newest assessments and the calendar, as a steward; the answer is what moved."""
    at, actor = who
    return [asdict(one) for one in flow.check_by(at, which.resources, actor=actor.account)]


@router.get("/api/v1/orders/figures")
def show_figures(who: Caller) -> list[dict[str, Any]]:
    """Statistics of orders by department, at the end of all under an empty name; a department sees its own."""
    at, actor = who
    with at.store.read() as connection:
        found = orders.figures(connection)
    return [asdict(one) for one in found if flow.sees_all(actor) or one.department == actor.department]


@router.get("/api/v1/orders/{order}")
def show_order(order: str, who: Caller) -> dict[str, Any]:
    """An order with its moves, where its rows stand, and what its fix would do to the score."""
    at, actor = who
    with at.store.read() as connection:
        found = orders.load(connection, order)
        moves = list_order_moves(connection, order)
    _visible(at, found, actor)
    rows = flow.positions(at, found) if found.kind == "quality" else []
    gain = flow.effect(at, found)
    return {"order": asdict(found), "moves": [asdict(m) for m in moves], "rows": rows, "effect": asdict(gain) if gain else None}


@router.get("/api/v1/orders/{order}/rows")
def show_order_rows(order: str, who: Caller, form: Form = "csv") -> StreamingResponse:
    """The rows of an order as a file, with values for whoever may see them."""
    at, actor = who
    with at.store.read() as connection:
        found = _visible(at, orders.load(connection, order), actor)
    target = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been sent
    try:
        broken_rows.write(at, broken_rows.asked_of(found), target, form, actor=actor.account)
    except BaseException:
        target.close()
        raise
    target.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="{order}.{form}"'}
    return StreamingResponse(_blocks(target), media_type=_MEDIA[form], headers=headers)


@router.post("/api/v1/orders/{order}/{verb}")
def move_order(order: str, verb: str, said: Said, who: Caller) -> dict[str, Any]:
    """Make a move of an order: accept, fix, dispute, return; stewards also insist, withdraw, verify, close."""
    at, actor = who
    with at.store.read() as connection:
        _visible(at, orders.load(connection, order), actor)
    return asdict(orders.move(order, verb, actor, said.words, store=at.store, clock=at.clock))


@router.post("/api/v1/reports", status_code=201)
def report_error(wrong: Wrong, who: Caller) -> dict[str, Any]:
    """Report an error in data to the department that answers for it; the answer is an order with a deadline."""
    at, actor = who
    made = flow.report(
        at, wrong.resource, item=wrong.item, words=wrong.words, basis=wrong.basis, actor=actor.account
    )
    return asdict(made)


def _visible(at: Workspace, found: Order, actor: Principal) -> Order:
    if not flow.visible(at, [found], actor):
        raise DeniedError(
            "api.order.foreign",
            "This order is of another department.",
            hint="See your own at /api/v1/orders.",
        )
    return found


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(1 << 16):
            yield block
