"""Rules that people proposed, all their versions, and what the reviewers said of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.rules import RuleRecord, RuleReview, RuleState, RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.store.database import metadata

rule_table = sa.Table(
    "quality_rule",
    metadata,
    sa.Column("name", sa.String(160), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False, index=True),
    sa.Column("item", sa.String(80), nullable=False),
    sa.Column("element", sa.String(80), nullable=False),
    sa.Column("use", sa.JSON, nullable=False),
    sa.Column("author", sa.String(80), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("made_at", sa.String(32), nullable=False),
    sa.Column("changed_at", sa.String(32), nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
)
rule_review_table = sa.Table(
    "quality_rule_review",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("rule", sa.String(160), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("reviewer", sa.String(80), nullable=False),
    sa.Column("is_approved", sa.Boolean, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)


def put_rule(connection: sa.Connection, one: RuleRecord) -> None:
    """Write a version's record anew."""
    values = {
        **{k: getattr(one, k) for k in ("name", "version", "author", "made_at", "changed_at")},
        **asdict(one.target),
        "state": str(one.state),
        "use": asdict(one.use),
        "evidence": dict(one.evidence),
    }
    t = rule_table
    same = sa.and_(t.c.name == one.name, t.c.version == one.version)
    if not connection.execute(t.update().where(same).values(**values)).rowcount:
        connection.execute(t.insert().values(**values))


def find_rule(connection: sa.Connection, name: str, *, is_locked: bool = False) -> RuleRecord | None:
    """The newest version of a rule; ``is_locked`` keeps others from moving it until the transaction ends."""
    query = sa.select(rule_table).where(rule_table.c.name == name).order_by(rule_table.c.version.desc()).limit(1)
    row = connection.execute(query.with_for_update() if is_locked else query).mappings().first()
    return _record(row) if row else None


def list_rules(
    connection: sa.Connection, *, name: str | None = None, resource: str | None = None, state: str | None = None
) -> list[RuleRecord]:
    """Versions of rules by name, newest first."""
    t = rule_table
    query = sa.select(t).order_by(t.c.name, t.c.version.desc())
    for column, value in ((t.c.name, name), (t.c.resource, resource), (t.c.state, state)):
        if value is not None:
            query = query.where(column == value)
    return [_record(row) for row in connection.execute(query).mappings()]


def active_rules(connection: sa.Connection) -> list[RuleRecord]:
    """The rules that count."""
    return list_rules(connection, state=RuleState.ACTIVE)


def add_rule_review(connection: sa.Connection, review: RuleReview) -> None:
    """Keep what a reviewer said."""
    connection.execute(rule_review_table.insert().values(**asdict(review)))


def list_rule_reviews(connection: sa.Connection, name: str, version: int | None = None) -> list[RuleReview]:
    """What was said of a rule, or of one version, first to last."""
    t = rule_review_table
    query = sa.select(t).where(t.c.rule == name).order_by(t.c.number)
    if version is not None:
        query = query.where(t.c.version == version)
    fields = RuleReview.__dataclass_fields__
    return [RuleReview(**{k: row[k] for k in fields}) for row in connection.execute(query).mappings()]


def _record(row: Any) -> RuleRecord:
    body = dict(row["use"])
    title = body.pop("title")
    body["columns"], body["approved_by"] = tuple(body["columns"]), tuple(body["approved_by"])
    return RuleRecord(
        name=row["name"],
        version=row["version"],
        target=RuleTarget(resource=row["resource"], item=row["item"], element=row["element"]),
        use=RuleUse(**body, title=Title(**title) if title else None),
        author=row["author"],
        state=RuleState(row["state"]),
        made_at=row["made_at"],
        changed_at=row["changed_at"],
        evidence=row["evidence"],
    )
