"""Shows the rows of a batch as they were when it landed, and puts the look on record."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cityloom.engines.base import sql
from cityloom.flows.admission import ROLES
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.causes import grades_of
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.lake.tables import Lake
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.batch import Batch
from cityloom.model.resource import GRADES, Resource
from cityloom.store import audit, batches

HIDDEN = "***"
"""Stands for a value that the account is not shown."""
_MAY_LOOK = {"steward", "analyst"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The first rows of a batch, in the order of its source."""

    batch: Batch
    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]


def show_batch(workspace: Workspace, batch_id: str, *, actor: str, limit: int) -> Shown:
    """A batch's rows, also of one that was replaced since, for an account that may look; what is closed to it is three
    asterisks.

    Raises:
        UserError: ``flows.batch.rowless`` for one that is unknown or never landed.
        DeniedError: ``flows.batch.denied`` for an account neither of the resource's department nor of the authority.
    """
    with workspace.store.read() as connection:
        batch = batches.find_batch(connection, batch_id)
    if batch is None or batch.version is None or batch.receipt is None:
        raise UserError(
            "flows.batch.rowless",
            "There are no rows of a batch {batch}.",
            hint="List the batches with `cityloom collect batches`; one that failed has none.",
            batch=batch_id,
        )
    resource = workspace.city.resource(batch.resource)
    may_look(workspace, resource, actor)
    details: dict[str, str | int] = {"batch": batch.id, "rows": limit}
    event = AuditEvent(kind=EventKind.BATCH_SHOWN, actor=actor, subject=resource.name, details=details)
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
    columns = workspace.lake.columns(resource.raw_table, batch.version)
    closed = closed_columns(workspace, resource, actor, columns)
    rows = [masked(row, closed) for row in _rows(workspace.lake, resource.raw_table, batch, batch.version, limit)]
    return Shown(batch=batch, columns=columns, rows=rows)


def may_look(workspace: Workspace, resource: Resource, actor: str) -> None:
    """Refuse an account that may not see the rows of a resource.

    Raises:
        DeniedError: ``flows.batch.denied``.
    """
    account = workspace.city.accounts.get(actor)
    roles = set(account.roles) if account else set()
    is_own = account is not None and account.department == resource.department and bool(roles & set(ROLES))
    if not is_own and not roles & _MAY_LOOK:
        raise DeniedError(
            "flows.batch.denied",
            "{actor} may not look at the rows of {resource}.",
            hint="Owners and officers of its department may, and stewards and analysts of the data authority.",
            actor=actor or "-",
            resource=resource.name,
        )


def closed_items(workspace: Workspace, resource: Resource, actor: str) -> frozenset[str]:
    """Items whose values an account of another department is not shown: those graded sensitive or core."""
    if _is_own(workspace, resource, actor):
        return frozenset()
    return frozenset(name for name, grade in grades_of(workspace, resource).items() if grade in GRADES[2:])


def closed_columns(workspace: Workspace, resource: Resource, actor: str, columns: Iterable[str]) -> frozenset[str]:
    """Raw columns whose values an account of another department is not shown: of closed items, and without an item where
    the resource itself is graded so."""
    if _is_own(workspace, resource, actor):
        return frozenset()
    hidden = closed_items(workspace, resource, actor)
    is_closed = resource.grade in GRADES[2:]
    others = {name for name in columns if is_closed and not name.startswith("_")} - {item.column for item in resource.items}
    return frozenset(others | {item.column for item in resource.items if item.name in hidden})


def masked(row: Mapping[str, Any], closed: Container[str]) -> dict[str, Any]:
    """A row without the values of columns that are not shown."""
    return {name: HIDDEN if name in closed and value is not None else value for name, value in row.items()}


def _is_own(workspace: Workspace, resource: Resource, actor: str) -> bool:
    account = workspace.city.accounts.get(actor)
    return account is not None and account.department == resource.department


def _rows(lake: Lake, table: str, batch: Batch, version: int, limit: int) -> list[dict[str, Any]]:
    """A batch that lies by itself is read alone; one that was laid together with others is found by its rows."""
    parts = [batch.id] if batch.id in lake.parts(table, version) else None
    relation = lake.relation(table, version, parts=parts)
    query = "SELECT * FROM :rows WHERE _batch = :batch ORDER BY _row LIMIT :limit"
    return lake.engine.records(sql(query, rows=relation, batch=batch.id, limit=limit))
