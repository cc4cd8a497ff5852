"""Which sub-population explains most of the broken rows.

Three scans, whatever the table's size: one counts, one draws a sample of broken rows and one of others (chosen by the digest of
their place), one counts exactly what the search in the sample found. Memory is that of the sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import any_of, column
from cityloom.model.cause import Cause
from cityloom.quality.cause.features import Feature
from cityloom.quality.cause.search import Found, Literal, Sampled, literals_of, search

SAMPLE = 40_000
"""Broken rows, and as many others, that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """What is searched: rows with the columns ``_batch, _row``, which of them are broken, and what may explain it.

    ``broken`` is a relation with ``_batch, _row``, each place once; ``batches`` are in the order they came.
    """

    rows: exp.Expression
    broken: exp.Expression
    features: tuple[Feature, ...]
    batches: Sequence[str] = ()


def explain(engine: Engine, population: Population, *, most: int = 3, sample: int = SAMPLE) -> tuple[tuple[Cause, ...], int]:
    """The causes, the one that explains most first, and how many conjunctions were looked at.

    Nothing is told where no sub-population stands out beyond chance, or where all rows are broken.
    """
    all_rows = _count(engine, population.rows)
    all_broken = _count(engine, population.broken)
    if not all_broken or all_broken >= all_rows:
        return (), 0
    broken = _sample(engine, population, sample, all_broken, is_broken=True)
    others = _sample(engine, population, sample, all_rows - all_broken, is_broken=False)
    if not broken.num_rows or not others.num_rows:
        return (), 0
    whole = pa.concat_tables([broken, others])
    ones = (1 << broken.num_rows) - 1
    sampled = Sampled(ones, ((1 << others.num_rows) - 1) << broken.num_rows, all_broken, all_rows - all_broken)
    columns = {(f.column, f.kind): whole.column(f"f{i}").combine_chunks() for i, f in enumerate(population.features)}
    ordered = {(f.column, f.kind): list(population.batches) if f.column == "_batch" else None for f in population.features if f.is_ordered}
    literals = literals_of(columns, ordered, sampled)
    found, tried = search(literals, sampled, most)
    return _counted(engine, population, found, all_rows, all_broken), tried


def _count(engine: Engine, rows: exp.Expression) -> int:
    return int(engine.rows(exp.select(sql("count(*)")).from_(rows.copy()))[0][0])


def _sample(engine: Engine, population: Population, size: int, total: int, *, is_broken: bool) -> pa.Table:
    """Rows chosen by the digest of their place, with their features as texts."""
    every = max(1, -(-total // size))
    rows = exp.select("*").from_(population.rows.copy())
    places = exp.select(column("_batch"), column("_row")).from_(population.broken.copy())
    if every > 1:
        # Of two columns together the digest's low bits are uneven: digested once more they are not.
        chosen = sql("hash(hash(_batch, _row)) % :n = 0", n=every)
        rows = rows.where(chosen)
        places = places.where(chosen.copy())
    same = sql("r._batch = b._batch AND r._row = b._row")
    joined = exp.select("r.*").from_(rows.subquery("r")).join(places.subquery("b"), on=same, join_type="semi" if is_broken else "anti")
    picks = [exp.alias_(f.term.copy(), f"f{i}") for i, f in enumerate(population.features)]
    query = exp.select(*picks).from_(joined.subquery("s"))
    batches = list(engine.batches(query))
    schema = pa.schema([(f"f{i}", pa.string()) for i in range(len(picks))])
    return pa.Table.from_batches(batches).cast(schema) if batches else schema.empty_table()


def _counted(
    engine: Engine, population: Population, found: Sequence[Found], all_rows: int, all_broken: int
) -> tuple[Cause, ...]:
    """The causes with their rows in the whole table."""
    if not found:
        return ()
    terms = {(f.column, f.kind): f.term for f in population.features}
    holds = [exp.alias_(_holds(one.literals, terms), f"h{i}") for i, one in enumerate(found)]
    rows = exp.select(*holds, column("_batch"), column("_row")).from_(population.rows.copy())
    rows = rows.where(any_of(*(h.this for h in holds)))
    picks = []
    for i in range(len(found)):
        picks += [sql("count_if(:h)", h=column(f"h{i}", "r")), sql("count_if(:h AND b._row IS NOT NULL)", h=column(f"h{i}", "r"))]
    places = exp.select(column("_batch"), column("_row")).from_(population.broken.copy())
    same = sql("r._batch = b._batch AND r._row = b._row")
    query = exp.select(*picks).from_(rows.subquery("r")).join(places.subquery("b"), on=same, join_type="left")
    counts = [int(n) for n in engine.rows(query)[0]]
    return tuple(
        Cause(
            conditions=tuple(x.condition for x in one.literals),
            rows=counts[2 * i],
            broken=counts[2 * i + 1],
            all_rows=all_rows,
            all_broken=all_broken,
            chance=min(1.0, one.chance),
            also=tuple(tuple(x.condition for x in other) for other in one.also),
        )
        for i, one in enumerate(found)
    )


def _holds(literals: Sequence[Literal], terms: Mapping[tuple[str, str], exp.Expression]) -> exp.Expression:
    parts = []
    for one in literals:
        values = [exp.Literal.string(value) for value in one.values]
        isin = exp.In(this=terms[one.condition.column, one.kind].copy(), expressions=values)
        parts.append(sql("coalesce(:x, false)", x=isin))
    return exp.Paren(this=exp.and_(*parts))
