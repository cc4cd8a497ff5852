"""Persons' judgements on identity: a source row is, or is not, the object of a key. Kept, and reversible."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from cityloom.store.database import metadata

judgement_table = sa.Table(
    "judgement",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("object_type", sa.String(80), nullable=False, index=True),
    sa.Column("department", sa.String(80), nullable=False),
    sa.Column("resource", sa.String(80), nullable=False),
    sa.Column("batch", sa.String(40), nullable=False),
    sa.Column("row", sa.BigInteger, nullable=False),
    sa.Column("item", sa.String(80), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("is_same", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("judged_by", sa.String(80), nullable=False),
    sa.Column("judged_at", sa.String(32), nullable=False),
    sa.Column("reversed_by", sa.String(80)),
    sa.Column("reversed_at", sa.String(32)),
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """认定: a person's word that a row is (``is_same``) or is not the object of ``key``.

    ``item`` is the key item through which the row speaks of the object (``male_id``, ``female_id``).
    """

    id: str
    object_type: str
    department: str
    resource: str
    batch: str
    row: int
    item: str
    key: str
    is_same: bool
    reason: str
    judged_by: str
    judged_at: str
    reversed_by: str | None = None
    reversed_at: str | None = None


def put_judgement(connection: sa.Connection, judgement: Judgement) -> None:
    """Record a judgement; those standing on the same row and item that it contradicts are reversed by it:
    another object said to be the same, or the opposite said of the same object."""
    t = judgement_table
    here = sa.and_(
        *(t.c[n] == getattr(judgement, n) for n in ("object_type", "department", "resource", "batch", "row", "item"))
    )
    opposite = sa.and_(t.c.key == judgement.key, t.c.is_same != judgement.is_same)
    against = sa.or_(opposite, t.c.is_same) if judgement.is_same else opposite
    connection.execute(
        t.update()
        .where(here, against, t.c.reversed_at.is_(None))
        .values(reversed_by=judgement.judged_by, reversed_at=judgement.judged_at)
    )
    connection.execute(t.insert().values(**asdict(judgement)))


def reverse_judgement(connection: sa.Connection, judgement_id: str, *, by: str, at: str) -> bool:
    """Take a judgement back; says whether it stood."""
    t = judgement_table
    done = connection.execute(
        t.update().where(t.c.id == judgement_id, t.c.reversed_at.is_(None)).values(reversed_by=by, reversed_at=at)
    )
    return bool(done.rowcount)


def list_judgements(connection: sa.Connection, object_type: str, *, is_standing: bool = True) -> list[Judgement]:
    """Judgements on an object type, oldest first; only those not reversed unless told otherwise."""
    t = judgement_table
    query = sa.select(t).where(t.c.object_type == object_type).order_by(t.c.judged_at, t.c.id)
    if is_standing:
        query = query.where(t.c.reversed_at.is_(None))
    return [Judgement(**row) for row in connection.execute(query).mappings()]
