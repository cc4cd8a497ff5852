"""Profiles of tables over time: figures of fields; values only as far as their grade lets them be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.profile import FieldProfile, TableProfile
from cityloom.store.database import metadata

profile_table = sa.Table(
    "profile",
    metadata,
    sa.Column("table", sa.String(160), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)


def put_profile(connection: sa.Connection, one: TableProfile) -> None:
    """Write a profile anew: of one version of a table there is one."""
    t = profile_table
    connection.execute(t.delete().where(t.c.table == one.table, t.c.version == one.version))
    connection.execute(t.insert().values(table=one.table, version=one.version, at=one.at, body=asdict(one)))


def find_profile(connection: sa.Connection, table: str, version: int | None = None) -> TableProfile | None:
    """The profile of a version of a table, or of the newest one that was profiled."""
    t = profile_table
    query = sa.select(t.c.body).where(t.c.table == table).order_by(t.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(t.c.version == version)
    row = connection.execute(query).first()
    return _profile(row.body) if row else None


def list_profiles(connection: sa.Connection, table: str, limit: int = 100) -> list[TableProfile]:
    """The profiles of a table, newest version first."""
    t = profile_table
    query = sa.select(t.c.body).where(t.c.table == table).order_by(t.c.version.desc()).limit(limit)
    return [_profile(row.body) for row in connection.execute(query)]


def latest_profiles(connection: sa.Connection) -> list[TableProfile]:
    """The newest profile of every table, by table."""
    t = profile_table
    newest = sa.select(t.c.table, sa.func.max(t.c.version).label("version")).group_by(t.c.table).subquery()
    query = (
        sa.select(t.c.body)
        .join(newest, sa.and_(t.c.table == newest.c.table, t.c.version == newest.c.version))
        .order_by(t.c.table)
    )
    return [_profile(row.body) for row in connection.execute(query)]


def _profile(body: Mapping[str, Any]) -> TableProfile:
    fields = tuple(
        FieldProfile(
            **{
                **one,
                "quantiles": tuple(one["quantiles"]),
                "top": tuple((value, rows) for value, rows in one["top"]),
                "patterns": tuple((form, share) for form, share in one["patterns"]),
            }
        )
        for one in body["fields"]
    )
    lists = {
        "keys": tuple(tuple(key) for key in body["keys"]),
        "dependencies": tuple((tuple(names), other, share) for names, other, share in body["dependencies"]),
        "references": tuple((field, other, key, rate) for field, other, key, rate in body["references"]),
    }
    return TableProfile(**{**body, **lists, "fields": fields})
