"""Results of assessments: counts per rule and scores per dimension. No value of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.store.database import metadata

assessment_table = sa.Table(
    "assessment",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("phase", sa.String(8), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("table", sa.String(160), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
result_table = sa.Table(
    "rule_result",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("phase", sa.String(8), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("rule", sa.String(160), nullable=False),
    sa.Column("plugin", sa.String(40), nullable=False),
    sa.Column("dimension", sa.String(20), nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("severity", sa.String(8), nullable=False),
    sa.Column("checked", sa.BigInteger, nullable=False),
    sa.Column("broken", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
)
score_table = sa.Table(
    "score",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("phase", sa.String(8), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("dimension", sa.String(20), nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("light", sa.String(8), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
)


def put_assessment(connection: sa.Connection, one: Assessment) -> None:
    """Write an assessment anew: of one resource, phase and version there is one."""
    key = {"resource": one.resource, "phase": one.phase, "version": one.version}
    for table in (assessment_table, result_table, score_table):
        connection.execute(table.delete().where(*(table.c[name] == value for name, value in key.items())))
    connection.execute(assessment_table.insert().values(**key, table=one.table, rows=one.rows, at=one.at))
    for table, rows in (
        (result_table, [{**key, "number": i, **asdict(part)} for i, part in enumerate(one.results)]),
        (score_table, [{**key, "number": i, **asdict(part)} for i, part in enumerate(one.scores)]),
    ):
        if rows:
            connection.execute(table.insert(), rows)


def find_assessment(
    connection: sa.Connection, resource: str, phase: str, version: int | None = None
) -> Assessment | None:
    """An assessment of a resource: of that version of its table, or the newest version's."""
    t = assessment_table
    query = sa.select(t).where(t.c.resource == resource, t.c.phase == phase).order_by(t.c.version.desc())
    if version is not None:
        query = query.where(t.c.version == version)
    row = connection.execute(query.limit(1)).mappings().first()
    return _assessment(connection, row) if row else None


def list_assessments(connection: sa.Connection, resource: str | None = None) -> list[Assessment]:
    """All assessments, or a resource's, by resource, phase and version: the trend."""
    t = assessment_table
    query = sa.select(t).order_by(t.c.resource, t.c.phase, t.c.version)
    if resource is not None:
        query = query.where(t.c.resource == resource)
    return [_assessment(connection, row) for row in connection.execute(query).mappings().all()]


def latest_assessments(connection: sa.Connection, phase: str) -> list[Assessment]:
    """The newest assessment of every resource in a phase, by resource."""
    t = assessment_table
    newest = (
        sa.select(t.c.resource, sa.func.max(t.c.version).label("version"))
        .where(t.c.phase == phase)
        .group_by(t.c.resource)
        .subquery()
    )
    query = (
        sa.select(t)
        .join(newest, sa.and_(t.c.resource == newest.c.resource, t.c.version == newest.c.version))
        .where(t.c.phase == phase)
        .order_by(t.c.resource)
    )
    return [_assessment(connection, row) for row in connection.execute(query).mappings().all()]


def assessments_before(
    connection: sa.Connection, phase: str, moment: str, names: Sequence[str]
) -> list[Assessment]:
    """The newest assessment of each of these resources in a phase that was made before a moment (UTC, ISO), by resource."""
    t = assessment_table
    newest = (
        sa.select(t.c.resource, sa.func.max(t.c.at).label("at"))
        .where(t.c.phase == phase, t.c.at < moment, t.c.resource.in_(names))
        .group_by(t.c.resource)
        .subquery()
    )
    query = (
        sa.select(t)
        .join(newest, sa.and_(t.c.resource == newest.c.resource, t.c.at == newest.c.at))
        .where(t.c.phase == phase)
        .order_by(t.c.resource, t.c.version)
    )
    return list({a.resource: a for a in (_assessment(connection, row) for row in connection.execute(query).mappings().all())}.values())


def list_times(connection: sa.Connection, resource: str, phase: str, limit: int) -> list[str]:
    """When a resource was assessed in a phase: the last times, oldest first."""
    t = assessment_table
    query = sa.select(t.c.at).where(t.c.resource == resource, t.c.phase == phase).order_by(t.c.at.desc()).limit(limit)
    return [str(at) for at in connection.execute(query).scalars()][::-1]


def versions_before(connection: sa.Connection, resource: str, phase: str, version: int, limit: int = 36) -> tuple[int, ...]:
    """Versions of a resource's table that were assessed in a phase before this one, the newest first."""
    t = assessment_table
    query = sa.select(t.c.version).where(t.c.resource == resource, t.c.phase == phase, t.c.version < version)
    return tuple(int(v) for v in connection.execute(query.order_by(t.c.version.desc()).limit(limit)).scalars())


def is_assessed(connection: sa.Connection, resource: str) -> bool:
    """Whether the quality of a resource is known, in any phase."""
    t = assessment_table
    query = sa.select(t.c.resource).where(t.c.resource == resource).limit(1)
    return connection.execute(query).first() is not None


def _assessment(connection: sa.Connection, row: Any) -> Assessment:
    key = {name: row[name] for name in ("resource", "phase", "version")}
    results = [
        RuleResult(**{**one, "columns": tuple(one["columns"])})
        for one in _parts(connection, result_table, key, tuple(RuleResult.__dataclass_fields__))
    ]
    scores = [Score(**one) for one in _parts(connection, score_table, key, tuple(Score.__dataclass_fields__))]
    return Assessment(
        **key, table=row["table"], rows=row["rows"], at=row["at"], results=tuple(results), scores=tuple(scores)
    )


def _parts(
    connection: sa.Connection, table: sa.Table, key: dict[str, Any], fields: Sequence[str]
) -> list[dict[str, Any]]:
    query = sa.select(table).where(*(table.c[name] == value for name, value in key.items())).order_by(table.c.number)
    return [{name: row[name] for name in fields} for row in connection.execute(query).mappings()]
