"""Batches of collection tasks with their receipts, and the rows that were set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.batch import Batch, ColumnFigures, Receipt, Reject
from cityloom.store.database import metadata

batch_table = sa.Table(
    "batch",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False, index=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("version", sa.Integer),
    sa.Column("position", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("receipt", sa.JSON),
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_batch_resource_origin", "resource", "origin", "number"),
)
reject_table = sa.Table(
    "reject",
    metadata,
    sa.Column("batch", sa.String(40), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False, index=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("row", sa.BigInteger, nullable=False),
    sa.Column("column", sa.Text, nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("content", sa.JSON),
    sa.Column("corrected_by", sa.String(40)),
)


def put_batch(connection: sa.Connection, batch: Batch) -> None:
    """Write a batch's record anew; one that is new gets the next number of all batches."""
    values = asdict(batch)
    t = batch_table
    if connection.execute(t.update().where(t.c.id == batch.id).values(**values)).rowcount:
        return
    number = sa.select(sa.func.coalesce(sa.func.max(t.c.number), 0) + 1).scalar_subquery()
    connection.execute(t.insert().values(**values, number=number))


def find_batch(connection: sa.Connection, batch_id: str) -> Batch | None:
    """One batch by id."""
    row = connection.execute(sa.select(batch_table).where(batch_table.c.id == batch_id)).mappings().first()
    return _batch(row) if row else None


def list_batches(
    connection: sa.Connection,
    resource: str | None = None,
    *,
    origin: str | None = None,
    state: str | None = None,
    limit: int | None = None,
) -> list[Batch]:
    """Batches of a resource (of one origin, in one state), or of all, oldest first; with a limit the newest ones."""
    t = batch_table
    query = sa.select(t).order_by(t.c.number.desc(), t.c.id.desc())
    if resource is not None:
        query = query.where(t.c.resource == resource)
    if origin is not None:
        query = query.where(t.c.origin == origin)
    if state is not None:
        query = query.where(t.c.state == state)
    if limit is not None:
        query = query.limit(limit)
    return [_batch(row) for row in connection.execute(query).mappings()][::-1]


def list_whole(connection: sa.Connection, resource: str) -> list[str]:
    """Ids of a resource's batches without a position: each stands for itself and may be replaced."""
    t = batch_table
    return list(connection.execute(sa.select(t.c.id).where(t.c.resource == resource, t.c.position.is_(None))).scalars())


def last_positions(connection: sa.Connection, resource: str) -> dict[str, str]:
    """By origin the position of the newest batch that stands: where the next slice goes on from."""
    t = batch_table
    stands = sa.and_(t.c.resource == resource, t.c.state == "reconciled", t.c.position.is_not(None))
    newest = sa.select(sa.func.max(t.c.number)).where(stands).group_by(t.c.origin)
    query = sa.select(t.c.origin, t.c.position).where(t.c.number.in_(newest), stands)
    return {row.origin: row.position for row in connection.execute(query)}


def put_rejects(connection: sa.Connection, batch: str, rejects: Sequence[Reject]) -> None:
    """Write anew the rows that a batch set apart."""
    connection.execute(reject_table.delete().where(reject_table.c.batch == batch))
    if rejects:
        connection.execute(
            reject_table.insert(), [{**asdict(one), "number": i} for i, one in enumerate(rejects)]
        )


def list_rejects(connection: sa.Connection, resource: str, limit: int = 1000) -> list[Reject]:
    """Rows set apart by a resource's batches: position and reason."""
    t = reject_table
    query = sa.select(t).where(t.c.resource == resource).order_by(t.c.batch, t.c.number).limit(limit)
    fields = Reject.__dataclass_fields__
    return [Reject(**{k: row[k] for k in fields}) for row in connection.execute(query).mappings()]


def open_rejects(
    connection: sa.Connection, resource: str, batch: str | None = None, *, limit: int = 100_000
) -> list[tuple[int, Reject]]:
    """Rows set apart that did not come in after all, with their number in their batch; not those of a batch that
    another one replaced."""
    t, b = reject_table, batch_table
    query = sa.select(t).join(b, b.c.id == t.c.batch).order_by(b.c.number, t.c.number).limit(limit)
    query = query.where(t.c.resource == resource, t.c.corrected_by.is_(None), b.c.state == "reconciled")
    if batch is not None:
        query = query.where(t.c.batch == batch)
    fields = Reject.__dataclass_fields__
    return [(row["number"], Reject(**{k: row[k] for k in fields})) for row in connection.execute(query).mappings()]


def mark_corrected(connection: sa.Connection, batch: str, numbers: Sequence[int], by: str) -> int:
    """Note that rows set apart by a batch came in with another; returns how many were still open."""
    t, done = reject_table, 0
    for start in range(0, len(numbers), 500):
        some = t.c.number.in_(numbers[start : start + 500])
        done += connection.execute(t.update().where(t.c.batch == batch, some, t.c.corrected_by.is_(None)).values(corrected_by=by)).rowcount
    return done


def count_rejects(connection: sa.Connection, resource: str | None = None) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Rows set apart by resource, batch and code: how many in all, and how many came in after all."""
    t = reject_table
    query = sa.select(t.c.resource, t.c.batch, t.c.code, sa.func.count(), sa.func.count(t.c.corrected_by))
    query = query.group_by(t.c.resource, t.c.batch, t.c.code).order_by(t.c.resource, t.c.batch, t.c.code)
    if resource is not None:
        query = query.where(t.c.resource == resource)
    return {(r[0], r[1], r[2]): (int(r[3]), int(r[4])) for r in connection.execute(query)}


def _batch(row: Any) -> Batch:
    values = {k: row[k] for k in Batch.__dataclass_fields__ if k != "receipt"}
    return Batch(**values, receipt=_receipt(row["receipt"]))


def _receipt(value: dict[str, Any] | None) -> Receipt | None:
    if value is None:
        return None
    sides = {side: tuple(ColumnFigures(**one) for one in value[side]) for side in ("source_columns", "landed_columns")}
    return Receipt(**{**value, **sides})
