"""What a quality rule is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.languages import is_apart, is_within, lengths, matches
from cityloom.engines.terms import all_of, shared
from cityloom.kernel.registry import make
from cityloom.model.standard import CodeTable, RuleUse
from cityloom.model.text import Title

RULES = "cityloom.quality.rules"
BLANKS = " \t\n\v\f\r\u00a0\u3000"
_AFTER_BLANKS = "\u3001"
"""Sorts behind every text that begins with a blank."""
STAND_INS = ("无", "不详", "未知", "暂无", "不明", "空", "-", "--", "/", "NULL", "null", "None", "N/A", "n/a")
"""Texts that stand for a missing value unless a rule declares others."""


@dataclass(frozen=True)
class Case:
    """An example of a row rule: the values of its columns, whether they break it, and its fields."""

    given: tuple[str | None, ...]
    is_broken: bool
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableCase:
    """An example of a table rule: the rows' values, how many are checked and broken, its fields, rows of other tables."""

    given: tuple[tuple[str | None, ...], ...]
    checked: int
    broken: int
    options: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[tuple[tuple[str | None, ...], ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Texts that keep a rule for certain: they match ``within`` (when given) as a whole, do not match ``apart`` as a
    whole, and have ``least`` to ``most`` characters."""

    within: str = ""
    apart: str = ""
    least: int = 0
    most: int | None = None

    def holds_for(self, pattern: str) -> bool:
        """Whether it is certain that every text of a pattern is one of them."""
        least, most = lengths(pattern) if self.least or self.most is not None else (0, 0)
        return (
            least >= self.least
            and (self.most is None or (most is not None and most <= self.most))
            and (not self.within or is_within(pattern, self.within))
            and (not self.apart or is_apart(pattern, self.apart))
        )

    def has(self, text: str) -> bool:
        """Whether it is certain that a text is one of them."""
        return (
            self.least <= len(text) <= (len(text) if self.most is None else self.most)
            and (not self.within or matches(self.within, text) is True)
            and (not self.apart or matches(self.apart, text) is False)
        )


NOT_BLANK = Kept(apart=f"[{BLANKS}]*")
"""Texts that are there."""


@dataclass(frozen=True, kw_only=True)
class Sure:
    """A cheap ``term`` that is true only for texts that keep a rule, and what those texts are: ``texts``, or texts that
    match ``pattern`` as a whole. It may be false or NULL for others that keep it."""

    term: exp.Expression
    pattern: str = ""
    texts: tuple[str, ...] = ()


class Rule(Protocol):
    """A rule on one row: some columns, and whether they break it.

    ``is_broken`` is the meaning, ``broken`` the same as a term that is never NULL. A rule applies to rows in
    which none of its columns is missing, unless ``applies_to_missing``.

    A rule on one column may say more of itself, so that it is not asked where another rule has answered: a property
    ``kept`` (:class:`Kept`), and a method ``sure(column)`` that gives a :class:`Sure` or None.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    scope: ClassVar[str]
    applies_to_missing: ClassVar[bool]
    cases: ClassVar[tuple[Case, ...]]

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether a row breaks the rule."""
        ...

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether these values break the rule."""
        ...


class TableRule(Protocol):
    """A rule on a table as a whole, answered by a query of its own.

    ``counts`` gives one row ``checked, broken``; ``broken_rows`` the positions ``_batch, _row``; both over a
    relation with the columns ``c0, c1, …`` and ``_batch, _row``.

    A rule that looks at other tables has the property ``others``, pairs of a resource's name and the items that it
    wants of it. ``counts``, ``broken_rows`` and ``count`` then get one argument more: for each pair a relation (or the
    rows) with the columns ``c0, c1, …`` in that order. The name ``@2`` stands for the table itself two versions ago;
    of these, those that there are come last.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    scope: ClassVar[str]
    cases: ClassVar[tuple[TableCase, ...]]

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Query for rows checked and broken."""
        ...

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Query for the positions of broken rows."""
        ...

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows checked and broken."""
        ...


def is_blank(column: exp.Expression) -> exp.Expression:
    """Whether a value is missing or nothing but blanks; shared, never NULL.

    Nearly all values are known by how they sort: what begins with a sign between the first and the last blank needs a
    closer look (a hundredth of the cost of ``trim``).
    """
    term = sql(
        "(CASE WHEN :x >= :wide THEN false WHEN :x >= '!' AND :x < '~' THEN false WHEN :x IS NULL THEN true"
        " ELSE NOT regexp_matches(:x, :seen) END)",
        x=column,
        wide=_AFTER_BLANKS,
        seen=f"[^{BLANKS}]",
    )
    return shared(term)


def is_blank_value(value: str | None) -> bool:
    """The meaning of :func:`is_blank`."""
    return value is None or value.strip(BLANKS) == ""


def applies(rule: Rule, columns: Sequence[exp.Expression]) -> exp.Expression:
    """Whether a rule applies to a row; never NULL."""
    own: Callable[[Sequence[exp.Expression]], exp.Expression] | None = getattr(rule, "applies", None)
    if own is not None:
        return own(columns)
    if rule.applies_to_missing:
        return exp.true()
    return shared(all_of(*(sql("NOT :blank", blank=is_blank(c)) for c in columns)))


def applies_to(rule: Rule, values: Sequence[str | None]) -> bool:
    """The meaning of :func:`applies`."""
    own: Callable[[Sequence[str | None]], bool] | None = getattr(rule, "applies_to", None)
    if own is not None:
        return own(values)
    return rule.applies_to_missing or not any(is_blank_value(x) for x in values)


def softened(judged: exp.Expression, share: float) -> exp.Expression:
    """Rows checked and broken, of a query for ``n, lost``: with a ``share`` below 1 none is broken as long as at least
    that share is not lost."""
    return sql(
        "SELECT n AS checked, CASE WHEN n - lost >= :share * n AND :soft THEN 0 ELSE lost END AS broken FROM :query AS q",
        share=share,
        soft=share < 1,
        query=exp.Subquery(this=judged),
    )


def softened_count(checked: int, lost: int, share: float) -> tuple[int, int]:
    """The meaning of :func:`softened`."""
    return checked, 0 if share < 1 and checked - lost >= share * checked else lost


def build(
    use: RuleUse, *, tables: Mapping[str, CodeTable], today: str, cycle: str, columns: Sequence[str] = ()
) -> Any:
    """The rule (a :class:`Rule` or a :class:`TableRule`) that a definition asks for, without its ``when``.

    Args:
        use: the definition.
        tables: code tables by name.
        today: the present day, ``yyyy-mm-dd``.
        cycle: how often the resource is renewed.
        columns: names of the items that the rule is given, in their order.

    Raises:
        ConfigError: no such rule, or options that it does not have.
    """
    return make(RULES, use.rule, use.options, tables=tables, today=today, cycle=cycle, columns=tuple(columns))
