"""Requests with their moves, and the grants that followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.request import Grant, Move, Request
from cityloom.model.text import Title
from cityloom.store.database import metadata

request_table = sa.Table(
    "request",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("service", sa.String(80), nullable=False, index=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("provider", sa.String(40), nullable=False, index=True),
    sa.Column("consumer", sa.String(40), nullable=False, index=True),
    sa.Column("requested_by", sa.String(80), nullable=False),
    sa.Column("purpose", sa.String(200), nullable=False),
    sa.Column("purpose_title", sa.JSON, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("sharing", sa.String(16), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("submitted_at", sa.String(32)),
    sa.Column("deadline", sa.String(32)),
    sa.Column("decided_by", sa.String(80)),
    sa.Column("decided_at", sa.String(32)),
    sa.Column("reasons", sa.Text),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("disputes", sa.Integer, nullable=False),
)
move_table = sa.Table(
    "request_move",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("request", sa.String(40), nullable=False, index=True),
    sa.Column("verb", sa.String(20), nullable=False),
    sa.Column("source", sa.String(20), nullable=False),
    sa.Column("target", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
)
grant_table = sa.Table(
    "share_grant",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("request", sa.String(40), nullable=False, unique=True),
    sa.Column("service", sa.String(80), nullable=False, index=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("consumer", sa.String(40), nullable=False, index=True),
    sa.Column("requested_by", sa.String(80), nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
    sa.Column("purpose", sa.String(200), nullable=False),
    sa.Column("purpose_title", sa.JSON, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("granted_at", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.String(32), nullable=False),
    sa.Column("quota", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
)


def put_request(connection: sa.Connection, request: Request) -> None:
    """Write a request's record anew."""
    connection.execute(request_table.delete().where(request_table.c.id == request.id))
    connection.execute(request_table.insert().values(**asdict(request)))


def find_request(connection: sa.Connection, request_id: str, *, is_locked: bool = False) -> Request | None:
    """One request; ``is_locked`` keeps others from moving it until the transaction ends."""
    query = sa.select(request_table).where(request_table.c.id == request_id)
    row = connection.execute(query.with_for_update() if is_locked else query).mappings().first()
    return _request(row) if row else None


def list_requests(
    connection: sa.Connection,
    *,
    provider: str | None = None,
    consumer: str | None = None,
    service: str | None = None,
    states: Sequence[str] = (),
) -> list[Request]:
    """Requests to a provider, of a consumer, for a service, in some states; newest first."""
    t = request_table
    query = sa.select(t).order_by(t.c.created_at.desc(), t.c.id)
    for column, value in ((t.c.provider, provider), (t.c.consumer, consumer), (t.c.service, service)):
        if value is not None:
            query = query.where(column == value)
    if states:
        query = query.where(t.c.state.in_(states))
    return [_request(row) for row in connection.execute(query).mappings()]


def add_move(connection: sa.Connection, move: Move) -> None:
    """Keep a move of a request."""
    connection.execute(move_table.insert().values(**asdict(move)))


def list_moves(connection: sa.Connection, request_id: str) -> list[Move]:
    """A request's moves, first to last."""
    t = move_table
    query = sa.select(t).where(t.c.request == request_id).order_by(t.c.number)
    return [Move(**{k: row[k] for k in Move.__dataclass_fields__}) for row in connection.execute(query).mappings()]


def put_grant(connection: sa.Connection, grant: Grant) -> None:
    """Write a grant's record anew."""
    connection.execute(grant_table.delete().where(grant_table.c.id == grant.id))
    connection.execute(grant_table.insert().values(**asdict(grant)))


def move_grant(connection: sa.Connection, grant_id: str, state: str) -> None:
    """Change a grant's state."""
    connection.execute(grant_table.update().where(grant_table.c.id == grant_id).values(state=state))


def find_grant(connection: sa.Connection, grant_id: str, *, is_locked: bool = False) -> Grant | None:
    """One grant; ``is_locked`` makes callers who count against it wait for one another."""
    query = sa.select(grant_table).where(grant_table.c.id == grant_id)
    row = connection.execute(query.with_for_update() if is_locked else query).mappings().first()
    return _grant(row) if row else None


def grant_of_request(connection: sa.Connection, request_id: str) -> Grant | None:
    """The grant that followed from a request."""
    row = connection.execute(sa.select(grant_table).where(grant_table.c.request == request_id)).mappings().first()
    return _grant(row) if row else None


def list_grants(
    connection: sa.Connection, *, consumer: str | None = None, service: str | None = None, states: Sequence[str] = ()
) -> list[Grant]:
    """Grants of a consumer, for a service, in some states; newest first."""
    t = grant_table
    query = sa.select(t).order_by(t.c.granted_at.desc(), t.c.id)
    for column, value in ((t.c.consumer, consumer), (t.c.service, service)):
        if value is not None:
            query = query.where(column == value)
    if states:
        query = query.where(t.c.state.in_(states))
    return [_grant(row) for row in connection.execute(query).mappings()]


def _request(row: Mapping[Any, Any] | sa.RowMapping) -> Request:
    return Request(**_values(row, Request.__dataclass_fields__))


def _grant(row: Mapping[Any, Any] | sa.RowMapping) -> Grant:
    return Grant(**_values(row, Grant.__dataclass_fields__))


def _values(row: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    values = {k: row[k] for k in fields}
    return {**values, "items": tuple(values["items"]), "purpose_title": Title(**values["purpose_title"])}
