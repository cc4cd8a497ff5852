"""Corrections of rows that a process began and did not end: brought to an end before anybody reads on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import sqlalchemy as sa

from cityloom.flows import intake
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.intake import ROWS
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.resource import Resource
from cityloom.store import audit
from cityloom.store.corrections import RowCorrection, add_corrections
from cityloom.store.intake import StoredDelivery, list_deliveries


def settle(workspace: Workspace, resources: Sequence[Resource]) -> list[StoredDelivery]:
    """Land what processes that died on the way had begun to correct in these resources; returns it as it landed.

    Between the new rows' commit and the record of what they stand for both the old and the new row are current: whoever
    standardises must have them settled first.
    """
    known = {one.name: one for one in resources}
    with workspace.store.read() as connection:
        left = [d for d in list_deliveries(connection, state="checked", limit=10_000) if d.resource in known and ROWS in d.answer]
    done = []
    for one in left:
        with suppress(UserError):
            batch = intake.land(workspace, known[one.resource], one, recorder(workspace)).batch
            done.append(replace(one, batch=batch))
    return done


def recorder(workspace: Workspace) -> intake.Also:
    """Writes which rows a delivery of corrections stands for, with its audit event."""

    def write(connection: sa.Connection, landed: StoredDelivery) -> None:
        at = iso(workspace.clock.now())
        made = [
            RowCorrection(
                resource=landed.resource, batch=batch, row=row, by_batch=str(landed.batch), by_row=n, columns=tuple(columns),
                account=landed.account, why=why, at=at,
            )
            for n, (batch, row, columns, why) in enumerate(landed.answer[ROWS], start=1)
        ]  # fmt: skip
        add_corrections(connection, made)
        details: dict[str, str | int] = {"by": str(landed.batch), "rows": len(made), "cells": sum(len(one.columns) for one in made)}
        event = AuditEvent(kind=EventKind.ROWS_CORRECTED, actor=landed.account, subject=landed.resource, details=details)
        audit.append(connection, event, workspace.clock)

    return write
