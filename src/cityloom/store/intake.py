"""Deliveries that departments brought: by key, with what became of them and the answer that was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cityloom.store.database import metadata

delivery_table = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False, index=True),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("way", sa.String(16), nullable=False),
    sa.Column("attempt", sa.String(40), nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False, index=True),
    sa.Column("ticket", sa.String(64)),
    sa.Column("batch", sa.String(40)),
    sa.Column("answer", sa.JSON, nullable=False),
)
signature_table = sa.Table(
    "receipt_signature",
    metadata,
    sa.Column("batch", sa.String(40), primary_key=True),
    sa.Column("signer", sa.String(80), primary_key=True),
    sa.Column("vkey", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
OPEN = ("checked",)


@dataclass(frozen=True, kw_only=True)
class StoredDelivery:
    """A delivery's record.

    ``id`` is made of resource and ``key``; ``way`` push, upload, form or correct; ``attempt`` names its folder in
    the inbox; ``state`` is ``checked`` (in the inbox, not in the lake), ``landed``, ``refused`` or ``dropped``;
    ``ticket`` the digest of what confirms it; ``answer`` what the sender was told.
    """

    id: str
    resource: str
    key: str
    way: str
    attempt: str
    origin: str
    digest: str
    size: int
    state: str
    account: str
    at: str
    ticket: str | None = None
    batch: str | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A department's own signature over a receipt: its public key, the signed note, who brought it."""

    batch: str
    signer: str
    vkey: str
    note: str
    account: str
    at: str


def put_delivery(connection: sa.Connection, one: StoredDelivery) -> None:
    """Write a delivery's record anew."""
    t = delivery_table
    values = {name: getattr(one, name) for name in StoredDelivery.__dataclass_fields__}
    values["answer"] = dict(one.answer)
    if connection.execute(t.update().where(t.c.id == one.id).values(**values)).rowcount == 0:
        connection.execute(t.insert().values(**values))


def find_delivery(connection: sa.Connection, delivery_id: str, *, is_locked: bool = False) -> StoredDelivery | None:
    """One delivery; ``is_locked`` holds its row until the transaction ends."""
    query = sa.select(delivery_table).where(delivery_table.c.id == delivery_id)
    row = connection.execute(query.with_for_update() if is_locked else query).mappings().first()
    return StoredDelivery(**row) if row else None


def list_deliveries(
    connection: sa.Connection, *, state: str | None = None, before: str | None = None, limit: int = 200
) -> list[StoredDelivery]:
    """Deliveries in a state and older than a moment, oldest first."""
    t = delivery_table
    query = sa.select(t).order_by(t.c.at, t.c.id).limit(limit)
    if state is not None:
        query = query.where(t.c.state == state)
    if before is not None:
        query = query.where(t.c.at < before)
    return [StoredDelivery(**row) for row in connection.execute(query).mappings()]


def put_signature(connection: sa.Connection, one: Signature) -> None:
    """Write a department's signature over a receipt anew."""
    t = signature_table
    connection.execute(t.delete().where(t.c.batch == one.batch, t.c.signer == one.signer))
    values = {name: getattr(one, name) for name in Signature.__dataclass_fields__}
    connection.execute(t.insert().values(**values))


def list_signatures(connection: sa.Connection, batch: str) -> list[Signature]:
    """The departments' signatures over a batch's receipt."""
    t = signature_table
    query = sa.select(t).where(t.c.batch == batch).order_by(t.c.signer)
    return [Signature(**row) for row in connection.execute(query).mappings()]
