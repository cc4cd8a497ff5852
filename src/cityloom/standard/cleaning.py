"""Cleaning rules at work: rows put right, set apart, or kept and flagged, each with the rule and its version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import never_null
from cityloom.kernel.errors import ConfigError
from cityloom.model.cleaning import COMPLETE, FILTER, TOLERATE, CleaningVersion
from cityloom.model.standard import CodeTable
from cityloom.standard.base import ProgramStep, build
from cityloom.standard.plan import ItemPlan, Mapped, check_inputs, given

Row = dict[str, Any]
REPLACED = "replaced"
"""The flag of a row for which a corrected one stands."""


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """An approved version of a rule made ready.

    Args:
        mark: the rule's name and version, ``name@version``.
        kind: ``complete``, ``filter`` or ``tolerate``.
        remainder: what becomes of a row that is not put right.
        condition: over items, true for a row that breaks the rule.
        is_broken: the same for a row of items in memory.
        corrections: by item the steps that put it right.
    """

    mark: str
    kind: str
    remainder: str
    condition: exp.Expression
    is_broken: Callable[[Mapping[str, Any]], bool]
    corrections: tuple[ItemPlan, ...] = ()

    @property
    def is_filtering(self) -> bool:
        """Whether it may set rows apart."""
        return (self.remainder if self.kind == COMPLETE else self.kind) == FILTER


def ready(
    one: CleaningVersion,
    condition: exp.Expression,
    is_broken: Callable[[Mapping[str, Any]], bool],
    *,
    items: Sequence[str],
    codes: Mapping[str, CodeTable],
) -> Cleaning:
    """A version with its condition.

    Raises:
        ConfigError: ``standard.cleaning.item``, ``standard.cleaning.program``, or what a step's definition is wrong in.
    """
    plans = []
    for item, uses in one.rule.correct.items() if one.kind == COMPLETE else ():
        steps = tuple(build(use, codes) for use in uses)
        if item not in items or any(isinstance(step, ProgramStep) for step in steps):
            raise ConfigError(
                "standard.cleaning.steps",
                "The cleaning rule {rule} of {resource} cannot put {item} right.",
                hint="Name an item, and steps that are no programs; put those among the steps of the item itself.",
                rule=one.rule.name,
                resource=one.resource,
                item=item,
            )
        plans.append(ItemPlan(item=item, column="", steps=steps, inputs=tuple(use.inputs for use in uses)))
    known = {p.item for p in plans}
    others = [ItemPlan(item=name, column="", steps=()) for name in items if name not in known]
    check_inputs(one.resource, [*(ItemPlan(item=p.item, column="", steps=()) for p in plans), *others])
    return Cleaning(
        mark=one.mark,
        kind=one.kind,
        remainder=one.rule.remainder,
        condition=condition,
        is_broken=is_broken,
        corrections=tuple(plans),
    )


@dataclass
class Cleaned:
    """The columns of cleaning over a mapping: corrected items, flags, and which rule sets a row apart.

    Args:
        mapped: raw rows with the steps of their items on top.
        rules: in order; each sees what those before it put right.
        is_replaced: whether the rows tell (``_replaced``) for which of them a corrected one stands.
    """

    mapped: Mapped
    rules: Sequence[Cleaning] = ()
    is_replaced: bool = False
    _values: dict[str, exp.Column] = field(default_factory=dict)
    _marks: list[exp.Expression] = field(default_factory=list)
    _flags: list[exp.Expression] = field(default_factory=list)
    _caught: list[tuple[int, exp.Expression]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number, rule in enumerate(self.rules):
            self._apply(number, rule)

    def item(self, name: str) -> exp.Column:
        """The column that holds an item's value after cleaning."""
        return self._values.get(name) or self.mapped.item(name)

    @property
    def items(self) -> dict[str, exp.Expression]:
        """All items by name."""
        return {p.item: self.item(p.item) for p in self.mapped.plans}

    def marks(self) -> exp.Expression:
        """The marks of the steps, and one for every correction of every rule: ``.`` unchanged, ``c`` or ``x``."""
        return exp.Concat(expressions=[self.mapped.marks(), *self._marks]) if self._marks else self.mapped.marks()

    def fixed(self) -> exp.Expression:
        """How many items of a row differ from their raw value."""
        return self.mapped.fixed(self._values)

    def flags(self) -> exp.Expression:
        """The rules that put a row right or tolerate it, as ``kind:name@version``, one blank between; NULL for none."""
        parts = list(self._flags)
        if self.is_replaced:
            parts.append(sql(f"CASE WHEN _replaced THEN ' {REPLACED}' ELSE '' END"))
        if not parts:
            return sql("CAST(NULL AS VARCHAR)")
        return sql("nullif(substr(:all, 2), '')", all=exp.Concat(expressions=[exp.Literal.string(""), *parts]))

    def caught(self) -> exp.Expression:
        """Number of the first rule that sets a row apart, from 1; 0 when none does."""
        term: exp.Expression = exp.Literal.number(0)
        for number, broken in reversed(self._caught):
            term = sql("CASE WHEN :broken THEN :number ELSE :other END", broken=broken, number=number + 1, other=term)
        return self.mapped.layers.add(sql("CAST(:term AS BIGINT)", term=term))

    @property
    def is_filtering(self) -> bool:
        """Whether any rule sets rows apart."""
        return any(rule.is_filtering for rule in self.rules)

    def _apply(self, number: int, rule: Cleaning) -> None:
        broken = self._broken(rule)
        if rule.kind == COMPLETE:
            for one in rule.corrections:
                self._correct(one, broken)
            still = self._broken(rule)
            self._flag(rule, COMPLETE, sql("(:b AND NOT :s)", b=broken, s=still))
            broken = still
        if rule.is_filtering:
            self._caught.append((number, broken))
        else:
            self._flag(rule, TOLERATE, broken)

    def _broken(self, rule: Cleaning) -> exp.Column:
        return self.mapped.layers.add(never_null(self.mapped.resolved(rule.condition, self.item)))

    def _flag(self, rule: Cleaning, kind: str, condition: exp.Expression) -> None:
        self._flags.append(sql("CASE WHEN :c THEN :flag ELSE '' END", c=condition, flag=f" {kind}:{rule.mark}"))

    def _correct(self, one: ItemPlan, broken: exp.Expression) -> None:
        before = self.item(one.item)
        value: exp.Expression = before
        for k, step in enumerate(one.steps):
            others = [self.mapped.input(name, self.item) for name in one.inputs_of(k)]
            value = step.sql(value, *others)  # type: ignore[union-attr]
        after = self.mapped.layers.add(
            sql("CASE WHEN :broken THEN :value ELSE :before END", broken=broken, value=value, before=before)
        )
        self._values[one.item] = after
        self._marks.append(self.mapped.layers.add(mark(before, after)))


