"""Small pieces of queries that every stage builds from, each with one meaning on every engine.

Patterns are written for RE2, Java and Python alike: no look-around, no back-reference, ``[0-9]`` and never
``\\d``, and ``full_match`` instead of ``$`` (which matches before a trailing newline on some engines).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from cityloom.engines.base import copied, sql

_HELD = "cityloom_held"
_MANY = 300
"""Pairs from which a list is joined."""
_BETWEEN, _APART = "\x1f", "\x1e"


@dataclass(frozen=True, eq=False)
class Held:
    """A shared term that a stand-in in a tree refers to. Copies of the tree refer to the same one."""

    term: exp.Expression

    @cached_property
    def digest(self) -> str:
        """The same for equal terms only."""
        return hashlib.sha256(folded(self.term).sql(dialect="duckdb", copy=False).encode()).hexdigest()

    def __deepcopy__(self, memo: dict[int, object]) -> Held:
        return self


def shared(term: exp.Expression) -> exp.Expression:
    """A stand-in for a term that is worth computing once, however often it is used.

    :class:`cityloom.engines.layers.Layers` gives it a layer of its own; :func:`plain` puts the term back. It
    is computed for every row, also where it stands in a branch that is not taken: so it must be cheap, or
    used by nearly all rows.
    """
    stand_in = exp.column("cityloom_shared")
    stand_in.meta[_HELD] = Held(term)
    return stand_in


def held(node: exp.Expression) -> Held | None:
    """What a stand-in refers to; None for any other node."""
    found = node.meta.get(_HELD) if isinstance(node, exp.Column) else None
    return found if isinstance(found, Held) else None


def plain(term: exp.Expression) -> exp.Expression:
    """The term with every shared part written out in its place, for queries without layers."""
    root = exp.Paren(this=copied(term))
    for node in list(root.find_all(exp.Column)):
        inner = held(node)
        if inner is not None:
            node.replace(exp.Paren(this=plain(inner.term)))
    return root


def folded(term: exp.Expression) -> exp.Expression:
    """The term with a digest in the place of every shared part: it tells terms apart, and is short."""
    root = exp.Paren(this=copied(term))
    for node in list(root.find_all(exp.Column)):
        inner = held(node)
        if inner is not None:
            node.replace(column(inner.digest))
    return root


def column(name: str, table: str | None = None) -> exp.Column:
    """A column by its exact name."""
    return exp.column(name, table=table, quoted=True)


def full_match(text: exp.Expression, pattern: str) -> exp.Expression:
    """Whether a text as a whole matches a pattern; NULL for NULL."""
    return sql("regexp_matches(:text, :pattern)", text=text, pattern=rf"^(?:{pattern})\z")


def pattern_of(condition: exp.Expression) -> str | None:
    """The pattern of a :func:`full_match`; None for any other condition."""
    if not isinstance(condition, exp.RegexpLike) or not isinstance(condition.expression, exp.Literal):
        return None
    text = str(condition.expression.this)
    return text[4:-3] if text.startswith("^(?:") and text.endswith(r")\z") else None


def found(text: exp.Expression, pattern: str) -> exp.Expression:
    """Whether a pattern occurs anywhere in a text; NULL for NULL."""
    return sql("regexp_matches(:text, :pattern)", text=text, pattern=pattern)


def never_null(condition: exp.Expression) -> exp.Expression:
    """A condition that is false where it was NULL."""
    return sql("coalesce(:condition, false)", condition=condition)


def all_of(*conditions: exp.Expression) -> exp.Expression:
    """Whether every condition holds."""
    return exp.Paren(this=exp.and_(*conditions, copy=False))


def any_of(*conditions: exp.Expression) -> exp.Expression:
    """Whether one of the conditions holds."""
    return exp.Paren(this=exp.or_(*conditions, copy=False))


def is_one_of(text: exp.Expression, values: Sequence[str]) -> exp.Expression:
    """Whether a text is one of a few (a dozen or two); NULL for NULL.

    One comparison after the other: DuckDB joins ``IN`` of five and more, which takes some 3.5 MiB for every column that
    it stands on, and twice the time.
    """
    if not values:
        return sql("CASE WHEN :x IS NOT NULL THEN false END", x=text)
    return any_of(*(sql(":x = :value", x=text, value=value) for value in values))


def trimmed(text: exp.Expression, characters: str) -> exp.Expression:
    """A text without these characters at its ends.

    ``trim`` costs DuckDB 150 to 600 ns whatever the text; here one that has none at its ends pays a quarter. The text is
    written several times: share it where it is more than a column.
    """
    if len(characters) == 1:
        ends = sql("(starts_with(:x, :c) OR ends_with(:x, :c))", x=text, c=characters)
    else:
        ends = sql("(contains(:all, left(:x, 1)) OR contains(:all, right(:x, 1)))", x=text, all=characters)
    return sql("CASE WHEN :ends THEN trim(:x, :all) ELSE :x END", ends=ends, x=text, all=characters)


def lookup(text: exp.Expression, pairs: dict[str, str]) -> exp.Expression:
    """The value that a text stands for in a fixed list of pairs; NULL where it is not in the list.

    A long list is joined instead of carried along with every row: engines would copy a map of thousands for each.
    ``DISTINCT`` keeps DuckDB from laying all rows aside before it joins (a quarter of the cost).
    """
    if len(pairs) > _MANY and not any(_BETWEEN in part or _APART in part for pair in pairs.items() for part in pair):
        listed = _APART.join(f"{key}{_BETWEEN}{value}" for key, value in pairs.items())
        return sql(
            "(SELECT max(m.v) FROM (SELECT DISTINCT split_part(u.e, :between, 1) AS k, split_part(u.e, :between, 2) AS v"
            " FROM (SELECT unnest(string_split(:listed, :apart)) AS e) AS u) AS m WHERE m.k = :x)",
            between=_BETWEEN,
            apart=_APART,
            listed=listed,
            x=text,
        )
    keys = exp.Array(expressions=[exp.Literal.string(k) for k in pairs])
    values = exp.Array(expressions=[exp.Literal.string(v) for v in pairs.values()])
    return exp.Bracket(this=exp.VarMap(keys=keys, values=values), expressions=[text.copy()])


def is_real_date(year: exp.Expression, month: exp.Expression, day: exp.Expression) -> exp.Expression:
    """Whether three whole numbers are a day of the Gregorian calendar, as integer arithmetic."""
    leap = sql(
        "CASE WHEN :y % 4 = 0 AND (:y % 100 <> 0 OR :y % 400 = 0) THEN 29 ELSE 28 END", y=exp.Paren(this=year.copy())
    )
    return sql(
        "(:y >= 1 AND :m >= 1 AND :m <= 12 AND :d >= 1"
        " AND :d <= CASE WHEN :m = 2 THEN :leap ELSE 30 + (:m + :m // 8) % 2 END)",
        y=exp.Paren(this=year.copy()),
        m=exp.Paren(this=month.copy()),
        d=exp.Paren(this=day.copy()),
        leap=leap,
    )
