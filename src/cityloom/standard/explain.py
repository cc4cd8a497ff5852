"""Why a cell of the standard layer is what it is: raw value, each step with its result, last value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.errors import UserError
from cityloom.lake.changes import rows_of
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.model.text import Title
from cityloom.standard.plan import Mapped, plan
from cityloom.standard.reference import trace


@dataclass(frozen=True, kw_only=True)
class StepTrace:
    """What one step made of a value."""

    step: str
    title: Title
    result: str | None
    is_changed: bool


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
) -> tuple[Cell, ...]:
    """Every item of one raw row, told by the reference meaning of its steps.

    The answer holds values: who may see them is for the caller to decide.

    Raises:
        UserError: ``standard.row.unknown``.
    """
    plans = plan(resource, elements, codes)
    source = rows_of(lake, resource)
    mapped = Mapped(source, lake.engine.columns(exp.select("*").from_(source.copy())), plans)
    names = {f"_raw{i}": column(f"_raw{i}") for i in range(len(plans))}
    query = mapped.layers.query({**names, "_batch": column("_batch"), "_row": column("_row")})
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
    cells = []
    for number, (one, item) in enumerate(zip(plans, resource.items, strict=True)):
        values = trace(one, found[0][f"_raw{number}"])
        steps = tuple(
            StepTrace(step=step.name, title=step.title, result=after, is_changed=after != before)
            for step, before, after in zip(one.steps, values, values[1:], strict=False)
        )
        cells.append(
            Cell(item=one.item, title=item.title, column=one.column, raw=values[0], steps=steps, result=values[-1])
        )
    return tuple(cells)
