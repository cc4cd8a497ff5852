"""Health of sources: when each was asked last, how long it took, when it last gave data, what columns its tables had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from cityloom.store.database import metadata

health_table = sa.Table(
    "source_health",
    metadata,
    sa.Column("source", sa.String(120), primary_key=True),
    sa.Column("is_reachable", sa.Boolean),
    sa.Column("checked_at", sa.String(32)),
    sa.Column("latency_ms", sa.Float),
    sa.Column("succeeded_at", sa.String(32)),
    sa.Column("failed_at", sa.String(32)),
    sa.Column("code", sa.String(80)),
    sa.Column("reason", sa.Text),
)
schema_table = sa.Table(
    "source_schema",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("way", sa.String(16), primary_key=True),
    sa.Column("source", sa.String(120), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("seen_at", sa.String(32), nullable=False),
    sa.Column("changed_at", sa.String(32)),
    sa.Column("before", sa.String(64)),
)


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a source was when it was last asked. ``latency_ms`` of its answer; times UTC; ``code`` and ``reason`` of the
    newest failure, empty when it answers."""

    source: str
    is_reachable: bool | None = None
    checked_at: str | None = None
    latency_ms: float | None = None
    succeeded_at: str | None = None
    failed_at: str | None = None
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The columns of what a task collects, with the source's own words for their types where it says them.

    ``way``: ``listing``, as the source declares them, or ``batch``, as they came. ``digest`` of them, ``before`` the
    digest that they had until ``changed_at``.
    """

    resource: str
    way: str
    source: str
    digest: str
    columns: Sequence[Sequence[str]]
    seen_at: str
    changed_at: str | None = None
    before: str | None = None


def put_health(connection: sa.Connection, health: Health) -> None:
    """Write a source's health anew."""
    t = health_table
    values = asdict(health)
    if not connection.execute(t.update().where(t.c.source == health.source).values(**values)).rowcount:
        connection.execute(t.insert().values(**values))


def find_health(connection: sa.Connection, source: str) -> Health:
    """A source's health; all unknown where it was never asked."""
    return list_health(connection).get(source, Health(source=source))


def list_health(connection: sa.Connection) -> dict[str, Health]:
    """Health by source."""
    return {row["source"]: Health(**row) for row in connection.execute(sa.select(health_table)).mappings()}


def put_schema(connection: sa.Connection, schema: Schema) -> None:
    """Write the columns of a task anew."""
    t = schema_table
    values = {**asdict(schema), "columns": [list(c) for c in schema.columns]}
    same = sa.and_(t.c.resource == schema.resource, t.c.way == schema.way)
    if not connection.execute(t.update().where(same).values(**values)).rowcount:
        connection.execute(t.insert().values(**values))


def find_schema(connection: sa.Connection, resource: str, way: str) -> Schema | None:
    """The columns of a task as they were seen last."""
    return next((s for s in list_schemas(connection) if (s.resource, s.way) == (resource, way)), None)


def list_schemas(connection: sa.Connection) -> list[Schema]:
    """The columns of all tasks, by resource."""
    query = sa.select(schema_table).order_by(schema_table.c.resource, schema_table.c.way)
    return [_schema(row) for row in connection.execute(query).mappings()]


def _schema(row: Mapping[str, Any] | sa.RowMapping) -> Schema:
    return Schema(**{**row, "columns": tuple(tuple(c) for c in row["columns"])})
