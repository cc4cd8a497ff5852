"""Where in the chain a rule's broken rows first appear: source, standardising, and what of them reached fused records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.cause import BatchLine, Origin, StepLine
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import Resource

_CHANCE = 0.001
_LEAST = 5
"""Broken rows that a beginning is told from."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What is compared: rows as they came and the current standard ones, each with the places that break the rule.

    ``broken_after`` is None where the standard layer was not assessed, or does not exist. Relations of broken rows have
    the columns ``_batch, _row``, each place once; ``columns`` are the items that the rule looks at.
    """

    resource: Resource
    columns: tuple[str, ...]
    connector: str
    rows: exp.Expression
    broken: exp.Expression
    broken_after: exp.Expression | None
    batches: Sequence[Batch]
    object_types: Mapping[str, ObjectType]


def trace(chain: Chain, lake: Lake) -> Origin:
    """Where it first appears."""
    engine = lake.engine
    came = _count(engine, chain.broken)
    after = chain.broken_after
    made = mended = left = None
    if after is not None:
        left = _count(engine, after)
        both = _pairs(engine, after, chain.broken)
        made = left - both
        mended = _current(lake, chain.resource, chain.broken) - both
    is_made = made is not None and made > came
    lines = _batches(engine, chain, after if is_made and after is not None else chain.broken)
    worst = after if after is not None else chain.broken
    return Origin(
        first="standard" if is_made else "source" if came else "standard" if made else "none",
        source=chain.resource.collect.source,
        connector=chain.connector,
        rows=sum(line.rows for line in lines),
        came=came,
        mended=mended,
        made=made,
        left=left,
        batches=tuple(sorted(lines, key=lambda x: -x.broken)[:20]),
        begins=_begins(lines),
        steps=_steps(lake, chain, after) if after is not None and made else (),
        reached=_reached(lake, chain, worst),
    )


def _count(engine: Engine, rows: exp.Expression) -> int:
    return int(engine.rows(exp.select(sql("count(*)")).from_(rows.copy()))[0][0])


def _pairs(engine: Engine, one: exp.Expression, other: exp.Expression) -> int:
    """Places that stand in both."""
    query = sql(
        "SELECT count(*) FROM :one AS a SEMI JOIN :other AS b ON a._batch = b._batch AND a._row = b._row",
        one=_places(one), other=_places(other),
    )  # fmt: skip
    return int(engine.rows(query)[0][0])


def _places(rows: exp.Expression) -> exp.Expression:
    return exp.Subquery(this=exp.select(column("_batch"), column("_row")).from_(rows.copy()))


def _current(lake: Lake, resource: Resource, broken: exp.Expression) -> int:
    """Rows broken as they came that are current rows of the standard layer: only those can be mended."""
    rows = exp.select(column("_batch"), column("_row")).from_(lake.relation(resource.std_table)).where(column("_current"))
    return _pairs(lake.engine, exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier("c"))), broken)


def _batches(engine: Engine, chain: Chain, broken: exp.Expression) -> list[BatchLine]:
    """Rows and broken rows of each batch, in the order the batches came."""
    rows = dict(engine.rows(sql("SELECT _batch, count(*) FROM :t GROUP BY _batch", t=chain.rows)))
    bad = dict(engine.rows(sql("SELECT _batch, count(*) FROM :t GROUP BY _batch", t=broken)))
    known = {b.id: b for b in chain.batches}
    order = [b.id for b in chain.batches if b.id in rows] + sorted(str(b) for b in rows if b not in known)
    return [
        BatchLine(
            batch=name,
            origin=known[name].origin if name in known else "",
            at=(known[name].ended_at or known[name].started_at) if name in known else "",
            rows=int(rows[name]),
            broken=int(bad.get(name, 0)),
        )
        for name in order
    ]


def _begins(lines: Sequence[BatchLine]) -> str | None:
    """The batch from which on rows are broken clearly more often than before it; None where they always were."""
    all_rows, all_bad = sum(x.rows for x in lines), sum(x.broken for x in lines)
    best: tuple[float, str] | None = None
    rows = bad = 0
    for before, line in zip(lines, lines[1:], strict=False):
        rows, bad = rows + before.rows, bad + before.broken
        rate, later = bad / max(1, rows), (all_bad - bad) / max(1, all_rows - rows)
        if all_bad - bad < _LEAST or later < 2 * rate or not line.broken:
            continue
        g = _gain(bad, rows, all_bad, all_rows)
        if math.erfc(math.sqrt(max(0.0, g))) * len(lines) < _CHANCE and (best is None or g > best[0]):
            best = (g, line.batch)
    return best[1] if best else None


def _gain(bad: int, rows: int, all_bad: int, all_rows: int) -> float:
    """How much better two rates tell the batches than one (half of G)."""

    def told(n: int, of: int) -> float:
        rest = of - n
        return (n * math.log(n / of) if n else 0.0) + (rest * math.log(rest / of) if rest else 0.0)

    return told(bad, rows) + told(all_bad - bad, all_rows - rows) - told(all_bad, all_rows)


def _steps(lake: Lake, chain: Chain, after: exp.Expression) -> tuple[StepLine, ...]:
    """Steps of the rule's items with what they did to the rows that were in order as they came and are broken now."""
    steps = lake.notes(chain.resource.std_table).get("steps", [])
    mine = [(i, str(item), str(step)) for i, (item, step) in enumerate(steps, start=1) if item in chain.columns]
    if not mine:
        return ()
    picks = []
    for i, _item, _step in mine:
        mark = sql("substr(s._steps, :i, 1)", i=i)
        picks += [
            sql("count_if(:m = 'c')", m=mark),
            sql("count_if(:m = 'x')", m=mark),
            sql("count_if(:m IN ('c', 'x') AND a._row IS NOT NULL AND b._row IS NULL)", m=mark),
        ]
    query = (
        exp.select(*picks)
        .from_(exp.select("*").from_(lake.relation(chain.resource.std_table)).where(column("_current")).subquery("s"))
        .join(_named(after, "a"), on=sql("s._batch = a._batch AND s._row = a._row"), join_type="left")
        .join(_named(chain.broken, "b"), on=sql("s._batch = b._batch AND s._row = b._row"), join_type="left")
    )
    counts = [int(n) for n in lake.engine.rows(query)[0]]
    lines = [
        StepLine(item=item, step=step, changed=counts[3 * n], lost=counts[3 * n + 1], broken=counts[3 * n + 2])
        for n, (_i, item, step) in enumerate(mine)
    ]
    return tuple(sorted((x for x in lines if x.broken), key=lambda x: -x.broken))


