"""Scores of departments, one snapshot a run, with the evidence of each indicator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from cityloom.model.score import DepartmentScore, IndicatorScore, Share
from cityloom.store.database import metadata

department_score_table = sa.Table(
    "department_score",
    metadata,
    sa.Column("index", sa.String(80), primary_key=True),
    sa.Column("at", sa.String(32), primary_key=True),
    sa.Column("department", sa.String(40), primary_key=True),
    sa.Column("points", sa.Float),
    sa.Column("rank", sa.Integer),
)
indicator_score_table = sa.Table(
    "indicator_score",
    metadata,
    sa.Column("index", sa.String(80), primary_key=True),
    sa.Column("at", sa.String(32), primary_key=True),
    sa.Column("department", sa.String(40), primary_key=True),
    sa.Column("indicator", sa.String(80), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("points", sa.Float, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
)


def put_scores(connection: sa.Connection, scores: Sequence[DepartmentScore]) -> None:
    """Add a snapshot; one of the same index and moment is written anew."""
    d, i = department_score_table, indicator_score_table
    for index, at in {(s.index, s.at) for s in scores}:
        for t in (d, i):
            connection.execute(t.delete().where(t.c.index == index, t.c.at == at))
    totals = [{k: getattr(s, k) for k in ("index", "at", "department", "points", "rank")} for s in scores]
    details = [
        {**asdict(one), "index": s.index, "at": s.at, "number": n}
        for s in scores
        for n, one in enumerate(s.indicators)
    ]
    for t, rows in ((d, totals), (i, details)):
        if rows:
            connection.execute(t.insert(), rows)


def list_snapshots(connection: sa.Connection, index: str) -> list[str]:
    """Moments of an index system's snapshots, newest first."""
    t = department_score_table
    query = sa.select(t.c.at).where(t.c.index == index).distinct().order_by(t.c.at.desc())
    return [str(row[0]) for row in connection.execute(query)]


def read_scores(connection: sa.Connection, index: str, at: str | None = None) -> list[DepartmentScore]:
    """A snapshot (the newest unless another is named), best department first, unranked ones last."""
    if at is None:
        at = next(iter(list_snapshots(connection, index)), "")
    d, i = department_score_table, indicator_score_table
    query = sa.select(i).where(i.c.index == index, i.c.at == at).order_by(i.c.department, i.c.number)
    details: dict[str, list[IndicatorScore]] = {}
    for row in connection.execute(query).mappings():
        values = {k: row[k] for k in IndicatorScore.__dataclass_fields__ if k != "evidence"}
        found = row["evidence"]
        evidence = Share(**{**found, "records": tuple(found["records"])})
        details.setdefault(row["department"], []).append(IndicatorScore(**values, evidence=evidence))
    totals = connection.execute(sa.select(d).where(d.c.index == index, d.c.at == at)).mappings()
    scores = [DepartmentScore(**row, indicators=tuple(details.get(row["department"], ()))) for row in totals]
    return sorted(scores, key=lambda s: (s.rank is None, s.rank or 0, s.department))
