"""Calls of services: what quotas are counted from and what providers are shown."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from cityloom.model.call import Call
from cityloom.store.database import metadata

call_table = sa.Table(
    "call",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("service", sa.String(80), nullable=False, index=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("grant", sa.String(40), nullable=False),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("consumer", sa.String(40), nullable=False),
    sa.Column("purpose", sa.String(200), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("subject", sa.String(80), nullable=False, index=True),
    sa.Index("ix_call_grant_day", "grant", "day", "outcome"),
)


def record_call(connection: sa.Connection, call: Call) -> None:
    """Keep one call."""
    connection.execute(call_table.insert().values(**asdict(call)))


def count_answered(connection: sa.Connection, grant: str, day: str) -> int:
    """Calls that a grant had answered on a day: what its quota is compared with."""
    t = call_table
    query = sa.select(sa.func.count()).where(t.c.grant == grant, t.c.day == day, t.c.outcome == "answered")
    return int(connection.execute(query).scalar_one())


def list_calls(
    connection: sa.Connection,
    *,
    service: str | None = None,
    grant: str | None = None,
    subject: str | None = None,
    limit: int = 200,
) -> list[Call]:
    """Calls of a service, under a grant, about a subject (by keyed digest); newest first."""
    t = call_table
    query = sa.select(t).order_by(t.c.at.desc(), t.c.id).limit(limit)
    for column, value in ((t.c.service, service), (t.c.grant, grant), (t.c.subject, subject)):
        if value is not None:
            query = query.where(column == value)
    fields = Call.__dataclass_fields__
    return [Call(**{k: row[k] for k in fields}) for row in connection.execute(query).mappings()]


def count_calls(connection: sa.Connection) -> list[tuple[str, str, str, int]]:
    """Calls in all by service, consumer and outcome."""
    t = call_table
    keys = (t.c.service, t.c.consumer, t.c.outcome)
    query = sa.select(*keys, sa.func.count()).group_by(*keys).order_by(*keys)
    return [(str(a), str(b), str(c), int(n)) for a, b, c, n in connection.execute(query)]
