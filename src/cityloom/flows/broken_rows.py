"""Broken rows with their key, values and reason, handed out to whoever may see them, on record.

Values are looked up in the table when they are asked for: they are stored nowhere twice. Those of items graded
sensitive or core are given to the resource's own department only; others get the positions and three asterisks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import xlsxwriter
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.shown import HIDDEN, closed_items, may_look
from cityloom.flows.spreadsheets import guarded
from cityloom.kernel.errors import UserError
from cityloom.kernel.files import written_whole
from cityloom.kernel.i18n import _
from cityloom.lake.changes import rows_of
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.order import Order
from cityloom.model.resource import Resource
from cityloom.quality.broken import assessed_table, relation
from cityloom.quality.plan import RulePlan, plan
from cityloom.quality.run import today
from cityloom.store import audit

FORMS = ("csv", "xlsx")
_LISTED, _LONGEST = 20, 200
"""Values, and characters, of an option that stand in a reason."""
_LONGEST_CELL = 32_767
"""Characters that a cell of a workbook holds; a longer one would be left empty."""
_LARGEST = 1_000_000
"""Rows of a sheet that spreadsheet programs open."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which broken rows: of a resource in a phase, all rules or some, at most ``limit`` of each rule (0: all)."""

    resource: str
    phase: str = "before"
    rules: tuple[str, ...] = ()
    limit: int = 0


@dataclass(frozen=True, kw_only=True)
class BrokenLine:
    """A row that breaks a rule: where it stands, its key, the rule's items with their values, and why."""

    batch: str
    row: int
    rule: str
    reason: str
    key: Mapping[str, str | None]
    values: Mapping[str, str | None]


def asked_of(order: Order) -> Asked:
    """The rows of a work order.

    Raises:
        UserError: ``flows.order.rowless`` for an order that is about no rows.
    """
    if order.kind != "quality":
        raise UserError(
            "flows.order.rowless",
            "The order {order} is a reported error: it is about no rows of an assessment.",
            hint="See what was reported with `cityloom orders show {order}`.",
            order=order.id,
        )
    return Asked(resource=order.resource, phase=order.phase, rules=(order.cause,))


def lines(workspace: Workspace, asked: Asked, *, actor: str) -> Iterator[BrokenLine]:
    """Broken rows as the newest assessment found them, rule by rule, by batch and row; the look goes on record.

    Raises:
        UserError: ``quality.broken.unknown``, ``quality.rule.unknown``.
        DeniedError: ``flows.batch.denied``.
    """
    resource = workspace.city.resource(asked.resource)
    may_look(workspace, resource, actor)
    plans = _plans(workspace, resource, asked)
    relation(workspace.lake, resource, asked.phase, [])
    details: dict[str, str | int] = {"phase": asked.phase, "rules": ", ".join(asked.rules) or "*", "rows": asked.limit}
    event = AuditEvent(kind=EventKind.BROKEN_SHOWN, actor=actor, subject=resource.name, details=details)
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
    closed = closed_items(workspace, resource, actor)
    return (line for one in plans for line in _of_rule(workspace, resource, asked, one, closed))


def write(workspace: Workspace, asked: Asked, target: IO[bytes], form: str, *, actor: str) -> int:
    """The same as a CSV file (UTF-8 with a mark, as spreadsheet programs want it) or a workbook; returns the rows.

    What a spreadsheet program would take for a formula is guarded.

    Raises:
        UserError: ``flows.broken.form``, ``flows.broken.many``; as :func:`lines`.
        DeniedError: ``flows.batch.denied``.
    """
    if form not in FORMS:
        raise UserError(
            "flows.broken.form",
            "Broken rows are not written as {form}.",
            hint="Name a file that ends in one of: {known}.",
            form=form or "-",
            known=", ".join(FORMS),
        )
    found = lines(workspace, asked, actor=actor)
    return _write_csv(found, target) if form == "csv" else _write_xlsx(found, target)


def write_file(workspace: Workspace, asked: Asked, path: Path, *, actor: str) -> int:
    """The same into a file, whose ending says the form; a file that fails half-way does not stay.

    Raises:
        UserError: ``flows.broken.file`` where there can be no such file; as :func:`write`.
        DeniedError: ``flows.batch.denied``.
    """
    try:
        with written_whole(path) as target:
            return write(workspace, asked, target, path.suffix.lstrip(".").lower(), actor=actor)
    except OSError as error:
        raise UserError(
            "flows.broken.file",
            "{file} cannot be written: {problem}.",
            hint="Name a file in a folder that you may write to.",
            file=str(path),
            problem=error.strerror or type(error).__name__,
        ) from None


