"""Judgements: which object a row without a valid key speaks of.

In this order: a person said so; the key has a wrong check character, and the corrected key is an object of the
same name; a set of attributes (name and birth date, name and phone, ...) that exactly one object has, all sets
that say something agreeing. Whatever remains is unresolved and kept with its reason, never merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column
from cityloom.fuse.contribute import Judged, Plan, alias, bucket_of, judgements

KINDS = ("repaired_key", "attributes")
"""Automatic judgements apart from the valid key itself; ``person`` is the third that is not trivial."""


def match(plan: Plan, staged: Path, folder: Path, engine: Engine, judged: Sequence[Judged] = ()) -> tuple[Path, Path]:
    """Judge all rows without key.

    Args:
        plan: what is fused.
        staged: file of all statements.
        folder: where to write.
        engine: what computes.
        judged: persons' judgements; a refused pair is not made again.

    Returns:
        The file of resolved statements (columns of the staged file with ``key`` and ``bucket`` set, and
        ``kind``), sorted by bucket; the file of unresolved ones (``pointer, role, reason``).
    """
    all_rows = engine.files([staged])
    wanted = engine.write_parquet(_wanted(plan, all_rows), folder / "wanted.parquet").path
    links = engine.write_parquet(_links(plan, all_rows, engine.files([wanted]), judged), folder / "links.parquet").path
    resolved = engine.write_parquet(_resolved(plan, all_rows, engine.files([links])), folder / "resolved.parquet").path
    unresolved = engine.write_parquet(_unresolved(engine.files([wanted]), engine.files([links]), judged), folder / "unresolved.parquet").path
    return resolved, unresolved


def _sets(plan: Plan) -> list[list[str]]:
    return [[f"v_{a}" for a in one] for one in plan.object_type.match]


def _wanted(plan: Plan, staged: exp.Expression) -> exp.Expression:
    names = sorted({n for one in _sets(plan) for n in one})
    picks = [column(n) for n in ("pointer", "role", "said", "corrected", *names)]
    return exp.select(*picks).from_(staged).where("bucket = -1", dialect="duckdb")


def _links(plan: Plan, staged: exp.Expression, wanted: exp.Expression, judged: Sequence[Judged]) -> exp.Expression:
    """``pointer, role, key, kind``: key NULL where sets of attributes point to more than one object."""
    repaired = _repaired(plan, staged, wanted)
    rest = sql(
        "SELECT w.* FROM :wanted AS w ANTI JOIN repaired AS r ON w.pointer = r.pointer AND w.role = r.role",
        wanted=wanted,
    )
    query = exp.select("*").from_("repaired").with_("repaired", as_=repaired, materialized=True)
    if sets := _sets(plan):
        hits: exp.Expression = _hits(staged, sets[0])
        for one in sets[1:]:
            hits = exp.Union(this=hits, expression=_hits(staged, one), distinct=False)
        found = sql(
            """SELECT h.pointer, h.role, CASE WHEN min(h.low) = max(h.high) THEN min(h.low) END AS key,
                'attributes' AS kind FROM :hits AS h GROUP BY h.pointer, h.role""",
            hits=exp.Subquery(this=hits),
        )
        query = query.with_("rest", as_=rest, materialized=True).with_("found", as_=found)
        both = exp.Union(this=query, expression=exp.select("*").from_("found"), distinct=False)
        query = exp.select("*").from_(exp.Subquery(this=both, alias="l"))
    if not judged:
        return query
    return sql(
        """SELECT l.* FROM :links AS l ANTI JOIN :other ON l.pointer = other.pointer AND l.role = other.role
            AND l.key = other.key AND NOT other.is_same""",
        links=exp.Subquery(this=query),
        other=judgements(judged, "other"),
    )


def _repaired(plan: Plan, staged: exp.Expression, wanted: exp.Expression) -> exp.Expression:
    same = "g.key = w.corrected"
    names: list[str] = []
    if sets := _sets(plan):
        names = [sets[0][0]]
        same += f" AND {column(names[0], 'g').sql(dialect='duckdb')} = {column(names[0], 'w').sql(dialect='duckdb')}"
    known = exp.select(exp.column("key"), *[column(n) for n in names]).distinct().from_(
        sql("(SELECT g.* FROM :staged AS g SEMI JOIN :wanted AS w ON :same WHERE g.bucket >= 0)", staged=staged, wanted=wanted, same=sql(same))
    )
    return sql(
        "SELECT w.pointer, w.role, w.corrected AS key, 'repaired_key' AS kind FROM :wanted AS w SEMI JOIN :known AS g ON :same",
        wanted=wanted,
        known=exp.Subquery(this=known),
        same=sql(same),
    )


def _hits(staged: exp.Expression, names: Sequence[str]) -> exp.Expression:
    pairs = [exp.EQ(this=column(n, "g"), expression=column(n, "w")) for n in names]
    same = cast(exp.Expression, exp.and_(*pairs))
    near = sql("SELECT g.* FROM :staged AS g SEMI JOIN rest AS w ON :same WHERE g.bucket >= 0", staged=staged, same=same)
    keys = [column(n) for n in names]
    groups = (
        exp.select(*keys, alias(sql("min(key)"), "low"), alias(sql("max(key)"), "high"))
        .from_(exp.Subquery(this=near, alias="n"))
        .group_by(*keys)
    )
    return sql(
        "SELECT w.pointer, w.role, g.low, g.high FROM rest AS w JOIN :groups AS g ON :same",
        groups=exp.Subquery(this=groups),
        same=same,
    )


def _resolved(plan: Plan, staged: exp.Expression, links: exp.Expression) -> exp.Expression:
    return sql(
        """SELECT s.* REPLACE (l.key AS key, :bucket AS bucket), l.kind FROM :staged AS s
            JOIN :links AS l ON s.pointer = l.pointer AND s.role = l.role
            WHERE s.bucket = -1 AND l.key IS NOT NULL ORDER BY bucket""",
        staged=staged,
        links=links,
        bucket=bucket_of(sql("l.key"), plan.parts),
    )


def _unresolved(wanted: exp.Expression, links: exp.Expression, judged: Sequence[Judged]) -> exp.Expression:
    query = sql(
        """SELECT w.pointer, w.role, CASE WHEN l.kind IS NOT NULL THEN 'ambiguous' WHEN w.said IS NULL THEN 'no_key'
            WHEN w.said = w.corrected THEN 'refused' ELSE 'bad_key' END AS reason
            FROM :wanted AS w LEFT JOIN :links AS l ON w.pointer = l.pointer AND w.role = l.role WHERE l.key IS NULL""",
        wanted=wanted,
        links=links,
    )
    if not judged:
        return query
    return sql(
        """SELECT u.pointer, u.role, CASE WHEN other.n > 0 THEN 'refused' ELSE u.reason END AS reason FROM :u AS u
            LEFT JOIN (SELECT o.pointer, o.role, count(*) AS n FROM :judged WHERE NOT o.is_same GROUP BY ALL) AS other
            ON u.pointer = other.pointer AND u.role = other.role""",
        u=exp.Subquery(this=query),
        judged=judgements(judged, "o"),
    )
