"""The meaning of standardising, in plain Python: the same plan as ``standard.run``, over rows in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cityloom.engines.reference import ReferenceEngine, Row
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.plan import SYSTEM, ItemPlan, plan

Caught = Callable[[Row], bool]
"""A filter: whether a row of items is to be set apart."""


@dataclass(frozen=True, kw_only=True)
class Standardised:
    """The rows of the standard table, and those set apart, with the columns of ``standard.run``'s tables but
    for the order of columns."""

    rows: list[dict[str, Any]]
    apart: list[dict[str, Any]]


def standardise(
    resource: Resource,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    rows: Sequence[Row],
    filters: Sequence[Caught] = (),
) -> Standardised:
    """What ``standard.run`` makes of raw rows (text, with ``_batch``, ``_row`` and perhaps ``_at``)."""
    engine, plans = ReferenceEngine(), plan(resource, elements, codes)
    made = [_standard(plans, row) for row in rows]
    for row in made:
        row["_filter"] = next((n for n, caught in enumerate(filters, start=1) if caught(row)), 0)
    stay = engine.keep(made, lambda row: row["_filter"] == 0)
    newest = engine.latest(stay, lambda row: key_of(resource, row), lambda row: order_of(resource, row))
    apart = engine.keep(made, lambda row: row["_filter"] > 0)
    return Standardised(
        rows=[
            {**{k: v for k, v in row.items() if k != "_filter"}, "_current": is_newest}
            for row, is_newest in zip(stay, newest, strict=True)
        ],
        apart=[{k: v for k, v in row.items() if k not in ("_fixed", "_steps")} for row in apart],
    )


def trace(one: ItemPlan, raw: str | None) -> list[str | None]:
    """The raw value of an item, and what each step made of it, in order; the last is the standard value."""
    values = [raw]
    for step in one.steps:
        values.append(step.value(values[-1]))
    return values


def key_of(resource: Resource, row: Row) -> tuple[str | None, ...] | None:
    """What names a row: its key items, None when one is missing; all items where there is no key."""
    if not resource.key:
        return tuple(row[item.name] for item in resource.items)
    key = tuple(row[name] for name in resource.key)
    return None if None in key else key


def order_of(resource: Resource, row: Row) -> tuple[str | int, ...]:
    """What tells how new a row is: its own date, when it was collected, its batch and its place in it."""
    dated = [row[resource.latest] or ""] if resource.latest else []
    return (*dated, row.get("_at", ""), row["_batch"], row["_row"])


def _standard(plans: Sequence[ItemPlan], raw: Row) -> dict[str, Any]:
    """The items of one row, and what was done to them."""
    traces = {one.item: trace(one, raw.get(one.column)) for one in plans}
    pairs = [pair for values in traces.values() for pair in zip(values, values[1:], strict=False)]
    return {
        **{name: raw[name] for name in SYSTEM if name in raw},
        **{item: values[-1] for item, values in traces.items()},
        "_fixed": sum(values[-1] != values[0] for values in traces.values()),
        "_steps": "".join("." if a == b else "x" if b is None else "c" for a, b in pairs),
    }
