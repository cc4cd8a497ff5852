"""Standardises one resource: all raw rows that count, in one pass, into its table of the standard layer.

Columns of the standard table: ``_batch, _row, _at`` as in the raw layer, the items (text), and

- ``_current``: whether the row is the newest of its key;
- ``_fixed``: how many of its items differ from the raw value;
- ``_steps``: one character for every step of every item, in the order that the version's notes give
  (``.`` unchanged, ``c`` changed, ``x`` became missing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, never_null
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import ConfigError
from cityloom.lake.changes import count_rows, rows_of
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.lookups import Lookups, in_lake
from cityloom.standard.plan import ItemPlan, Mapped, plan

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
    filters: Sequence[exp.Expression] = (),
) -> StageResult:
    """Standardise a resource's raw rows.

    Of several rows with the same key (with the same items, where there is no key) the newest by
    ``resource.latest`` is current; the others are kept beside it. Rows that a filter catches go to
    ``std_…__set_apart`` with the number of the filter, and nowhere else.

    Args:
        resource: whose rows.
        elements: data elements by name.
        codes: code tables by name.
        lake: where the tables are.
        clock: tells the time of the version.
        filters: for each of ``resource.filters`` the condition, over items, that is true for a row to be
            set apart.

    Raises:
        ConfigError: a definition is wrong; ``standard.filter.unbound``.
        UserError: ``lake.table.unknown`` when nothing has been collected.
    """
    _check(resource, filters)
    plans = plan(resource, elements, codes)
    read = count_rows(lake, resource)
    notes = {
        "raw_version": lake.version(resource.raw_table),
        "at": iso(clock.now()),
        "steps": [[p.item, step.name] for p in plans for step in p.steps],
    }
    lookups = in_lake(resource, plans, lake, lambda known: _mapped(resource, plans, lake, known))
    mapped = _mapped(resource, plans, lake, lookups)
    query = standard_query(resource, mapped, lake, filters, lookups)
    written = lake.replace(resource.std_table, [query], notes=notes).rows
    apart = 0
    if filters:
        rest = _apart_query(_mapped(resource, plans, lake, lookups), filters)
        apart = lake.replace(resource.std_table + SET_APART, [rest], notes=notes).rows
    summary = {**_figures(resource, plans, lake), "set_apart": apart, "missing_columns": list(mapped.missing)}
    return StageResult(read=read, written=written, rejected=apart, summary=summary)


def standard_query(
    resource: Resource,
    mapped: Mapped,
    lake: Lake,
    filters: Sequence[exp.Expression] = (),
    lookups: Lookups | None = None,
) -> exp.Expression:
    """The query that makes the standard table's rows from the raw ones."""
    key, order = key_terms(resource, mapped)
    outputs: dict[str, exp.Expression] = {name: column(name) for name in mapped.kept}
    outputs |= {p.item: mapped.item(p.item) for p in mapped.plans}
    outputs |= {"_fixed": mapped.fixed(), "_steps": mapped.marks(), "_key": key, "_order": order}
    if filters:
        outputs["_caught"] = _caught(mapped, filters)
    rows = mapped.layers.query(outputs)
    names = [*mapped.kept, *(p.item for p in mapped.plans), "_fixed", "_steps"]
    older = _newest_of_repeated(resource, _mapped(resource, mapped.plans, lake, lookups), filters)
    newest = sql("(d.best IS NULL OR d.best = r._order)")
    picked = [column(name, "r") for name in names]
    query = (
        exp.select(*picked, exp.alias_(newest, "_current"))
        .from_(rows.subquery("r", copy=False), copy=False)
        .join(older.subquery("d", copy=False), on=sql("r._key = d.k"), join_type="left", copy=False)
    )
    return query.where(sql("r._caught = 0"), copy=False) if filters else query


