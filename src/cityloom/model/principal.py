"""Who acts, once it has been shown who it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An account that has proved itself by password or key.

    ``roles`` are those of the account; ``grant`` the grant that its key is bound to, if any.
    """

    account: str
    department: str
    roles: tuple[str, ...]
    grant: str | None = None

    def has_role(self, role: str) -> bool:
        """Whether the account holds a role."""
        return role in self.roles
