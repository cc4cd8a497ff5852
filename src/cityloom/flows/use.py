"""One use of shared data from end to end: request, decision, grant, key, call. Done once, found again later."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import ConfigError
from cityloom.model.department import Account
from cityloom.model.principal import Principal
from cityloom.model.request import Grant, Request, RequestState
from cityloom.model.service import Demand, Service
from cityloom.protect.identity import make_key, principal_of_key
from cityloom.share import requests as verbs
from cityloom.store import requests as records

Call = Callable[[str, Mapping[str, str], str, str], Mapping[str, Any]]
"""Calls a service: name, parameters, key, purpose → the answer."""

_CLOSED = (RequestState.REJECTED, RequestState.REVOKED, RequestState.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a consumer asked for, the right that followed, and the key to it."""

    service: Service
    request: Request
    grant: Grant
    key: str


def obtain(workspace: Workspace, demand: Demand) -> Use:
    """Have a demand requested by its consumer and decided by its approver; go on from wherever it stands."""
    store, clock = workspace.store, workspace.clock
    approver = principal(workspace.city.accounts[demand.approver])
    request = _open_request(workspace, demand)
    if request is None:
        request = verbs.submit(demand, _asker(workspace, demand), store=store, clock=clock)
    if request.state == RequestState.SUBMITTED:
        reasons = demand.reasons.zh
        request = verbs.decide(request.id, approver, is_approved=True, reasons=reasons, store=store, clock=clock)
    if request.state == RequestState.APPROVED:
        verbs.grant(request.id, approver, store=store, clock=clock)
    with store.read() as connection:
        grant = records.grant_of_request(connection, request.id)
        found = records.find_request(connection, request.id)
    if grant is None or found is None:
        raise ConfigError(
            "flows.demand.refused",
            "The demand {demand} was not granted.",
            hint="See the request's reasons; correct the demand or the service's conditions.",
            demand=demand.name,
        )
    service = workspace.city.services[demand.service]
    return Use(service=service, request=found, grant=grant, key=_key(workspace, found, grant))


def principal(account: Account) -> Principal:
    """An account of the definitions as one who acts."""
    return Principal(account=account.name, department=account.department, roles=account.roles)


def _open_request(workspace: Workspace, demand: Demand) -> Request | None:
    with workspace.store.read() as connection:
        known = records.list_requests(connection)
    same = [r for r in known if r.purpose == demand.name and r.service == demand.service and r.state not in _CLOSED]
    return same[0] if same else None


def _asker(workspace: Workspace, demand: Demand) -> Principal:
    for account in workspace.city.accounts.values():
        if account.department == demand.consumer and {"officer", "consumer"} & set(account.roles):
            return principal(account)
    raise ConfigError(
        "flows.demand.nobody",
        "No account of {department} may ask for {demand}.",
        hint="Give one of its accounts the role officer or consumer.",
        department=demand.consumer,
        demand=demand.name,
    )


def _key(workspace: Workspace, request: Request, grant: Grant) -> str:
    """The key that the example's consumer holds: kept in a file as the consumer would, made anew when lost."""
    path = workspace.folder / "keys" / f"consumer-{grant.id}.key"
    if path.is_file():
        key = path.read_text(encoding="utf-8").strip()
        with workspace.store.read() as connection:
            if principal_of_key(connection, key, workspace.clock) is not None:
                return key
    expires = workspace.clock.now() + timedelta(days=30)
    with workspace.store.write() as connection:
        key = make_key(connection, request.requested_by, grant.id, workspace.clock, expires)
    _write_private(path, key)
    return key


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)
