"""Rules on one column that need not be asked of a row, because others on the same column have already said that it is good.

Of all rules on a column the strictest lead: the texts that they let through are known (:class:`Sure`), and what every such
text keeps (:class:`Kept`) follows for all rows at once, without looking at them. So most rows cost as much as the
leading rules, however many rules there are; the others are asked where a leading rule does not say that all is good.
What is found is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.layers import Guard, Layers
from cityloom.engines.terms import all_of, column, held, pattern_of
from cityloom.quality.base import NOT_BLANK, Kept, Sure, applies, is_blank, is_blank_value
from cityloom.quality.plan import RulePlan

_MANY = 2000
"""Texts of a list that are looked at one by one."""


@dataclass(frozen=True)
class Flag:
    """Whether a row breaks a rule: ``broken``, of rows in which the column ``unless`` is not true, and ``checked`` the
    column that tells whether the rule applies (None: to every row)."""

    broken: exp.Expression
    checked: str | None
    unless: str | None = None

    @property
    def term(self) -> exp.Expression:
        """The flag for all rows."""
        if self.unless is None:
            return self.broken
        return sql("CASE WHEN :x THEN false ELSE :broken END", x=column(self.unless), broken=self.broken)


def flags(layers: Layers, plans: Sequence[RulePlan]) -> list[Flag]:
    """For each rule on rows whether a row breaks it."""
    groups: dict[str, list[RulePlan]] = {}
    for one in plans:
        if len(one.columns) == 1 and getattr(one.rule, "applies", None) is None:
            groups.setdefault(one.columns[0], []).append(one)
    asked: dict[str, exp.Expression] = {}
    led: dict[str, exp.Column] = {}
    for name, group in groups.items():
        good = _good(layers, name, group, asked)
        if good is not None:
            led |= {one.name: good for one in group}
    found = {}
    for one in sorted(plans, key=lambda one: one.name in led):
        columns, good = [column(name) for name in one.columns], led.get(one.name)
        checked = None if one.rule.applies_to_missing else _checked(layers, one, columns, good).name
        broken = asked[one.name] if one.name in asked else one.rule.broken(columns)
        flag = broken if checked is None else sql("(:a AND :b)", a=column(checked), b=broken)
        flag = layers.resolve(flag, under=one.columns[0] if good is not None else None)
        found[one.name] = Flag(flag, checked, good.name if good is not None else None)
    return [found[one.name] for one in plans]


def _checked(layers: Layers, one: RulePlan, columns: Sequence[exp.Column], good: exp.Column | None) -> exp.Column:
    """The column that tells whether a rule applies."""
    applied = applies(one.rule, columns)
    if good is None:
        return layers.add(applied)
    inner = layers.resolve(applied, under=one.columns[0])
    return layers.add(sql("CASE WHEN :good THEN true ELSE :applied END", good=good, applied=inner))


def _good(
    layers: Layers, name: str, group: Sequence[RulePlan], asked: dict[str, exp.Expression]
) -> exp.Column | None:
    """The column that is true where a value keeps all rules of a group; None where it is not worth having.

    Rules without a cheap answer that no other rule implies are asked of all rows: their columns are put in ``asked``.
    """
    x = column(name)
    leading = _leaders(group, x)
    leaders = list(leading.values())
    if not leaders and len(group) < 2:
        return None
    terms = [sure.term for sure in leaders]
    for one in group:
        if one.name not in leading and not any(implies(sure, one.rule) for sure in leaders):
            asked[one.name] = layers.add(one.rule.broken([x]))
            terms.append(sql("(NOT :broken)", broken=asked[one.name]))
    is_there = any(_keeps_there(sure) for sure in leaders)
    if not is_there:
        terms.append(sql("(NOT :blank)", blank=is_blank(x)))
    holds = layers.add(terms[0] if len(terms) == 1 else all_of(*terms))
    blank = held(is_blank(x))

    def known(term: exp.Expression) -> exp.Expression | None:
        if blank is not None and term == blank.term:
            return exp.false()
        pattern = pattern_of(term)
        is_matched = pattern is not None and term.this == x and any(_keeps(sure, pattern) for sure in leaders)
        return exp.true() if is_matched else None

    layers.guard(name, Guard(holds, known))
    return holds


def _leaders(group: Sequence[RulePlan], x: exp.Column) -> dict[str, Sure]:
    """The answers of the fewest rules from which those of the others follow, by rule."""
    offered = []
    for one in group:
        sure: Sure | None = one.rule.sure(x) if hasattr(one.rule, "sure") else None
        if sure is not None and len(sure.texts) <= _MANY:
            offered.append((sum(implies(sure, other.rule) for other in group), one, sure))
    leaders: dict[str, Sure] = {}
    for _, one, sure in sorted(offered, key=lambda found: -found[0]):
        if not any(implies(leader, one.rule) for leader in leaders.values()):
            leaders[one.name] = sure
    return leaders


def implies(sure: Sure, rule: Any) -> bool:
    """Whether it is certain that all texts of an answer keep a rule.

    Listed texts are not held against a rule's own pattern by ``is_broken``: some patterns take Python years.
    """
    kept: Kept | None = getattr(rule, "kept", None)
    if sure.texts:
        is_kept = kept.has if kept is not None and kept.within else lambda text: not rule.is_broken((text,))
        return all(map(is_kept, sure.texts))
    return kept is not None and kept.holds_for(sure.pattern)


def _keeps_there(sure: Sure) -> bool:
    if sure.texts:
        return not any(is_blank_value(text) for text in sure.texts)
    return NOT_BLANK.holds_for(sure.pattern)


def _keeps(sure: Sure, pattern: str) -> bool:
    if sure.texts:
        return all(map(Kept(within=pattern).has, sure.texts))
    return Kept(within=pattern).holds_for(sure.pattern)
