"""What a table that is followed by its log looks like now: of all changes in the raw layer the newest of each key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource

START = "r"
"""Operation of a row of a snapshot; no key stands twice in one."""
GONE = "d"
"""Operation of a row that was deleted."""
RESET = "t"
"""Operation of a row that is none: all rows of the table before it are gone (a snapshot begins, a TRUNCATE)."""


def rows_of(lake: Lake, resource: Resource) -> exp.Expression:
    """The raw rows that count: in mode cdc the current ones, otherwise all."""
    if resource.collect.mode != "cdc":
        return lake.relation(resource.raw_table)
    return current(lake, resource.raw_table, resource.key_columns)


def count_rows(lake: Lake, resource: Resource) -> int:
    """How many raw rows count."""
    if resource.collect.mode != "cdc":
        return lake.count(resource.raw_table)
    query = exp.select(sql("count(*)")).from_(rows_of(lake, resource))
    return int(lake.engine.rows(query)[0][0])


def current(
    lake: Lake, table: str, key: Sequence[str], *, version: int | None = None, before: str | None = None
) -> exp.Expression:
    """The newest row of each key by ``_position``, deleted ones left out, as a relation for the FROM of a query.

    A key stands once among the rows of a snapshot, so one aggregation over the changes alone finds what is newest:
    memory grows with the keys that changed since the snapshot (and goes through the disk), not with rows.

    Args:
        lake: where the table is.
        table: its name; with the columns ``_op`` and ``_position``.
        key: columns that name a row.
        version: of the table; the newest when not given.
        before: only changes whose position sorts before this text.
    """
    relation = lake.relation(table, version)
    if not {"_op", "_position"} <= set(lake.columns(table, version)):
        return exp.Subquery(this=exp.select("*").from_(relation).where(exp.false()))
    since = _since(lake, relation, before)
    keys = [exp.alias_(column(name), f"k{i}") for i, name in enumerate(key)]
    newest = exp.select(*keys, exp.alias_(sql("max(_position)"), "p")).from_(relation.copy())
    newest = newest.where(since.copy(), sql("_op <> :start", start=START)).group_by(*[column(name) for name in key])
    rows = (
        exp.select("r.*")
        .from_(exp.select("*").from_(relation).where(since, sql("_op <> :gone", gone=GONE)).subquery("r"))
        .join(newest.subquery("n"), on=[_equal(name, i) for i, name in enumerate(key)], join_type="left")
        .where(sql("(n.p IS NULL OR n.p = r._position)"))
    )
    return exp.Subquery(this=rows)


def _since(lake: Lake, relation: exp.Expression, before: str | None) -> exp.Expression:
    """Condition for rows behind the last reset."""
    end = sql("_position < :before", before=before) if before is not None else sql("_position IS NOT NULL")
    reset = sql("SELECT max(_position) FROM :rows WHERE _op = :reset AND :end", rows=relation, reset=RESET, end=end)
    last = lake.engine.rows(reset)[0][0]
    return sql("(_position > :last AND :end)", last=last or "", end=end)


def _equal(name: str, number: int) -> exp.Expression:
    return exp.EQ(this=column(name, "r"), expression=column(f"k{number}", "n"))
