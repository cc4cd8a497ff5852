"""Who may bring data for a resource: accounts of its department with a role for it. Nobody else, by no way."""

from __future__ import annotations

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.protect.identity import NOBODY, principal_of_key
from cityloom.store import audit

ROLES = ("owner", "officer")
"""Roles of a department that may bring its data."""


def admit(workspace: Workspace, token: str, resource: str, way: str) -> tuple[Resource, Principal]:
    """The resource and who brings data for it, by the key of an account of its department.

    Raises:
        DeniedError: ``collect.key.invalid``, ``collect.intake.denied``; also on record.
        UserError: ``model.resource.unknown``, ``collect.intake.closed``.
    """
    with workspace.store.read() as connection:
        who = principal_of_key(connection, token, workspace.clock)
    if who is None or who.grant is not None:
        note(workspace, EventKind.INTAKE_DENIED, who.account if who else NOBODY, "intake", reason="key")
        raise DeniedError(
            "collect.key.invalid",
            "No valid key for deliveries was shown.",
            hint="Make one with `cityloom collect key ACCOUNT`; the key of a grant is for its service only.",
        )
    workspace.forget_city()
    found = workspace.city.resource(resource)
    check_sender(workspace, found, who)
    check_open(found, way)
    return found, who


def check_sender(workspace: Workspace, resource: Resource, who: Principal) -> None:
    """Refuse whoever is not of the resource's department, or holds no role to bring data.

    Raises:
        DeniedError: ``collect.intake.denied``.
    """
    if who.department == resource.department and any(who.has_role(role) for role in ROLES):
        return
    note(workspace, EventKind.INTAKE_DENIED, who.account, resource.name, reason="role")
    raise DeniedError(
        "collect.intake.denied",
        "{account} may not bring data for {resource}.",
        hint="It is brought by accounts of {department} with one of the roles {roles}.",
        account=who.account,
        resource=resource.name,
        department=resource.department,
        roles=", ".join(ROLES),
    )


def sender(workspace: Workspace, account: str) -> Principal:
    """An account of the definitions as one who acts on this machine.

    Raises:
        UserError: ``flows.account.unknown``.
    """
    known = workspace.city.accounts
    if account not in known:
        raise UserError(
            "flows.account.unknown",
            "There is no account {name}.",
            hint="Name one with --as: {known}.",
            name=account or "-",
            known=", ".join(known) or "-",
        )
    return Principal(account=account, department=known[account].department, roles=known[account].roles)


def check_open(resource: Resource, way: str) -> None:
    """Refuse a way that the resource's task does not leave open.

    Raises:
        UserError: ``collect.intake.closed``.
    """
    mode = resource.collect.mode
    if mode == "push" or (way != "push" and mode in ("full", "incremental")):
        return
    raise UserError(
        "collect.intake.closed",
        "{resource} takes no delivery of this kind: its task collects in mode {mode}.",
        hint="Systems push to a resource whose task has the mode push and a source with the connector push.",
        resource=resource.name,
        mode=mode,
    )


def note(workspace: Workspace, kind: EventKind, actor: str, subject: str, **details: str | int) -> None:
    """Put on record what happened at the door."""
    with workspace.store.write() as connection:
        audit.append(connection, AuditEvent(kind=kind, actor=actor, subject=subject, details=details), workspace.clock)
