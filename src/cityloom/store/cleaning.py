"""Versions of cleaning rules with the decisions on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from cityloom.model.cleaning import ROLES, CleaningReview, CleaningRule, CleaningVersion
from cityloom.store.database import metadata

cleaning_rule_table = sa.Table(
    "cleaning_rule",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("proposed_by", sa.String(80), nullable=False),
    sa.Column("proposed_at", sa.String(32), nullable=False),
)
cleaning_review_table = sa.Table(
    "cleaning_review",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("role", sa.String(16), primary_key=True),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
)
_RULE = TypeAdapter(CleaningRule)


def add_version(connection: sa.Connection, one: CleaningVersion) -> None:
    """A version that is new."""
    body = {k: v for k, v in asdict(one.rule).items() if v is not None}
    connection.execute(
        cleaning_rule_table.insert().values(
            resource=one.resource,
            name=one.rule.name,
            version=one.version,
            kind=one.kind,
            body=body,
            digest=one.digest,
            proposed_by=one.proposed_by,
            proposed_at=one.proposed_at,
        )
    )


def put_review(connection: sa.Connection, one: CleaningVersion, role: str, review: CleaningReview) -> None:
    """A reviewer's decision on a version, in the place of an earlier one of the same role."""
    t = cleaning_review_table
    key = {"resource": one.resource, "name": one.rule.name, "version": one.version, "role": role}
    connection.execute(t.delete().where(*(t.c[name] == value for name, value in key.items())))
    connection.execute(t.insert().values(**key, **asdict(review)))


def list_versions(connection: sa.Connection, resource: str | None = None) -> list[CleaningVersion]:
    """All versions, or a resource's, by resource, rule and version."""
    t = cleaning_rule_table
    query = sa.select(t).order_by(t.c.resource, t.c.name, t.c.version)
    if resource is not None:
        query = query.where(t.c.resource == resource)
    reviews = _reviews(connection)
    return [_version(row, reviews) for row in connection.execute(query).mappings()]


def _reviews(connection: sa.Connection) -> Mapping[tuple[str, str, int], dict[str, CleaningReview]]:
    found: dict[tuple[str, str, int], dict[str, CleaningReview]] = {}
    fields = CleaningReview.__dataclass_fields__
    for row in connection.execute(sa.select(cleaning_review_table)).mappings():
        key = (row["resource"], row["name"], row["version"])
        found.setdefault(key, {})[row["role"]] = CleaningReview(**{k: row[k] for k in fields})
    return found


def _version(row: Any, reviews: Mapping[tuple[str, str, int], dict[str, CleaningReview]]) -> CleaningVersion:
    said = reviews.get((row["resource"], row["name"], row["version"]), {})
    decisions = [review.decision for review in said.values()]
    state = "returned" if "return" in decisions else "approved" if set(said) >= set(ROLES) else "proposed"
    kept = {k: row[k] for k in ("resource", "version", "kind", "digest", "proposed_by", "proposed_at")}
    return CleaningVersion(**kept, rule=_RULE.validate_python(row["body"]), state=state, reviews=said)
