"""The meaning of standardising, in plain Python: the same plan as ``standard.run``, over rows in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cityloom.engines.reference import ReferenceEngine, Row
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.cleaning import Cleaning, clean
from cityloom.standard.plan import SYSTEM, ItemPlan, given, plan


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
    cleaning: Sequence[Cleaning] = (),
) -> Standardised:
    """What ``standard.run`` makes of raw rows (text, with ``_batch``, ``_row`` and perhaps ``_at``)."""
    engine, plans = ReferenceEngine(), plan(resource, elements, codes)
    made = [_standard(plans, row, cleaning) for row in rows]
    stay = engine.keep(made, lambda row: row["_rule"] is None)
    newest = engine.latest(stay, lambda row: key_of(resource, row), lambda row: order_of(resource, row))
    apart = engine.keep(made, lambda row: row["_rule"] is not None)
    told = ("_fixed", "_steps", "_flags")
    return Standardised(
        rows=[
            {**{k: v for k, v in row.items() if k != "_rule"}, "_current": is_newest}
            for row, is_newest in zip(stay, newest, strict=True)
        ],
        apart=[{**{k: v for k, v in row.items() if k not in told}, "_replaced": False} for row in apart],
    )


def traces(plans: Sequence[ItemPlan], raw: Row) -> dict[str, list[str | None]]:
    """By item its raw value, and what each step made of it, in order; the last is the standard value."""
    by_item, made = {one.item: one for one in plans}, dict[str, list[str | None]]()

    def of(item: str) -> list[str | None]:
        if item not in made:
            one = by_item[item]
            values: list[str | None] = [raw.get(one.column)]
            for k, step in enumerate(one.steps):
                others = [given(name, raw, lambda n: of(n)[-1]) for name in one.inputs_of(k)]
                values.append(step.value(values[-1], *others))
            made[item] = values
        return made[item]

    return {item: of(item) for item in by_item}


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


def _standard(plans: Sequence[ItemPlan], raw: Row, cleaning: Sequence[Cleaning]) -> dict[str, Any]:
    """The items of one row, and what was done to them."""
    made = traces(plans, raw)
    pairs = [pair for values in made.values() for pair in zip(values, values[1:], strict=False)]
    cleaned = clean({item: values[-1] for item, values in made.items()}, raw, cleaning)
    return {
        **{name: raw[name] for name in SYSTEM if name in raw},
        **cleaned.items,
        "_fixed": sum(cleaned.items[item] != values[0] for item, values in made.items()),
        "_steps": "".join("." if a == b else "x" if b is None else "c" for a, b in pairs) + cleaned.marks,
        "_flags": cleaned.flags,
        "_rule": cleaning[cleaned.caught - 1].mark if cleaned.caught else None,
    }
