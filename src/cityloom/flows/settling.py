"""Corrections of rows that a process began and did not end: brought to an end before anybody reads on."""

from __future__ import annotations

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
from cityloom.store.intake import StoredDelivery, list_deliveries, put_delivery

_GONE = "collect.delivery.gone"


def settle(workspace: Workspace, resource: Resource) -> list[StoredDelivery]:
    """Land what processes that died on the way had begun to correct in a resource; returns it as it landed.

    Between the new rows' commit and the record of what they stand for both the old and the new row are current: whoever
    standardises must have them settled first. What is gone without having landed is given up.

    Raises:
        UserError: ``flows.subject.busy`` while another process is at it; else what landing raises.
    """
    with workspace.store.read() as connection:
        left = list_deliveries(connection, state="checked", limit=10_000)
    done = []
    for one in left:
        if one.resource != resource.name or ROWS not in one.answer:
            continue
        try:
            batch = intake.land(workspace, resource, one, recorder(workspace)).batch
        except UserError as error:
            if error.code != _GONE:
                raise
            with workspace.store.write() as connection:
                put_delivery(connection, replace(one, state="dropped"))
        else:
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
