"""Standardises one resource: all raw rows that count, in one pass, into its table of the standard layer.

Columns of the standard table: ``_batch, _row, _at`` as in the raw layer, the items (text), and

- ``_current``: whether the row is the newest of its key;
- ``_fixed``: how many of its items differ from the raw value;
- ``_steps``: one character for every step of every item, then for every correction of every cleaning rule, in the
  order that the version's notes give (``.`` unchanged, ``c`` changed, ``x`` became missing);
- ``_flags``: the cleaning rules that put the row right or tolerate it, as ``complete:name@version`` or
  ``tolerate:name@version`` with blanks between, and ``replaced`` where a corrected row stands for it.

Rows that a cleaning rule sets apart are in ``std_…__set_apart`` with their items, ``_rule`` (``name@version``) and
``_replaced``, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import pyarrow as pa

from cityloom.engines.base import sql
from cityloom.kernel.clock import Clock, iso
from cityloom.lake.changes import count_rows
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.cleaning import Cleaning
from cityloom.standard.history import keep
from cityloom.standard.lookups import in_lake
from cityloom.standard.plan import ItemPlan, plan
from cityloom.standard.rows import StandardRows
from cityloom.store.batches import list_batches
from cityloom.store.corrections import list_corrections
from cityloom.store.database import Store

SET_APART = "__set_apart"
"""What the name of the table of rows set apart adds to the standard table's."""
LOSING_STEPS = ("map_code",)
"""Steps whose missing results are unmapped codes."""


def run(
    resource: Resource,
    *,
    elements: Mapping[str, Element],
    codes: Mapping[str, CodeTable],
    lake: Lake,
    clock: Clock,
    cleaning: Sequence[Cleaning] = (),
    store: Store | None = None,
) -> StageResult:
    """Standardise a resource's raw rows.

    Of several rows with the same key (with the same items, where there is no key) the newest by
    ``resource.latest`` is current; the others are kept beside it. With a store, the history of the rows goes on
    (:mod:`cityloom.standard.history`), and rows that people put right are replaced by what they made of them.

    Args:
        resource: whose rows.
        elements: data elements by name.
        codes: code tables by name.
        lake: where the tables are.
        clock: tells the time of the version.
        cleaning: the approved rules of the resource, in order.
        store: where batches and corrections are.

    Raises:
        ConfigError: a definition is wrong.
        UserError: ``lake.table.unknown`` when nothing has been collected.
    """
    plans = plan(resource, elements, codes)
    read = count_rows(lake, resource)
    plain = StandardRows(resource=resource, plans=plans, lake=lake)
    lookups = in_lake(resource, plans, lake, lambda known: plain.mapped(lookups=known))
    replaced = _replaced(store, resource)
    with lake.engine.bound(replaced) if replaced is not None else nullcontext() as relation:
        rows = StandardRows(
            resource=resource, plans=plans, lake=lake, rules=cleaning, lookups=lookups, replaced=relation
        )
        notes = _notes(rows, clock)
        before = lake.version(resource.std_table)
        written = lake.replace(resource.std_table, [rows.standard()], notes=notes).rows
        apart = _set_apart(rows, notes)
        kept: dict[str, Any] = {}
        if store is not None:
            with store.read() as connection:
                batches = list_batches(connection, resource.name)
            kept = {"history": keep(rows, batches, before=before, clock=clock)}
    missing = list(plain.mapped().missing)
    figures = {**_figures(resource, plans, lake), **_cleaned(rows), **kept}
    return StageResult(
        read=read, written=written, rejected=apart, summary={**figures, "set_apart": apart, "missing_columns": missing}
    )


def _notes(rows: StandardRows, clock: Clock) -> dict[str, Any]:
    corrected = [[p.item, f"cleaning:{rule.mark}"] for rule in rows.rules for p in rule.corrections]
    return {
        "raw_version": rows.lake.version(rows.resource.raw_table),
        "at": iso(clock.now()),
        "steps": [*([p.item, step.name] for p in rows.plans for step in p.steps), *corrected],
        "cleaning": [[rule.mark, rule.kind] for rule in rows.rules],
    }


def _set_apart(rows: StandardRows, notes: Mapping[str, Any]) -> int:
    """Write the rows set apart; where no rule does so any more, the table becomes empty."""
    table = rows.resource.std_table + SET_APART
    if not rows.is_filtering and not rows.lake.exists(table):
        return 0
    return rows.lake.replace(table, [rows.apart()], notes=notes).rows


def _replaced(store: Store | None, resource: Resource) -> pa.Table | None:
    """The rows for which corrected ones stand."""
    if store is None:
        return None
    with store.read() as connection:
        found = list_corrections(connection, resource.name)
    columns = {"_batch": pa.array([c.batch for c in found], pa.string()), "_row": pa.array([c.row for c in found], pa.int64())}
    return pa.table(columns) if found else None


def _cleaned(rows: StandardRows) -> dict[str, Any]:
    """By cleaning rule its kind, and how many rows it put right, tolerated and set apart."""
    engine, resource = rows.lake.engine, rows.resource
    found: dict[str, dict[str, Any]] = {
        rule.mark: {"kind": rule.kind, "complete": 0, "tolerate": 0, "filter": 0} for rule in rows.rules
    }
    flagged = sql("SELECT _flags, count(*) FROM :t WHERE _flags IS NOT NULL GROUP BY _flags", t=rows.lake.relation(resource.std_table))
    for flags, count in engine.rows(flagged) if found else []:
        for flag in flags.split(" "):
            kind, _, mark = flag.partition(":")
            if mark in found:
                found[mark][kind] += count
    if rows.is_filtering:
        apart = rows.lake.relation(resource.std_table + SET_APART)
        for mark, count in engine.rows(sql("SELECT _rule, count(*) FROM :t GROUP BY _rule", t=apart)):
            found[mark]["filter"] = count
    return {"cleaning": found} if found else {}


def _figures(resource: Resource, plans: Sequence[ItemPlan], lake: Lake) -> dict[str, Any]:
    """Changed cells per item and step, unmapped codes and older rows, from what was written."""
    slots = [(p.item, step.name) for p in plans for step in p.steps]
    places = [f"sum(CASE WHEN substr(s, {i + 1}, 1) = '{m}' THEN n ELSE 0 END)" for i in range(len(slots)) for m in "cx"]
    inner = "SELECT _steps AS s, count(*) AS n, count_if(NOT _current) AS old, sum(_fixed) AS fixed FROM :t GROUP BY _steps"
    picks = ", ".join(["sum(old)", "sum(fixed)", *places])
    row = lake.engine.rows(sql(f"SELECT {picks} FROM ({inner}) AS g", t=lake.relation(resource.std_table)))[0]
    counts = [int(n or 0) for n in row]
    items: dict[str, dict[str, dict[str, int]]] = {}
    unmapped: dict[str, int] = {}
    for i, (item, step) in enumerate(slots):
        changed, emptied = counts[2 + 2 * i], counts[3 + 2 * i]
        items.setdefault(item, {})[step] = {"changed": changed, "emptied": emptied}
        if step in LOSING_STEPS and emptied:
            unmapped[item] = emptied
    return {"duplicates": counts[0], "changed_cells": counts[1], "items": items, "unmapped": unmapped}