def key_terms(resource: Resource, mapped: Mapped) -> tuple[exp.Expression, exp.Expression]:
    """The key of a row as one text (NULL when a part is missing), and a text that sorts by newness."""
    if len(resource.key) == 1:
        key: exp.Expression = mapped.item(resource.key[0])
    elif resource.key:
        key = _joined([_part(mapped.item(name)) for name in resource.key])
    else:
        parts = [sql("coalesce(:x, chr(0) || chr(2))", x=_part(mapped.item(p.item))) for p in mapped.plans]
        key = sql("md5(:all)", all=_joined(parts))
    latest: list[exp.Expression] = []
    if resource.latest:
        latest.append(sql("coalesce(:x, '')", x=_part(mapped.item(resource.latest))))
    if "_at" in mapped.kept:
        latest.append(column("_at"))
    place = [column("_batch"), sql("lpad(CAST(:r AS VARCHAR), 12, '0')", r=column("_row"))]
    return key, _joined([*latest, *place])


def _part(text: exp.Expression) -> exp.Expression:
    """A text made ready to be joined: whatever it holds, the whole then tells the parts and sorts by them in turn."""
    return sql("replace(:x, chr(0), chr(0) || chr(1))", x=text)


def _newest_of_repeated(resource: Resource, narrow: Mapped, filters: Sequence[exp.Expression]) -> exp.Select:
    """Keys that stand in more than one row, with the order of their newest row: ``k, best``.

    Keys that may repeat are found by their hash first: one number a row, not a text.
    """
    key, order = key_terms(resource, narrow)
    outputs = {"k": key, "o": order}
    if filters:
        outputs["caught"] = _caught(narrow, filters)
    where = "q.k IS NOT NULL" + (" AND q.caught = 0" if filters else "")
    rows = narrow.layers.query(outputs).subquery("q", copy=False)
    maybe = sql(f"SELECT hash(q.k) AS h FROM :rows WHERE {where} GROUP BY hash(q.k) HAVING count(*) > 1", rows=rows)
    found = sql(
        f"SELECT q.k, max(q.o) AS best FROM :rows WHERE {where} AND hash(q.k) IN (SELECT h FROM :maybe)"
        " GROUP BY q.k HAVING count(*) > 1",
        rows=rows,
        maybe=exp.Subquery(this=maybe, alias=exp.TableAlias(this=exp.to_identifier("m"))),
    )
    return found.assert_is(exp.Select)


def _apart_query(mapped: Mapped, filters: Sequence[exp.Expression]) -> exp.Select:
    outputs: dict[str, exp.Expression] = {name: column(name) for name in mapped.kept}
    outputs |= {p.item: mapped.item(p.item) for p in mapped.plans}
    outputs["_filter"] = _caught(mapped, filters)
    return exp.select("*").from_(mapped.layers.query(outputs).subquery("r")).where(sql("r._filter > 0"))


def _caught(mapped: Mapped, filters: Sequence[exp.Expression]) -> exp.Expression:
    """Number of the first filter that catches a row, from 1; 0 when none does."""
    term: exp.Expression = exp.Literal.number(0)
    for number in range(len(filters), 0, -1):
        broken = never_null(mapped.resolved(filters[number - 1]))
        term = sql("CASE WHEN :broken THEN :number ELSE :other END", broken=broken, number=number, other=term)
    return mapped.layers.add(sql("CAST(:term AS BIGINT)", term=term))


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


def _mapped(
    resource: Resource, plans: tuple[ItemPlan, ...], lake: Lake, lookups: Lookups | None = None
) -> Mapped:
    source = rows_of(lake, resource)
    return Mapped(source, lake.engine.columns(exp.select("*").from_(source.copy())), plans, lookups)


def _joined(parts: Sequence[exp.Expression]) -> exp.Expression:
    term = parts[0].copy()
    for part in parts[1:]:
        term = sql("(:a || chr(0) || chr(0) || :b)", a=term, b=part)
    return term


def _check(resource: Resource, filters: Sequence[exp.Expression]) -> None:
    if len(filters) != len(resource.filters):
        raise ConfigError(
            "standard.filter.unbound",
            "{resource} declares {declared} filters, and {given} conditions were given.",
            hint="Give one condition for each filter, in order.",
            resource=resource.name,
            declared=len(resource.filters),
            given=len(filters),
        )
