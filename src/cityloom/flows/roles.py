"""Whether an account of the definitions may do what is neither a request nor a record: apply them, read the log."""

from __future__ import annotations

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DeniedError


def require_role(workspace: Workspace, actor: str, role: str) -> None:
    """Refuse an account without the role; where the definitions in force give it to nobody, nobody is refused.

    Raises:
        DeniedError: ``flows.role.missing``.
    """
    holders = sorted(a.name for a in workspace.city.accounts.values() if role in a.roles)
    if holders and actor not in holders:
        raise DeniedError(
            "flows.role.missing",
            "{actor} does not hold the role {role}.",
            hint="It is held by: {holders}. Name one of them with --as.",
            actor=actor,
            role=role,
            holders=", ".join(holders),
        )