def _named(rows: exp.Expression, name: str) -> exp.Expression:
    return exp.Subquery(
        this=exp.select(column("_batch"), column("_row")).from_(rows.copy()), alias=exp.TableAlias(this=exp.to_identifier(name))
    )


def _reached(lake: Lake, chain: Chain, broken: exp.Expression) -> tuple[tuple[str, int], ...]:
    """Fused attributes with the number of values that were taken from broken rows."""
    found = []
    head = f"{chain.resource.department}|{chain.resource.name}|"
    for one in chain.object_types.values():
        table = one.golden_table
        if not lake.exists(table):
            continue
        names = set(lake.columns(table))
        wanted = [a for a in _attributes(one, chain) if f"{a}__from" in names]
        for attribute in wanted:
            query = _reach_query(lake.relation(table), broken, f"{attribute}__from", head)
            count = int(lake.engine.rows(query)[0][0])
            if count:
                found.append((f"{one.name}.{attribute}", count))
    return tuple(sorted(found, key=lambda pair: -pair[1]))


def _reach_query(golden: exp.Expression, broken: exp.Expression, name: str, head: str) -> exp.Expression:
    places = exp.select(exp.alias_(column(name), "f")).from_(golden).where(sql(":c IS NOT NULL", c=column(name)))
    rows = exp.select(exp.alias_(sql(":h || _batch || '|' || CAST(_row AS VARCHAR)", h=head), "p")).from_(broken.copy())
    return exp.select(sql("count(*)")).from_(places.subquery("g")).join(rows.subquery("b"), on=sql("g.f = b.p"), join_type="semi")


def _attributes(one: ObjectType, chain: Chain) -> list[str]:
    """Attributes that the rule's items contribute to."""
    given = [c.attributes for c in one.contributions if c.resource == chain.resource.name]
    mine = {name for attributes in given for name, item in attributes.items() if item in chain.columns}
    return [a.name for a in one.attributes if a.name in mine]
