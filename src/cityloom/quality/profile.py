"""Profiles a table: the figures of GB/T 36344's first step.

Of a table that is not large the values of each field are counted first, each once, and looked at afterwards: what repeats
is looked at once, and all figures are exact but the shares of forms. A large table, and one whose rows have to be found by a join, is looked at
row by row in two scans and a sample: memory does not grow with it, and distinct values are estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column
from cityloom.model.profile import FieldProfile, TableProfile
from cityloom.quality.base import STAND_INS
from cityloom.quality.forms import form_of
from cityloom.quality.items import one_of
from cityloom.quality.profile_terms import KINDS, facts, looked_at

EXACT = 2_000_000
"""Up to so many rows distinct values are counted, above it estimated."""
SAMPLE = 20_000
"""Rows, or different values, of which the forms are taken."""
TOP = 20
_TYPE_SHARE = 0.95
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ENTANGLED = (exp.Join, exp.Group, exp.Window, exp.Union)
Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is profiled: a relation with its table's name, version, time and bytes."""

    table: str
    version: int
    at: str
    relation: exp.Expression
    bytes: int = 0
    stand_ins: Sequence[str] = STAND_INS


def profile(engine: Engine, subject: Subject, columns: Mapping[str, exp.Expression]) -> TableProfile:
    """The profile of a table.

    Args:
        engine: computes it.
        subject: the table.
        columns: by the field's name its value as a text term over the relation.
    """
    records = int(engine.rows(exp.select("count(*)").from_(subject.relation.copy()))[0][0])
    is_exact = records <= EXACT
    if is_exact and not subject.relation.find(*_ENTANGLED):
        found = {name: _by_values(engine, subject, term) for name, term in columns.items()}
    else:
        found = _by_rows(engine, subject, columns, records)
    fields = tuple(_field(name, records, found[name]) for name in columns)
    return TableProfile(
        table=subject.table,
        version=subject.version,
        at=subject.at,
        records=records,
        bytes=subject.bytes,
        duplicate_rows=_duplicates(engine, subject, columns, fields, records),
        is_exact=is_exact,
        fields=fields,
    )


def _duplicates(
    engine: Engine, subject: Subject, columns: Mapping[str, exp.Expression], fields: Sequence[FieldProfile], records: int
) -> int:
    """Rows that are wholly alike another; none where a field alone tells all rows apart."""
    is_exact = records <= EXACT
    if not columns or (is_exact and any(field.unique == records for field in fields)):
        return 0
    whole = sql("hash(:x)", x=exp.Anonymous(this="row", expressions=[t.copy() for t in columns.values()]))
    distinct = exp.Count(this=exp.Distinct(expressions=[whole])) if is_exact else exp.ApproxDistinct(this=whole)
    return max(0, records - int(engine.rows(exp.select(distinct).from_(subject.relation.copy()))[0][0]))


def _answer(engine: Engine, picks: Mapping[str, exp.Expression], source: exp.Expression) -> Figures:
    query = exp.select(*(exp.alias_(term, name) for name, term in picks.items())).from_(source)
    return dict(zip(picks, engine.rows(query)[0], strict=True))


# -- value by value ------------------------------------------------------------------------------------


def _by_values(engine: Engine, subject: Subject, term: exp.Expression) -> Figures:
    """The figures of a field, from its different values and how often each stands there."""
    rows = exp.select(exp.alias_(term.copy(), "t0")).from_(subject.relation.copy()).subquery("r")
    counted = exp.select(column("t0"), exp.alias_(sql("count(*)"), "n")).from_(rows).group_by(column("t0")).subquery("c")
    source = looked_at(counted, 1, subject.stand_ins, weight=column("n"))
    more = {
        "unique": sql("count(v0)"),
        "top": sql(f"arg_max(v0, n, {TOP}) FILTER (WHERE v0 IS NOT NULL)"),
        "counts": sql(f"max(n, {TOP}) FILTER (WHERE v0 IS NOT NULL)"),
    }
    one = _answer(engine, {**facts(0, column("n")), **more}, source)
    top = zip(map(str, one["top"] or ()), map(int, one["counts"] or ()), strict=True)
    one["top"] = tuple(sorted(top, key=lambda pair: (-pair[1], pair[0])))
    if _type(one)[0] in ("integer", "decimal"):
        one["quantiles"] = _quantiles(engine, source)
    one["forms"] = _forms(engine, subject, rows, one)
    return one


