"""Shows one object's golden record to a person, and puts the look on record."""

from __future__ import annotations

from cityloom.flows.bootstrap import Workspace
from cityloom.fuse.explain import Explanation, explain
from cityloom.kernel.errors import DeniedError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.protect.pseudonym import subject_digest
from cityloom.store import audit

_MAY_LOOK = {"steward", "analyst"}


def show_record(workspace: Workspace, object_type: str, key: str, *, actor: str) -> Explanation:
    """An object by its identity key, for an account that may look.

    Raises:
        DeniedError: ``flows.record.denied`` for an account without the role.
        UserError: what ``fuse.explain`` raises for an unknown key.
    """
    account = workspace.city.accounts.get(actor)
    if account is None or not _MAY_LOOK & set(account.roles):
        raise DeniedError(
            "flows.record.denied",
            "{actor} may not look at single records.",
            hint="Stewards and analysts of the data authority may; others ask for a service.",
            actor=actor,
        )
    found = explain(
        workspace.city.object_types[object_type], key, resources=workspace.city.resources, lake=workspace.lake
    )
    event = AuditEvent(
        kind=EventKind.RECORD_SHOWN,
        actor=actor,
        subject=object_type,
        details={"person": subject_digest(workspace.keys.masking, key)},
    )
    with workspace.store.write() as connection:
        audit.append(connection, event, workspace.clock)
    return found
