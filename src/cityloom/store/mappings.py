"""What stewards decided on the data elements of raw columns: suggestions learn from it."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from cityloom.model.mapping import MappingDecision
from cityloom.store.database import metadata

mapping_decision_table = sa.Table(
    "mapping_decision",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("column", sa.String(200), primary_key=True),
    sa.Column("element", sa.String(120), primary_key=True),
    sa.Column("department", sa.String(40), nullable=False, index=True),
    sa.Column("verdict", sa.String(12), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)


def put_decision(connection: sa.Connection, decision: MappingDecision) -> None:
    """Write a decision; of a column and an element the last one counts."""
    t = mapping_decision_table
    connection.execute(
        t.delete().where(
            t.c.resource == decision.resource, t.c.column == decision.column, t.c.element == decision.element
        )
    )
    connection.execute(t.insert().values(**asdict(decision)))


def list_decisions(connection: sa.Connection, resource: str | None = None) -> list[MappingDecision]:
    """Decisions on all columns, or on a resource's, oldest first."""
    t = mapping_decision_table
    query = sa.select(t).order_by(t.c.at, t.c.resource, t.c.column, t.c.element)
    if resource is not None:
        query = query.where(t.c.resource == resource)
    return [MappingDecision(**row) for row in connection.execute(query).mappings()]
