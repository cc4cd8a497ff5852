"""Asks a resource's source live for a person, gives the rows as standard rows, and puts the look on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.collect.virtual import Condition, Estimate, Question, ask
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.resource import Resource
from cityloom.standard.lookups import in_folder
from cityloom.standard.plan import Mapped, plan
from cityloom.store import audit

_MAY_LOOK = {"steward", "analyst"}


@dataclass(frozen=True)
class Looked:
    """Standard rows of a live query: names of items, values, what it was expected to cost, whether there is more."""

    items: tuple[str, ...]
    rows: list[tuple[str | None, ...]]
    estimate: Estimate
    is_cut: bool


def look(
    workspace: Workspace,
    resource: str,
    *,
    items: Sequence[str] = (),
    conditions: Sequence[Condition] = (),
    limit: int = 100,
    actor: str,
) -> Looked:
    """Ask a resource's source live, and put the rows through the resource's standard steps.

    Conditions name items and compare what the source holds, before the steps.

    Raises:
        DeniedError: ``flows.virtual.denied``.
        UserError: ``flows.virtual.item``, or as :func:`cityloom.collect.virtual.ask`.
    """
    found = workspace.city.resource(resource)
    _require(workspace, found, actor)
    columns = {item.name: item.column for item in found.items}
    wanted = tuple(items) or tuple(columns)
    for name in (*wanted, *(c.column for c in conditions)):
        if name not in columns:
            raise UserError(
                "flows.virtual.item",
                "{resource} has no item {item}.",
                hint="There are: {known}.",
                resource=resource,
                item=name,
                known=", ".join(columns),
            )
    question = Question(
        (),
        tuple(Condition(columns[c.column], c.operator, c.values) for c in conditions),
        limit,
    )
    answer = ask(found, workspace.city.sources[found.collect.source], question, base=workspace.folder)
    city = workspace.city
    plans = plan(found, city.elements, city.codes)
    with workspace.engine.bound(answer.rows) as relation:
        known = workspace.engine.columns(exp.select("*").from_(relation.copy()))
        with in_folder(plans, workspace.engine, lambda lookups: Mapped(relation, known, plans, lookups)) as lookups:
            mapped = Mapped(relation, known, plans, lookups)
            rows = workspace.engine.rows(mapped.layers.query({name: mapped.item(name) for name in wanted}))
    event = AuditEvent(
        kind=EventKind.RECORD_SHOWN,
        actor=actor,
        subject=found.name,
        details={"verb": "virtual", "rows": len(rows), "items": ", ".join(wanted)},
    )
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
    return Looked(wanted, rows, answer.estimate, answer.is_cut)


def _require(workspace: Workspace, resource: Resource, actor: str) -> None:
    account = workspace.city.accounts.get(actor)
    is_own = account is not None and account.department == resource.department
    if account is None or not (is_own or _MAY_LOOK & set(account.roles)):
        raise DeniedError(
            "flows.virtual.denied",
            "{actor} may not ask the source of {resource}.",
            hint="Accounts of its department may, and stewards and analysts of the data authority.",
            actor=actor,
            resource=resource.name,
        )
