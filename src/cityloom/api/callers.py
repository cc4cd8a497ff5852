"""Who calls by the key of an account."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from cityloom.api.intake import workspace_of
from cityloom.api.routes import bearer
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DeniedError
from cityloom.model.principal import Principal
from cityloom.protect.identity import principal_of_key


def caller(request: Request, token: Annotated[str, Depends(bearer)]) -> tuple[Workspace, Principal]:
    """The workspace with the definitions in force, and who calls by the key of an account: that of a grant is for its
    service only.

    Raises:
        DeniedError: ``api.key.invalid``.
    """
    at = workspace_of(request)
    at.forget_city()
    with at.store.read() as connection:
        found = principal_of_key(connection, token, at.clock)
    if found is None or found.grant is not None:
        raise DeniedError(
            "api.key.invalid",
            "No valid key was shown.",
            hint="Send the header Authorization: Bearer with the key of your account; that of a grant is for its service only.",
        )
    return at, found


Caller = Annotated[tuple[Workspace, Principal], Depends(caller)]
