"""Work orders with their moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.order import Order, OrderMove
from cityloom.store.database import metadata

order_table = sa.Table(
    "work_order",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("department", sa.String(40), nullable=False, index=True),
    sa.Column("resource", sa.String(80), nullable=False, index=True),
    sa.Column("cause", sa.String(200), nullable=False),
    sa.Column("dimension", sa.String(20), nullable=False),
    sa.Column("severity", sa.String(8), nullable=False),
    sa.Column("phase", sa.String(8), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("checked", sa.BigInteger, nullable=False),
    sa.Column("broken", sa.BigInteger, nullable=False),
    sa.Column("first_broken", sa.BigInteger, nullable=False),
    sa.Column("batches", sa.JSON, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("item", sa.String(80), nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("reported_by", sa.String(80), nullable=False),
    sa.Column("reporter_department", sa.String(40)),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("opened_at", sa.String(32), nullable=False),
    sa.Column("deadline", sa.String(32), nullable=False),
    sa.Column("changed_at", sa.String(32), nullable=False),
    sa.Column("closed_at", sa.String(32)),
    sa.Column("returns", sa.Integer, nullable=False),
)
order_move_table = sa.Table(
    "work_order_move",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("order", sa.String(40), nullable=False, index=True),
    sa.Column("verb", sa.String(20), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("target", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
)


def put_order(connection: sa.Connection, order: Order) -> None:
    """Write an order's record anew."""
    values = {**asdict(order), "batches": dict(order.batches), "columns": list(order.columns)}
    if not connection.execute(order_table.update().where(order_table.c.id == order.id).values(**values)).rowcount:
        connection.execute(order_table.insert().values(**values))


def find_order(connection: sa.Connection, order_id: str, *, is_locked: bool = False) -> Order | None:
    """One order; ``is_locked`` keeps others from moving it until the transaction ends."""
    query = sa.select(order_table).where(order_table.c.id == order_id)
    row = connection.execute(query.with_for_update() if is_locked else query).mappings().first()
    return _order(row) if row else None


def list_orders(
    connection: sa.Connection,
    *,
    department: str | None = None,
    resource: str | None = None,
    kind: str | None = None,
    states: Sequence[str] = (),
    is_locked: bool = False,
) -> list[Order]:
    """Orders, those that are due first; ``is_locked`` keeps others from moving them until the transaction ends."""
    t = order_table
    query = sa.select(t).order_by(t.c.deadline, t.c.id)
    if is_locked:
        query = query.with_for_update()
    for column, value in ((t.c.department, department), (t.c.resource, resource), (t.c.kind, kind)):
        if value is not None:
            query = query.where(column == value)
    if states:
        query = query.where(t.c.state.in_(states))
    return [_order(row) for row in connection.execute(query).mappings()]


def add_order_move(connection: sa.Connection, move: OrderMove) -> None:
    """Keep a move of an order."""
    connection.execute(order_move_table.insert().values(**asdict(move)))


def list_order_moves(connection: sa.Connection, order_id: str) -> list[OrderMove]:
    """An order's moves, first to last."""
    t = order_move_table
    query = sa.select(t).where(t.c.order == order_id).order_by(t.c.number)
    fields = OrderMove.__dataclass_fields__
    return [OrderMove(**{k: row[k] for k in fields}) for row in connection.execute(query).mappings()]


def last_moves(connection: sa.Connection, *verbs: str) -> dict[str, str]:
    """By order the time of its last move of these kinds."""
    t = order_move_table
    query = sa.select(t.c.order, sa.func.max(t.c.at).label("at")).where(t.c.verb.in_(verbs)).group_by(t.c.order)
    return {row.order: row.at for row in connection.execute(query)}


def _order(row: Any) -> Order:
    values = {k: row[k] for k in Order.__dataclass_fields__}
    return Order(**{**values, "columns": tuple(row["columns"])})
