"""Versions of data standards and their moves. What is in force stands in the definitions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.lifecycle import StandardMove, StandardVersion
from cityloom.store.database import metadata

standard_version_table = sa.Table(
    "standard_version",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("authors", sa.JSON, nullable=False),
    sa.Column("author_department", sa.String(40), nullable=False),
    sa.Column("changed_at", sa.String(32), nullable=False),
)
standard_move_table = sa.Table(
    "standard_move",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("name", sa.String(120), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("verb", sa.String(24), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("target", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("department", sa.String(40), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
)


def put_version(connection: sa.Connection, one: StandardVersion) -> None:
    """Write a version's record anew."""
    t = standard_version_table
    connection.execute(t.delete().where(t.c.kind == one.kind, t.c.name == one.name, t.c.number == one.number))
    values = {**asdict(one), "body": dict(one.body), "authors": list(one.authors)}
    connection.execute(t.insert().values(**values))


def list_versions(
    connection: sa.Connection,
    *,
    kind: str | None = None,
    name: str | None = None,
    state: str | None = None,
    is_locked: bool = False,
) -> list[StandardVersion]:
    """Versions by kind, name and number; ``is_locked`` keeps others from changing them until the transaction ends."""
    t = standard_version_table
    query = sa.select(t).order_by(t.c.kind, t.c.name, t.c.number)
    for column, wanted in ((t.c.kind, kind), (t.c.name, name), (t.c.state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    rows = connection.execute(query.with_for_update() if is_locked else query).mappings()
    return [_version(row) for row in rows]


def put_move(connection: sa.Connection, move: StandardMove) -> None:
    """Add a move."""
    connection.execute(standard_move_table.insert().values(**asdict(move)))


def list_moves(connection: sa.Connection, kind: str, name: str, number: int | None = None) -> list[StandardMove]:
    """The moves of a standard, or of one version, in their order."""
    t = standard_move_table
    query = sa.select(t).where(t.c.kind == kind, t.c.name == name).order_by(t.c.id)
    if number is not None:
        query = query.where(t.c.number == number)
    fields = tuple(StandardMove.__dataclass_fields__)
    return [StandardMove(**{f: row[f] for f in fields}) for row in connection.execute(query).mappings()]


def _version(row: Any) -> StandardVersion:
    return StandardVersion(**{**row, "authors": tuple(row["authors"])})
