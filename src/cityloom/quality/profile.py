"""Profiles a table: the figures of GB/T 36344's first step, of all fields in two scans and a sample.

The first scan counts, the second looks at the most frequent values, the forms are taken from a sample of rows. Memory
does not grow with the table: above :data:`EXACT` rows distinct values are estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column, full_match, plain
from cityloom.model.profile import FieldProfile, TableProfile
from cityloom.quality.base import STAND_INS, is_blank
from cityloom.quality.forms import form_of
from cityloom.quality.items import one_of

EXACT = 2_000_000
"""Up to so many rows distinct values are counted, above it estimated."""
SAMPLE = 50_000
"""Rows of which the forms are taken."""
TOP = 20
_TYPE_SHARE = 0.95
_INTEGER = "[+-]?[0-9]{1,18}"
_DECIMAL = r"[+-]?([0-9]{1,18}([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_DATE = "[12][0-9]{3}([-/.][0-9]{1,2}[-/.][0-9]{1,2}|[01][0-9][0-3][0-9]|年[0-9]{1,2}月[0-9]{1,2}日)"
_TIME = "[12][0-9]{3}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
_BOOLEAN = "(?i:true|false|yes|no|[yn]|是|否)"
_SPECIAL = r"[\x00-\x1f\x7f\x{200b}-\x{200f}\x{feff}\x{ff01}-\x{ff5e}]|^[\s\x{3000}]|[\s\x{3000}]\z"
_MATCHED = (("boolean", _BOOLEAN), ("time", _TIME), ("date", _DATE), ("integer", _INTEGER), ("decimal", _DECIMAL))
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


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
    base = _Base(subject, list(columns), list(columns.values()))
    records = int(engine.rows(exp.select("count(*)").from_(subject.relation.copy()))[0][0])
    is_exact = records <= EXACT
    figures = _figures(engine, base, is_exact)
    tops = _tops(engine, base, figures)
    forms = _forms(engine, base, records)
    fields = tuple(
        _field(name, records, figures[name], tops.get(name, ()), forms.get(name, ())) for name in columns
    )
    whole = sql("hash(:x)", x=exp.Anonymous(this="row", expressions=[t.copy() for t in columns.values()]))
    distinct = exp.Count(this=exp.Distinct(expressions=[whole])) if is_exact else exp.ApproxDistinct(this=whole)
    unlike = int(engine.rows(exp.select(distinct).from_(subject.relation.copy()))[0][0]) if columns else records
    return TableProfile(
        table=subject.table,
        version=subject.version,
        at=subject.at,
        records=records,
        bytes=subject.bytes,
        duplicate_rows=max(0, records - unlike),
        is_exact=is_exact,
        fields=fields,
    )


@dataclass(frozen=True)
class _Base:
    """The rows with two columns a field: ``v{i}`` its value or NULL where it is missing, ``s{i}`` whether a stand-in stood there."""

    subject: Subject
    names: list[str]
    terms: list[exp.Expression]

    def rows(self, where: exp.Expression | None = None) -> exp.Expression:
        """The relation of these columns."""
        picks = []
        for i, term in enumerate(self.terms):
            words = [exp.Literal.string(word) for word in self.subject.stand_ins]
            stood: exp.Expression = exp.In(this=term.copy(), expressions=words) if words else exp.false()
            stood = sql("coalesce(:x, false)", x=stood)
            value = sql(
                "CASE WHEN :blank OR :stood THEN NULL ELSE :x END", blank=plain(is_blank(term)), stood=stood, x=term
            )
            picks += [exp.alias_(value, f"v{i}"), exp.alias_(stood.copy(), f"s{i}")]
        query = exp.select(*picks).from_(self.subject.relation.copy())
        return (query.where(where) if where is not None else query).subquery("p")


def _figures(engine: Engine, base: _Base, is_exact: bool) -> dict[str, dict[str, Any]]:
    """The counts of all fields in one scan."""
    picks: dict[str, exp.Expression] = {}
    for i in range(len(base.names)):
        picks |= {f"{key}{i}": term for key, term in _terms(i, is_exact).items()}
    if not picks:
        return {}
    query = exp.select(*(exp.alias_(term, name) for name, term in picks.items())).from_(base.rows())
    row = dict(zip(picks, engine.rows(query)[0], strict=True))
    return {
        name: {key.rstrip("0123456789"): value for key, value in row.items() if key == f"{key.rstrip('0123456789')}{i}"}
        for i, name in enumerate(base.names)
    }


def _terms(i: int, is_exact: bool) -> dict[str, exp.Expression]:
    v = column(f"v{i}")
    number = sql("CASE WHEN :m THEN TRY_CAST(:v AS DOUBLE) END", m=full_match(v, _DECIMAL), v=v)
    quantiles = ", ".join(str(q) for q in _QUANTILES)
    terms = {
        "filled": sql("count(:v)", v=v),
        "stood": sql("count_if(:s)", s=column(f"s{i}")),
        "unique": sql("count(DISTINCT :v)" if is_exact else "approx_count_distinct(:v)", v=v),
        "zero": sql("count_if(:n = 0)", n=number),
        "short": sql("min(length(:v))", v=v),
        "long": sql("max(length(:v))", v=v),
        "length": sql("avg(length(:v))", v=v),
        "least": sql("min(:n)", n=number),
        "most": sql("max(:n)", n=number),
        "mean": sql("avg(:n)", n=number),
        "quantiles": sql(f"approx_quantile(:n, [{quantiles}])", n=number),
        "first": sql("min(:v)", v=v),
        "last": sql("max(:v)", v=v),
        "special": sql("count_if(regexp_matches(:v, :p))", v=v, p=_SPECIAL),
        "top": exp.Anonymous(this="approx_top_k", expressions=[v.copy(), exp.Literal.number(TOP)]),
    }
    return terms | {kind: sql("count_if(:m)", m=full_match(v, pattern)) for kind, pattern in _MATCHED}


def _tops(engine: Engine, base: _Base, figures: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[tuple[str, int], ...]]:
    """The most frequent values with their exact rows: one more scan."""
    picks = []
    named = []
    for i, name in enumerate(base.names):
        found = [value for value in figures[name]["top"] or () if value is not None]
        if found:
            chosen = exp.In(this=column(f"v{i}"), expressions=[exp.Literal.string(value) for value in found])
            picks.append(sql("histogram(CASE WHEN :c THEN :v END)", c=chosen, v=column(f"v{i}")))
            named.append(name)
    if not picks:
        return {}
    row = engine.rows(exp.select(*picks).from_(base.rows()))[0]
    return {
        name: tuple(sorted(((str(k), int(n)) for k, n in (counts or {}).items()), key=lambda pair: (-pair[1], pair[0])))
        for name, counts in zip(named, row, strict=True)
    }


def _forms(engine: Engine, base: _Base, records: int) -> dict[str, tuple[tuple[str, float], ...]]:
    """The most frequent forms of each field, from rows that their content chooses at random."""
    if not base.names or not records:
        return {}
    every = max(1, records // SAMPLE)
    where = one_of(base.terms, every) if every > 1 else None
    picks = []
    for i in range(len(base.names)):
        picks.append(exp.alias_(form_of(sql("left(:v, 60)", v=column(f"v{i}"))), f"f{i}"))
    formed = exp.select(*picks).from_(base.rows(where)).subquery("q")
    row = engine.rows(exp.select(*(sql("histogram(:f)", f=column(f"f{i}")) for i in range(len(picks)))).from_(formed))[0]
    found = {}
    for name, counts in zip(base.names, row, strict=True):
        total = sum((counts or {}).values())
        ranked = sorted((counts or {}).items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
        found[name] = tuple((str(form), n / total) for form, n in ranked)
    return found


def _field(
    name: str,
    records: int,
    one: Mapping[str, Any],
    top: tuple[tuple[str, int], ...],
    patterns: tuple[tuple[str, float], ...],
) -> FieldProfile:
    filled = int(one["filled"] or 0)
    kind, share = _type(one, filled)
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
        top=top,
        patterns=patterns,
    )


def _type(one: Mapping[str, Any], filled: int) -> tuple[str, float]:
    """The narrowest type that nearly all values have, and the share that has it."""
    if not filled:
        return "empty", 1.0
    for kind, _pattern in _MATCHED:
        share = int(one[kind] or 0) / filled
        if share >= _TYPE_SHARE:
            return kind, share
    return "text", 1.0
