"""Applied definitions with all their versions: what the platform works by, whatever the folder says by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cityloom.store.database import metadata

definition_table = sa.Table(
    "definition",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("applied_at", sa.String(32), nullable=False),
    sa.Column("applied_by", sa.String(80), nullable=False),
)


@dataclass(frozen=True)
class Stored:
    """A definition as it was applied; ``state`` is ``current``, ``past`` or ``removed``."""

    kind: str
    name: str
    version: int
    digest: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What applying would do to one definition: ``add``, ``change`` or ``remove``."""

    action: str
    kind: str
    name: str


def current(connection: sa.Connection) -> list[Stored]:
    """The definitions in force, by kind and name."""
    t = definition_table
    query = sa.select(t).where(t.c.state == "current").order_by(t.c.kind, t.c.name)
    return [
        Stored(r["kind"], r["name"], r["version"], r["digest"], r["body"]) for r in connection.execute(query).mappings()
    ]


def stamp(connection: sa.Connection) -> tuple[str, int]:
    """What tells that the definitions in force are others than before: when the newest was applied, and how many there are."""
    t = definition_table
    row = connection.execute(
        sa.select(sa.func.max(t.c.applied_at), sa.func.count()).where(t.c.state == "current")
    ).one()
    return row[0] or "", int(row[1])


def plan(connection: sa.Connection, wanted: Mapping[tuple[str, str], str]) -> list[Change]:
    """What must change for the digests in force to be the wanted ones, by (kind, name)."""
    have = {(s.kind, s.name): s.digest for s in current(connection)}
    changes = [Change("add", *key) for key in wanted.keys() - have.keys()]
    changes += [Change("remove", *key) for key in have.keys() - wanted.keys()]
    changes += [Change("change", *key) for key in have.keys() & wanted.keys() if have[key] != wanted[key]]
    return sorted(changes, key=lambda c: (c.kind, c.name))


def carry_out(
    connection: sa.Connection,
    changes: Sequence[Change],
    bodies: Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]],
    *,
    at: str,
    by: str,
) -> None:
    """Bring the changes into force; ``bodies`` gives (digest, body) by (kind, name). Older versions are kept."""
    t = definition_table
    for change in changes:
        key = (change.kind, change.name)
        same = sa.and_(t.c.kind == change.kind, t.c.name == change.name)
        last = connection.execute(sa.select(sa.func.max(t.c.version)).where(same)).scalar() or 0
        state = "removed" if change.action == "remove" else "past"
        connection.execute(t.update().where(same, t.c.state == "current").values(state=state))
        if change.action != "remove":
            digest, body = bodies[key]
            connection.execute(
                t.insert().values(
                    kind=change.kind,
                    name=change.name,
                    version=last + 1,
                    state="current",
                    digest=digest,
                    body=dict(body),
                    applied_at=at,
                    applied_by=by,
                )
            )