def mark(before: exp.Expression, after: exp.Expression) -> exp.Expression:
    """What became of a value: ``.`` unchanged, ``c`` changed, ``x`` became missing."""
    text = "CASE WHEN :b IS NOT DISTINCT FROM :a THEN '.' WHEN :a IS NULL THEN 'x' ELSE 'c' END"
    return sql(text, a=after, b=before)


@dataclass(frozen=True, kw_only=True)
class CleanedRow:
    """What cleaning makes of one row in memory: its items, flags, marks, and the number of the rule that sets it apart.

    ``changes`` says by item the values after each rule that put it right, with the rule's mark.
    """

    items: Row
    flags: str | None
    marks: str
    caught: int
    changes: Mapping[str, tuple[tuple[str, str | None], ...]]


def clean(items: Mapping[str, Any], raw: Mapping[str, Any], rules: Sequence[Cleaning]) -> CleanedRow:
    """The meaning of :class:`Cleaned` for one row; ``items`` are its standard values."""
    row, flags, marks, caught = dict(items), list[str](), "", 0
    changes: dict[str, list[tuple[str, str | None]]] = {}
    for number, rule in enumerate(rules, start=1):
        is_broken = rule.is_broken(row)
        if rule.kind == COMPLETE:
            was_broken = is_broken
            for one in rule.corrections:
                before = row[one.item]
                row[one.item] = _corrected(one, row, raw) if was_broken else before
                marks += "." if row[one.item] == before else "x" if row[one.item] is None else "c"
                if row[one.item] != before:
                    changes.setdefault(one.item, []).append((rule.mark, row[one.item]))
            is_broken = rule.is_broken(row)
            if was_broken and not is_broken:
                flags.append(f"{COMPLETE}:{rule.mark}")
        if is_broken and rule.is_filtering:
            caught = caught or number
        elif is_broken:
            flags.append(f"{TOLERATE}:{rule.mark}")
    told = {item: tuple(found) for item, found in changes.items()}
    return CleanedRow(items=row, flags=" ".join(flags) or None, marks=marks, caught=caught, changes=told)


def _corrected(one: ItemPlan, row: Row, raw: Mapping[str, Any]) -> str | None:
    value: str | None = row[one.item]
    for k, step in enumerate(one.steps):
        others = [given(name, raw, lambda item: row[item]) for name in one.inputs_of(k)]
        value = step.value(value, *others)
    return value
