"""Finds what nobody declared: keys, dependencies between columns, references between tables.

What is found is a proposal with its share of rows; a person decides. Dependencies are found on whole groups: where the
table is large, all rows of some values of the determining columns, chosen by their hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.model.profile import FieldProfile, TableProfile
from cityloom.quality.items import one_of

ROWS = 60_000
"""Rows that are looked at for one dependency."""
_KEYS_TRIED = 60
_GAIN = 0.5
"""A dependency tells at least so much more than the most frequent value: most of what that one leaves open."""
_WIDTH = 3
"""Most fields of a key that is looked for."""
Terms = Mapping[str, exp.Expression]


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """函数依赖: ``determining`` fields fix the ``determined`` one in ``share`` of the rows that say anything.

    Rows whose group has one row say nothing; ``support`` is the share of rows that do; ``groups`` how many groups;
    ``gain`` from 0 to 1 how much better the groups tell the value than its most frequent one does by itself.
    """

    determining: tuple[str, ...]
    determined: str
    share: float
    support: float
    groups: int
    gain: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """外键: values of ``field`` are found in ``other_field`` of ``other`` for ``rate`` of its distinct values."""

    field: str
    other: str
    other_field: str
    rate: float


def find_keys(engine: Engine, relation: exp.Expression, columns: Terms, profiled: TableProfile) -> tuple[tuple[str, ...], ...]:
    """Sets of fields whose values together name every row, smallest first; no set contains another.

    Args:
        engine: counts.
        relation: the rows.
        columns: by field its value as a term over the relation.
        profiled: the table's profile: fields with gaps are no keys.
    """
    if profiled.records < 2:
        return ()
    whole = [f for f in profiled.fields if f.missing == 0 and f.unique > 1]
    ranked = sorted(whole, key=lambda f: (-f.unique, profiled.fields.index(f)))
    found: list[tuple[str, ...]] = []
    tried = 0
    for width in range(1, _WIDTH + 1):
        for some in combinations(ranked, width):
            names = tuple(f.name for f in some)
            if any(set(key) <= set(names) for key in found) or not _is_possible(some, profiled.records):
                continue
            tried += 1
            if tried > _KEYS_TRIED:
                return tuple(found)
            if _distinct(engine, relation, [columns[name] for name in names]) == profiled.records:
                found.append(names)
    return tuple(found)


def find_dependencies(
    engine: Engine,
    relation: exp.Expression,
    columns: Terms,
    profiled: TableProfile,
    *,
    least: float = 0.98,
    width: int = 1,
) -> tuple[Dependency, ...]:
    """Dependencies that nearly all rows keep, strongest first.

    Left out are determining fields that name single rows, determined fields that hold one value only, and what
    follows from a smaller set of determining fields. One scan of the table for each determining set.

    Args:
        engine: groups.
        relation: the rows.
        columns: by field its value as a term over the relation.
        profiled: the table's profile.
        least: share of rows that must keep a dependency.
        width: most determining fields.
    """
    usable = [f for f in profiled.fields if f.unique > 1 and f.filled >= 0.5 * f.records]
    found: list[Dependency] = []
    for size in range(1, width + 1):
        for some in combinations([f for f in usable if f.unique < 0.95 * f.filled], size):
            names = tuple(f.name for f in some)
            others = [f.name for f in usable if f.name not in names and not _follows(found, names, f.name)]
            found += _of_one(engine, relation, columns, names, others, least, profiled.records)
    return tuple(sorted(found, key=lambda d: (-d.share * d.support, d.determining, d.determined)))


def find_references(
    engine: Engine,
    relation: exp.Expression,
    columns: Terms,
    profiled: TableProfile,
    others: Mapping[str, tuple[exp.Expression, Terms, TableProfile]],
    *,
    least: float = 0.9,
) -> tuple[Reference, ...]:
    """Fields whose values are nearly all found in a key of another table, best first.

    Args:
        engine: compares.
        relation: the rows.
        columns: by field its value as a term over the relation.
        profiled: the table's profile.
        others: other tables by name: relation, columns, profile.
        least: share of distinct values that must be found.
    """
    found = []
    for mine in profiled.fields:
        for name, (rows, terms, other) in others.items():
            for key in other.fields:
                if _may_refer(mine, key):
                    rate = _rate(engine, (relation, columns[mine.name]), (rows, terms[key.name]))
                    if rate >= least:
                        found.append(Reference(field=mine.name, other=name, other_field=key.name, rate=rate))
    return tuple(sorted(found, key=lambda r: (-r.rate, r.field, r.other, r.other_field)))


def _is_possible(some: Sequence[FieldProfile], records: int) -> bool:
    most = 1
    for one in some:
        most *= one.unique
    return most >= records


def _distinct(engine: Engine, relation: exp.Expression, terms: Sequence[exp.Expression]) -> int:
    whole = sql("hash(:x)", x=exp.Anonymous(this="row", expressions=[term.copy() for term in terms]))
    count = exp.Count(this=exp.Distinct(expressions=[whole]))
    return int(engine.rows(exp.select(count).from_(relation.copy()))[0][0])


def _follows(found: Sequence[Dependency], names: tuple[str, ...], other: str) -> bool:
    return any(set(d.determining) < set(names) and d.determined == other for d in found)


def _of_one(
    engine: Engine,
    relation: exp.Expression,
    columns: Terms,
    names: tuple[str, ...],
    others: Sequence[str],
    least: float,
    records: int,
) -> Iterator[Dependency]:
    """The dependencies of one determining set: its groups are read once."""
    if not others:
        return
    lead = sql("hash(:x)", x=exp.Anonymous(this="row", expressions=[columns[name].copy() for name in names]))
    every = max(1, records // ROWS)
    picks = [exp.alias_(lead.copy(), "g"), *(exp.alias_(columns[name].copy(), f"o{i}") for i, name in enumerate(others))]
    query = exp.select(*picks).from_(relation.copy())
    query = query.where(exp.and_(*(sql(":x IS NOT NULL", x=columns[name]) for name in names)))
    if every > 1:
        query = query.where(one_of([columns[name] for name in names], every))
    batches = list(engine.batches(query))
    if not batches:
        return
    rows = pa.Table.from_batches(batches)
    for i, other in enumerate(others):
        one = _measure(rows.select(["g", f"o{i}"]).rename_columns(["g", "o"]), names, other)
        if one is not None and one.share >= least and one.gain >= _GAIN:
            yield one


def _measure(rows: pa.Table, names: tuple[str, ...], other: str) -> Dependency | None:
    """How well groups fix a value: of each group of several rows those with its most frequent value."""
    filled = rows.filter(pc.is_valid(rows["o"]))
    pairs = filled.group_by(["g", "o"]).aggregate([([], "count_all")])
    groups = pairs.group_by("g").aggregate([("count_all", "sum"), ("count_all", "max")])
    several = groups.filter(pc.greater(groups["count_all_sum"], 1))
    total = pc.sum(several["count_all_sum"]).as_py() or 0
    if not total:
        return None
    kept = pc.sum(several["count_all_max"]).as_py()
    values = filled.group_by("o").aggregate([([], "count_all")])
    base = pc.max(values["count_all"]).as_py() / filled.num_rows
    return Dependency(
        determining=names,
        determined=other,
        share=kept / total,
        support=total / max(1, rows.num_rows),
        groups=several.num_rows,
        gain=max(0.0, (kept / total - base) / (1 - base)) if base < 1 else 0.0,
    )


def _may_refer(mine: FieldProfile, key: FieldProfile) -> bool:
    """Whether comparing is worth a scan: the other one names rows, forms and lengths fit, and there are enough values."""
    if key.unique < 5 or key.unique < 0.999 * key.records or mine.unique < 5 or mine.unique > key.unique * 1.1:
        return False
    if {mine.type, key.type} & {"date", "time", "decimal", "boolean", "empty"}:
        return False
    shapes = {form for form, share in key.patterns[:5] if share > 0.05}
    return any(form in shapes for form, _share in mine.patterns[:2])


def _rate(
    engine: Engine, mine: tuple[exp.Expression, exp.Expression], other: tuple[exp.Expression, exp.Expression]
) -> float:
    def distinct(side: tuple[exp.Expression, exp.Expression]) -> exp.Expression:
        query = exp.select(exp.alias_(side[1].copy(), "v")).distinct().from_(side[0].copy())
        return query.where(sql(":v IS NOT NULL", v=side[1]))

    query = sql(
        "SELECT count(*), count(b.v) FROM :mine AS a LEFT JOIN :other AS b ON a.v = b.v",
        mine=exp.Subquery(this=distinct(mine)),
        other=exp.Subquery(this=distinct(other)),
    )
    total, hits = engine.rows(query)[0]
    return int(hits) / int(total) if total else 0.0
