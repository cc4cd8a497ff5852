"""What a profile asks of a value: whether it is there, its length, its type, its number, its odd characters.

Every value has at most one kind, found by its first sign and its length before a pattern is tried: a pattern costs
ten times as much as both.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, full_match, is_one_of, plain
from cityloom.quality.base import is_blank

_INTEGER = "[+-]?[0-9]{1,18}"
_DECIMAL = r"[+-]?([0-9]{1,18}([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_CLOSE_DATE = "[12][0-9]{3}[01][0-9][0-3][0-9]"
_DATE = "[12][0-9]{3}([-/.][0-9]{1,2}[-/.][0-9]{1,2}|年[0-9]{1,2}月[0-9]{1,2}日)"
_TIME = "[12][0-9]{3}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
_BOOLEAN = "(?i:true|false|yes|no|[yn]|是|否)"
_SPECIAL = r"[\x00-\x1f\x7f\x{200b}-\x{200f}\x{feff}\x{ff01}-\x{ff5e}]|^[\s\x{3000}]|[\s\x{3000}]\z"
KINDS = {"boolean": (1,), "time": (2,), "date": (3, 5), "integer": (4, 5), "decimal": (4, 5, 6)}
"""Types, the narrowest first, and the kinds of values that have them; 5 is a whole number that is a date as well."""


def looked_at(
    rows: exp.Expression, count: int, stand_ins: Sequence[str], weight: exp.Expression | None = None
) -> exp.Expression:
    """A relation with what is known of each text ``t0, t1, …``: ``s`` whether it stands in for a value, ``v`` the value or
    NULL where it is missing, ``k`` its kind, ``d`` its number; and the weight ``n`` where one is given."""
    kept = [weight] if weight is not None else []
    texts, values, kinds, numbers = ([f"{sign}{i}" for i in range(count)] for sign in "tvkd")
    stood = [exp.alias_(_stood(column(t), stand_ins), f"s{i}") for i, t in enumerate(texts)]
    query = exp.select(*kept, *map(column, texts), *stood).from_(rows)
    seen = [exp.alias_(_value(column(t), column(f"s{i}")), f"v{i}") for i, t in enumerate(texts)]
    flags = [column(f"s{i}") for i in range(count)]
    query = exp.select(*kept, *flags, *seen).from_(query.subquery("a"))
    found = [exp.alias_(_kind(column(v)), k) for v, k in zip(values, kinds, strict=True)]
    query = exp.select(*kept, *flags, *map(column, values), *found).from_(query.subquery("b"))
    read = [
        exp.alias_(sql("CASE WHEN :k >= 4 THEN TRY_CAST(:v AS DOUBLE) END", k=column(k), v=column(v)), d)
        for v, k, d in zip(values, kinds, numbers, strict=True)
    ]
    return exp.select("*", *read).from_(query.subquery("e")).subquery("p")


def facts(i: int, n: exp.Expression) -> dict[str, exp.Expression]:
    """The figures of one column of :func:`looked_at`, each value counted as often as ``n`` says."""
    v, k, d = column(f"v{i}"), column(f"k{i}"), column(f"d{i}")

    def times(condition: str) -> exp.Expression:
        text = f"coalesce(sum(CASE WHEN {condition} THEN :n ELSE 0 END), 0)"
        return sql(text, v=v, k=k, d=d, s=column(f"s{i}"), n=n, special=_SPECIAL)

    return {
        "filled": times(":v IS NOT NULL"),
        "stood": times(":s"),
        "zero": times(":d = 0"),
        "short": sql("min(length(:v))", v=v),
        "long": sql("max(length(:v))", v=v),
        "length": sql("sum(length(:v) * :n) / nullif(sum(CASE WHEN :v IS NOT NULL THEN :n END), 0)", v=v, n=n),
        "least": sql("min(:d)", d=d),
        "most": sql("max(:d)", d=d),
        "mean": sql("sum(:d * :n) / nullif(sum(CASE WHEN :d IS NOT NULL THEN :n END), 0)", d=d, n=n),
        "first": sql("min(:v)", v=v),
        "last": sql("max(:v)", v=v),
        "special": times("CASE WHEN :k > 0 THEN false ELSE regexp_matches(:v, :special) END"),
        **{name: times(f":k IN ({', '.join(map(str, kinds))})") for name, kinds in KINDS.items()},
    }


def _stood(text: exp.Expression, stand_ins: Sequence[str]) -> exp.Expression:
    most = max((len(word) for word in stand_ins), default=0)
    same = is_one_of(text, stand_ins)
    return sql("CASE WHEN :x IS NULL OR length(:x) > :most THEN false ELSE :same END", x=text, most=most, same=same)


def _value(text: exp.Expression, stood: exp.Expression) -> exp.Expression:
    return sql("CASE WHEN :stood OR :blank THEN NULL ELSE :x END", stood=stood, blank=plain(is_blank(text)), x=text)


def _kind(v: exp.Expression) -> exp.Expression:
    """The kind of a value: 0 a text like any other, NULL where there is none. What begins with a sign before ``:`` may be a
    number, with 1 or 2 a date."""
    return sql(
        "CASE WHEN :v IS NULL THEN NULL"
        " WHEN :v < ':' AND length(:v) <= 19 AND :integer THEN CASE WHEN length(:v) = 8 AND :close THEN 5 ELSE 4 END"
        " WHEN length(:v) <= 5 AND :boolean THEN 1"
        " WHEN :v >= '1' AND :v < '3' AND length(:v) BETWEEN 8 AND 11 AND :date THEN 3"
        " WHEN :v >= '1' AND :v < '3' AND length(:v) >= 13 AND :time THEN 2"
        " WHEN :v < ':' AND :decimal THEN 6 ELSE 0 END",
        v=v,
        integer=full_match(v, _INTEGER),
        close=full_match(v, _CLOSE_DATE),
        boolean=full_match(v, _BOOLEAN),
        date=full_match(v, _DATE),
        time=full_match(v, _TIME),
        decimal=full_match(v, _DECIMAL),
    )
