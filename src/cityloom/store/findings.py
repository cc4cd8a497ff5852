"""Findings: what someone should know about data. Counts and positions, no values of persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from cityloom.model.batch import Finding
from cityloom.store.database import metadata

finding_table = sa.Table(
    "finding",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("subject", sa.String(120), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("batch", sa.String(40)),
    sa.Column("details", sa.JSON, nullable=False),
)


def put_findings(connection: sa.Connection, kind: str, subject: str, findings: Sequence[Finding]) -> None:
    """Write anew all findings of one kind about one subject (a repeated run repeats no finding)."""
    t = finding_table
    connection.execute(t.delete().where(t.c.kind == kind, t.c.subject == subject))
    if findings:
        connection.execute(t.insert(), [{**asdict(one), "number": i} for i, one in enumerate(findings)])


def list_findings(connection: sa.Connection, kind: str | None = None, subject: str | None = None) -> list[Finding]:
    """Findings of a kind and about a subject, or all."""
    t = finding_table
    query = sa.select(t).order_by(t.c.kind, t.c.subject, t.c.number)
    if kind is not None:
        query = query.where(t.c.kind == kind)
    if subject is not None:
        query = query.where(t.c.subject == subject)
    fields = Finding.__dataclass_fields__
    return [Finding(**{k: row[k] for k in fields}) for row in connection.execute(query).mappings()]
