"""Why a cell of the standard layer is what it is: raw value, each step with its result, last value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.errors import UserError
from cityloom.lake.changes import rows_of
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.model.text import Title
from cityloom.standard.cleaning import Cleaning, clean
from cityloom.standard.plan import RAW, ItemPlan, given, plan
from cityloom.standard.reference import traces

CLEANING = Title("清洗规则", "Cleaning rule")


@dataclass(frozen=True, kw_only=True)
class StepTrace:
    """What one step made of a value; ``inputs`` are the further columns that it looked at, with their values."""

    step: str
    title: Title
    result: str | None
    is_changed: bool
    inputs: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One item of one row: the raw value under its raw column, and every step up to the standard value."""

    item: str
    title: Title
    column: str
    raw: str | None
    steps: tuple[StepTrace, ...]
    result: str | None

    @property
    def is_changed(self) -> bool:
        """Whether the standard value differs from the raw one."""
        return self.raw != self.result


def explain(
    resource: Resource,
    batch: str,
    row: int,
    *,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    cleaning: Sequence[Cleaning] = (),
) -> tuple[Cell, ...]:
    """Every item of one raw row, told by the reference meaning of its steps and of the cleaning rules that act.

    The answer holds values: who may see them is for the caller to decide.

    Raises:
        UserError: ``standard.row.unknown``.
    """
    plans = plan(resource, elements, codes)
    source = rows_of(lake, resource)
    types = lake.engine.columns(exp.select("*").from_(source.copy()))
    all_plans = (*plans, *(p for rule in cleaning for p in rule.corrections))
    looked_at = [n.removeprefix(RAW) for p in all_plans for some in p.inputs for n in some if n.startswith(RAW)]
    names = dict.fromkeys(n for n in (*(p.column for p in plans), *looked_at) if n in types)
    texts = [exp.alias_(sql("CAST(:x AS VARCHAR)", x=column(n)), f"c{i}") for i, n in enumerate(names)]
    query = exp.select(*texts, column("_batch"), column("_row")).from_(source)
    here = sql("q._batch = :batch AND q._row = :row", batch=batch, row=row)
    found = lake.engine.records(exp.select("*").from_(query.subquery("q")).where(here))
    if not found:
        raise UserError(
            "standard.row.unknown",
            "{resource} has no row {row} in the batch {batch}.",
            hint="The batch may have been superseded by a newer one.",
            resource=resource.name,
            row=row,
            batch=batch,
        )
    raw = {name: found[0][f"c{i}"] for i, name in enumerate(names)}
    made = traces(plans, raw)
    cleaned = clean({item: values[-1] for item, values in made.items()}, raw, cleaning)
    cells = (_cell(one, item.title, made, raw) for one, item in zip(plans, resource.items, strict=True))
    return tuple(_with_cleaning(cell, cleaned.changes.get(cell.item, ())) for cell in cells)


def _with_cleaning(cell: Cell, changes: Sequence[tuple[str, str | None]]) -> Cell:
    """The cell with what cleaning rules made of it; they are told as ``cleaning:name@version``."""
    if not changes:
        return cell
    further = (StepTrace(step=f"cleaning:{mark}", title=CLEANING, result=value, is_changed=True) for mark, value in changes)
    return replace(cell, steps=(*cell.steps, *further), result=changes[-1][1])


def _cell(one: ItemPlan, title: Title, made: Mapping[str, list[str | None]], raw: Mapping[str, str | None]) -> Cell:
    values = made[one.item]
    steps = tuple(
        StepTrace(
            step=step.name,
            title=step.title,
            result=after,
            is_changed=after != before,
            inputs=tuple((name, given(name, raw, lambda item: made[item][-1])) for name in one.inputs_of(k)),
        )
        for k, (step, before, after) in enumerate(zip(one.steps, values, values[1:], strict=False))
    )
    return Cell(item=one.item, title=title, column=one.column, raw=values[0], steps=steps, result=values[-1])
