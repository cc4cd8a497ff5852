"""What a table that is followed by its log looks like now: of all changes in the raw layer the newest of each key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource

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

    One aggregation finds the newest positions, of keys that stand in more than one row alone: memory grows with the
    keys that changed, and not with rows.

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
    digest = exp.Anonymous(this="hash", expressions=[column(k) for k in key])
    repeated = sql(
        "SELECT :digest AS h FROM :rows WHERE :since GROUP BY 1 HAVING count(*) > 1",
        digest=digest,
        rows=relation,
        since=since,
    )
    newest = sql(
        "SELECT max(_position) AS p FROM :rows WHERE :since AND :digest IN (SELECT h FROM :repeated)",
        rows=relation,
        since=since,
        digest=digest,
        repeated=_aliased(repeated, "m"),
    ).assert_is(exp.Select)
    newest = newest.group_by(*[column(k) for k in key])
    rows = sql(
        "SELECT * FROM :rows WHERE :since AND _op <> :gone AND"
        " (:digest NOT IN (SELECT h FROM :repeated) OR _position IN (SELECT p FROM :newest))",
        rows=relation,
        since=since,
        gone=GONE,
        digest=digest,
        repeated=_aliased(repeated, "m"),
        newest=_aliased(newest, "n"),
    )
    return exp.Subquery(this=rows)


def _since(lake: Lake, relation: exp.Expression, before: str | None) -> exp.Expression:
    """Condition for rows behind the last reset."""
    end = sql("_position < :before", before=before) if before is not None else sql("_position IS NOT NULL")
    reset = sql("SELECT max(_position) FROM :rows WHERE _op = :reset AND :end", rows=relation, reset=RESET, end=end)
    last = lake.engine.rows(reset)[0][0]
    return sql("(_position > :last AND :end)", last=last or "", end=end)


def _aliased(query: exp.Expression, name: str) -> exp.Subquery:
    return exp.Subquery(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier(name)))