def _forms(engine: Engine, subject: Subject, rows: exp.Expression, one: Figures) -> tuple[tuple[str, float], ...]:
    """The most frequent forms and their shares: of all values, or of the most frequent ones and a sample of the others."""
    every, t, n = max(1, int(one["unique"]) // SAMPLE), column("t0"), column("n")
    counted: exp.Select | exp.Union = exp.select(t, exp.alias_(sql("count(*) * :every", every=every), "n")).from_(rows).group_by(t)
    if every > 1:
        often = exp.In(this=t, expressions=[exp.Literal.string(value) for value, _ in one["top"]])
        counted = counted.where(sql("hash(hash(:t)) % :every = 0 AND NOT :often", t=t, every=every, often=often))
        known = exp.select(t, n).from_(exp.values(list(one["top"]), alias="m", columns=["t0", "n"]))
        counted = exp.Union(this=counted, expression=known, distinct=False)
    source = looked_at(counted.subquery("c"), 1, subject.stand_ins, weight=n)
    formed = exp.select(exp.alias_(form_of(sql("left(v0, 60)")), "f"), n).from_(source).where(sql("v0 IS NOT NULL"))
    summed = sql("SELECT f, sum(n) AS s FROM :formed GROUP BY f", formed=formed.subquery("q"))
    ranked = sql("SELECT f, s, sum(s) OVER () FROM :q ORDER BY s DESC, f LIMIT :n", q=exp.Subquery(this=summed), n=TOP)
    return tuple((str(form), int(n) / int(total)) for form, n, total in engine.rows(ranked))


def _quantiles(engine: Engine, source: exp.Expression) -> list[float]:
    """The least numbers that so much of the values do not exceed."""
    numbers = sql(
        "SELECT d0 AS d, sum(n) OVER (ORDER BY d0) AS c, sum(n) OVER () AS total FROM :source WHERE d0 IS NOT NULL", source=source
    )
    picks = [sql("min(CASE WHEN c >= :q * total THEN d END)", q=q) for q in _QUANTILES]
    return [float(x) for x in engine.rows(exp.select(*picks).from_(exp.Subquery(this=numbers, alias="q")))[0]]


# -- row by row ----------------------------------------------------------------------------------------


def _by_rows(engine: Engine, subject: Subject, columns: Mapping[str, exp.Expression], records: int) -> dict[str, Figures]:
    """The figures of all fields, in one scan, another for frequent values, and a sample for forms."""
    if not columns:
        return {}
    one, count = exp.Literal.number(1), len(columns)

    def source(where: exp.Expression | None = None) -> exp.Expression:
        rows = exp.select(*(exp.alias_(term, f"t{i}") for i, term in enumerate(columns.values()))).from_(subject.relation.copy())
        return looked_at((rows.where(where) if where is not None else rows).subquery("r"), count, subject.stand_ins)

    unique = "count(DISTINCT :v)" if records <= EXACT else "approx_count_distinct(:v)"
    quantiles = ", ".join(str(q) for q in _QUANTILES)
    picks: dict[str, exp.Expression] = {}
    for i in range(count):
        v = column(f"v{i}")
        own = {
            **facts(i, one),
            "unique": sql(unique, v=v),
            "quantiles": sql(f"approx_quantile(:d, [{quantiles}])", d=column(f"d{i}")),
            "top": exp.Anonymous(this="approx_top_k", expressions=[v, exp.Literal.number(TOP)]),
        }
        picks |= {f"{key} {i}": term for key, term in own.items()}
    row = _answer(engine, {f"x{number}": term for number, term in enumerate(picks.values())}, source())
    figures: list[Figures] = [{} for _ in columns]
    for key, value in zip(picks, row.values(), strict=True):
        figures[int(key.split()[1])][key.split()[0]] = value
    chosen = one_of(list(columns.values()), records // SAMPLE) if records >= 2 * SAMPLE else None
    texts = [sql("left(:v, 60)", v=column(f"v{i}")) for i in range(count)]
    formed = exp.select(*(exp.alias_(form_of(text), f"f{i}") for i, text in enumerate(texts))).from_(source(chosen)).subquery("q")
    forms = _histograms(engine, [column(f"f{i}") for i in range(count)], formed)
    tops = _histograms(engine, [_chosen(figures[i]["top"], column(f"v{i}")) for i in range(count)], source())
    for figure, top, form in zip(figures, tops, forms, strict=True):
        total = sum(n for _, n in form)
        figure |= {"top": top[:TOP], "forms": tuple((text, n / total) for text, n in form[:TOP])}
    return dict(zip(columns, figures, strict=True))


def _chosen(values: Sequence[str | None] | None, v: exp.Expression) -> exp.Expression:
    """The value where it is one of these."""
    found = [exp.Literal.string(value) for value in values or () if value is not None]
    if not found:
        return sql("CAST(NULL AS VARCHAR)")
    return sql("CASE WHEN :c THEN :v END", c=exp.In(this=v, expressions=found), v=v)


def _histograms(engine: Engine, terms: Sequence[exp.Expression], source: exp.Expression) -> list[tuple[tuple[str, int], ...]]:
    """For each term its values and how often each stands there, the most frequent first."""
    row = engine.rows(exp.select(*(sql("histogram(:x)", x=term) for term in terms)).from_(source))[0]
    return [
        tuple(sorted(((str(k), int(n)) for k, n in (counts or {}).items()), key=lambda pair: (-pair[1], pair[0])))
        for counts in row
    ]


# -- what is told --------------------------------------------------------------------------------------


def _field(name: str, records: int, one: Figures) -> FieldProfile:
    filled = int(one["filled"] or 0)
    kind, share = _type(one)
    is_number = kind in ("integer", "decimal")
    return FieldProfile(
        name=name,
        records=records,
        missing=records - filled,
        stand_ins=int(one["stood"] or 0),
        unique=min(int(one["unique"] or 0), filled),
        zero=int(one["zero"] or 0),
        least_length=one["short"],
        most_length=one["long"],
        mean_length=one["length"],
        type=kind,
        type_share=share,
        least=one["least"] if is_number else None,
        most=one["most"] if is_number else None,
        mean=one["mean"] if is_number else None,
        quantiles=tuple(one["quantiles"] or ()) if is_number else (),
        first=one["first"],
        last=one["last"],
        special=int(one["special"] or 0),
        top=one["top"],
        patterns=one["forms"],
    )


def _type(one: Figures) -> tuple[str, float]:
    """The narrowest type that nearly all values have, and the share that has it."""
    filled = int(one["filled"] or 0)
    if not filled:
        return "empty", 1.0
    for kind in KINDS:
        share = int(one[kind] or 0) / filled
        if share >= _TYPE_SHARE:
            return kind, share
    return "text", 1.0
