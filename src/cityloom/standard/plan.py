"""The mapping of a resource: which steps bring which raw column to which item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column, plain
from cityloom.kernel.errors import ConfigError
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import CodeTable, Element, StepUse
from cityloom.standard.base import ProgramStep, Step, build

REPLACED = "_replaced"
"""Column of a source that tells of each row whether a corrected one stands for it."""
RAW = "raw:"
"""Before the name of a column as it came."""
SYSTEM = ("_batch", "_row", "_at")
"""Columns of the raw layer that the standard layer keeps."""


@dataclass(frozen=True, kw_only=True)
class ItemPlan:
    """How one item comes about: from which raw column, by which steps in order.

    ``inputs`` are for each step the further columns that it looks at; none at all when it is shorter.
    """

    item: str
    column: str
    steps: tuple[Step | ProgramStep, ...]
    inputs: tuple[tuple[str, ...], ...] = ()

    def inputs_of(self, number: int) -> tuple[str, ...]:
        """The inputs of a step."""
        return self.inputs[number] if number < len(self.inputs) else ()


def plan(
    resource: Resource, elements: Mapping[str, Element], codes: Mapping[str, CodeTable]
) -> tuple[ItemPlan, ...]:
    """The plan of every item: its own steps, else those of its data element, else none.

    Raises:
        ConfigError: ``standard.element.unknown``, ``standard.input.unknown``, ``standard.input.circle``, or what a
            step's definition is wrong in.
    """
    plans = []
    for item in resource.items:
        uses = _uses(resource, item, elements)
        steps = tuple(build(use, codes) for use in uses)
        plans.append(ItemPlan(item=item.name, column=item.column, steps=steps, inputs=tuple(u.inputs for u in uses)))
    check_inputs(resource.name, plans)
    return tuple(plans)


def check_inputs(resource: str, plans: Sequence[ItemPlan]) -> None:
    """Refuse inputs that are no items, and items that come about from each other in a circle.

    Raises:
        ConfigError: ``standard.input.unknown`` or ``standard.input.circle``.
    """
    needs = {p.item: {n for some in p.inputs for n in some if not n.startswith(RAW)} for p in plans}
    for item, names in needs.items():
        unknown = sorted(names - set(needs))
        if unknown:
            raise ConfigError(
                "standard.input.unknown",
                "A step of the item {item} of {resource} looks at {input}, which is no item of it.",
                hint="Name an item, or raw:COLUMN for a column as it came.",
                item=item,
                resource=resource,
                input=", ".join(unknown),
            )
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise ConfigError(
            "standard.input.circle",
            "Items of {resource} come about from each other: {items}.",
            hint="Let one of them look at the column as it came: raw:COLUMN.",
            resource=resource,
            items=" \u2192 ".join(error.args[1]),
        ) from None


def _uses(resource: Resource, item: Item, elements: Mapping[str, Element]) -> tuple[StepUse, ...]:
    if item.element is not None and item.element not in elements:
        raise ConfigError(
            "standard.element.unknown",
            "The item {item} of {resource} names the data element {element}, which is not defined.",
            hint="Define the element, or correct the name.",
            item=item.name,
            resource=resource.name,
            element=item.element,
        )
    inherited = elements[item.element].steps if item.element is not None else ()
    return inherited if item.steps is None else item.steps


class Mapped:
    """Raw rows with the items of a plan on top, step by step, each step in a layer of its own.

    Args:
        source: relation of the raw rows.
        types: its columns with the engine's names of their types.
        plans: of all items.
        further: inputs of steps that are not among the plans', such as those of cleaning rules.
        lookups: what programs answered, by their names (:mod:`cityloom.standard.lookups`).
    """

    def __init__(
        self,
        source: exp.Expression,
        types: Mapping[str, str],
        plans: tuple[ItemPlan, ...],
        lookups: Mapping[str, exp.Expression] | None = None,
        further: Sequence[str] = (),
    ) -> None:
        self.plans = plans
        self._lookups = lookups or {}
        self.missing = tuple(p.item for p in plans if p.column not in types)
        base = {name: column(name) for name in SYSTEM if name in types}
        raw = {f"_raw{i}": _as_text(p.column, types) for i, p in enumerate(plans)}
        inputs = (*(name for p in plans for some in p.inputs for name in some), *further)
        looked_at = dict.fromkeys(name.removeprefix(RAW) for name in inputs if name.startswith(RAW))
        self._columns = {name: f"_col{i}" for i, name in enumerate(looked_at)}
        others = {place: _as_text(name, types) for name, place in self._columns.items()}
        replaced = {REPLACED: column(REPLACED)} if REPLACED in types else {}
        self.layers = Layers(source, {**base, **raw, **others, **replaced})
        self.kept = tuple(base)
        self._made: dict[int, list[exp.Column]] = {}

    def stages(self, number: int) -> list[exp.Column]:
        """The columns of an item, from the raw value over each step's result to the last."""
        self.stage(number, len(self.plans[number].steps))
        return self._made[number]

    def stage(self, number: int, count: int) -> exp.Column:
        """The column of an item after so many of its steps."""
        made = self._made.setdefault(number, [column(f"_raw{number}")])
        for k in range(len(made) - 1, count):
            step = self.plans[number].steps[k]
            others = [self.input(name) for name in self.plans[number].inputs_of(k)]
            made.append(self.layers.add(self._term(step, made[-1], others), name=f"_s{number}_{k}"))
        return made[count]

    def input(self, name: str, item: Callable[[str], exp.Column] | None = None) -> exp.Column:
        """The column of a step's input: an item's standard value (or what ``item`` gives), or a column as it came."""
        return column(self._columns[name.removeprefix(RAW)]) if name.startswith(RAW) else (item or self.item)(name)

    def _term(self, step: Step | ProgramStep, given: exp.Expression, others: Sequence[exp.Expression]) -> exp.Expression:
        if not isinstance(step, ProgramStep):
            return step.sql(given, *others)
        answers = self._lookups[step.program.name]
        text = "SELECT max(:y) FROM :answers AS m WHERE m._given = :x"
        return exp.Subquery(this=sql(text, y=column(step.output, "m"), answers=answers, x=given))

    def item(self, name: str) -> exp.Column:
        """The column that holds an item's standard value."""
        number = next(i for i, p in enumerate(self.plans) if p.item == name)
        return self.stages(number)[-1]

    def resolved(self, term: exp.Expression, item: Callable[[str], exp.Column] | None = None) -> exp.Expression:
        """A term over items as a term over the columns that hold them (or those that ``item`` gives)."""
        root = plain(term)
        names = {p.item for p in self.plans}
        for node in list(root.find_all(exp.Column)):
            if node.name in names:
                node.replace((item or self.item)(node.name).copy())
        return root

    def marks(self) -> exp.Expression:
        """One character for every step of every item: ``.`` unchanged, ``c`` changed, ``x`` became missing."""
        marks: list[exp.Expression] = []
        for number in range(len(self.plans)):
            made = self.stages(number)
            for before, after in zip(made, made[1:], strict=False):
                marks.append(
                    sql(
                        "CASE WHEN :b IS NOT DISTINCT FROM :a THEN '.' WHEN :a IS NULL THEN 'x' ELSE 'c' END",
                        a=after,
                        b=before,
                    )
                )
        return exp.Concat(expressions=marks) if marks else exp.Literal.string("")

    def fixed(self, last: Mapping[str, exp.Column] | None = None) -> exp.Expression:
        """How many items of a row differ from their raw value; ``last`` are columns that took an item's place."""
        total: exp.Expression = exp.Literal.number(0)
        for number, plan_ in enumerate(self.plans):
            made = self.stages(number)
            end = (last or {}).get(plan_.item, made[-1])
            if end is not made[0]:
                one = sql("CASE WHEN :a IS DISTINCT FROM :b THEN 1 ELSE 0 END", a=end, b=made[0])
                total = exp.Add(this=total, expression=one)
        return sql("CAST(:total AS BIGINT)", total=total)


def _as_text(name: str, types: Mapping[str, str]) -> exp.Expression:
    if name not in types:
        return sql("CAST(NULL AS VARCHAR)")
    found = column(name)
    return found if types[name] == "VARCHAR" else sql("CAST(:x AS VARCHAR)", x=found)


def given(name: str, raw: Mapping[str, Any], item: Callable[[str], str | None]) -> str | None:
    """The value of a step's input in memory: of a column as it came, or an item's standard value."""
    return raw.get(name.removeprefix(RAW)) if name.startswith(RAW) else item(name)