def _plans(workspace: Workspace, resource: Resource, asked: Asked) -> list[RulePlan]:
    city = workspace.city
    plans = {p.name: p for p in plan(resource, elements=city.elements, codes=city.codes, today=today(workspace.clock))}
    unknown = [rule for rule in asked.rules if rule not in plans]
    if unknown:
        raise UserError(
            "quality.rule.unknown",
            "{resource} has no rule {rule}.",
            hint="Its rules: {known}.",
            resource=resource.name,
            rule=", ".join(unknown),
            known=", ".join(plans),
        )
    return [one for name, one in plans.items() if name in (asked.rules or plans)]


def _of_rule(
    workspace: Workspace, resource: Resource, asked: Asked, one: RulePlan, closed: frozenset[str]
) -> Iterator[BrokenLine]:
    names = list(dict.fromkeys([*resource.key, *one.columns]))
    query = _query(workspace, resource, asked, one.name, names)
    reason = _reason(one)
    for batch in workspace.engine.batches(query, 8192):
        for values in batch.to_pylist():
            shown = {n: HIDDEN if n in closed and values[n] is not None else values[n] for n in names}
            yield BrokenLine(
                batch=values["_batch"],
                row=values["_row"],
                rule=one.name,
                reason=reason,
                key={name: shown[name] for name in resource.key},
                values={name: shown[name] for name in one.columns},
            )


def _query(
    workspace: Workspace, resource: Resource, asked: Asked, rule: str, names: Sequence[str]
) -> exp.Expression:
    """The rows of a rule, joined with the table that they stand in."""
    lake, is_raw = workspace.lake, asked.phase == "before"
    table = rows_of(lake, resource) if is_raw else lake.relation(assessed_table(resource, asked.phase))
    columns = {item.name: item.column if is_raw else item.name for item in resource.items}
    there = lake.engine.columns(exp.select("*").from_(table.copy()))
    picks = [exp.alias_(column(name, "t"), name) for name in ("_batch", "_row")]
    for name in names:
        value = sql("CAST(:x AS VARCHAR)", x=column(columns[name], "t") if columns[name] in there else exp.null())
        picks.append(exp.alias_(value, name, quoted=True))
    query = (
        exp.select(*picks)
        .from_(exp.select("*").from_(table).subquery("t"))
        .join(exp.select("*").from_(relation(lake, resource, asked.phase, [rule])).subquery("b"), on=_SAME)
        .order_by(column("_batch", "t"), column("_row", "t"))
    )
    return query.limit(asked.limit) if asked.limit else query


_SAME = sql("(t._batch = b._batch AND t._row = b._row)")


def _reason(one: RulePlan) -> str:
    """The rule's title with what it demands."""
    options = ", ".join(f"{name} {_short(value)}" for name, value in one.use.options.items())
    when = f"; {_('when')} {_short(one.use.when)}" if one.use.when else ""
    return f"{one.use.title or one.rule.title}{f' ({options})' if options else ''}{when}"


def _short(value: Any) -> str:
    """An option as a reader of many rows bears it."""
    text = ", ".join(map(str, value[:_LISTED])) if isinstance(value, (list, tuple)) else str(value)
    is_cut = len(text) > _LONGEST or isinstance(value, (list, tuple)) and len(value) > _LISTED
    return f"{text[:_LONGEST]}…" if is_cut else text


def _head() -> list[str]:
    return [_("batch"), _("row"), _("rule"), _("reason"), _("key"), _("column"), _("value")]


def _cells(line: BrokenLine) -> list[Any]:
    key = " ".join(value or "" for value in line.key.values())
    values = " | ".join(value or "" for value in line.values.values())
    return [line.batch, line.row, line.rule, line.reason, key, " | ".join(line.values), values]


def _write_csv(found: Iterator[BrokenLine], target: IO[bytes]) -> int:
    text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(_head())
    count = 0
    for line in found:
        count += 1
        writer.writerow([guarded(c) if isinstance(c, str) else c for c in _cells(line)])
    text.detach()
    return count


def _write_xlsx(found: Iterator[BrokenLine], target: IO[bytes]) -> int:
    """Row by row through the disk: memory does not grow with them; texts are texts, whatever they begin with."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(target, options)
    sheet = book.add_worksheet(_("broken rows"))
    sheet.write_row(0, 0, _head())
    count = 0
    for count, line in enumerate(found, start=1):
        if count > _LARGEST:
            raise UserError(
                "flows.broken.many",
                "There are more broken rows than a workbook holds ({most}).",
                hint="Write them as CSV, or name one rule.",
                most=_LARGEST,
            )
        for place, cell in enumerate(_cells(line)):
            if isinstance(cell, str):
                sheet.write_string(count, place, cell if len(cell) <= _LONGEST_CELL else f"{cell[: _LONGEST_CELL - 1]}…")
            else:
                sheet.write_number(count, place, cell)
    book.close()
    return count
