"""The services of an opened workspace: keys looked up, calls answered and put on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cityloom.flows.bootstrap import Workspace
from cityloom.model.service import Service
from cityloom.protect.identity import principal_of_key
from cityloom.share.answer import answer
from cityloom.store.services import list_services


@dataclass(frozen=True)
class WorkspaceServices:
    """Answers from a workspace's lake, under the grants of its control store."""

    workspace: Workspace

    def published(self) -> list[Service]:
        """The published services, by name."""
        with self.workspace.store.read() as connection:
            return list_services(connection)

    def answer(
        self, service: str, parameters: Mapping[str, str], *, token: str, purpose: str
    ) -> Mapping[str, Any]:
        """The answer of a service to the holder of ``token``, for the stated purpose.

        Raises:
            DeniedError: as :func:`cityloom.share.answer.answer`; also a call without valid key is on record.
        """
        at = self.workspace
        with at.store.read() as connection:
            caller = principal_of_key(connection, token, at.clock)
        given = answer(
            service,
            parameters,
            caller,
            purpose,
            store=at.store,
            lake=at.lake,
            clock=at.clock,
            key=at.keys.masking,
        )
        body: dict[str, Any] = {
            "service": given.service,
            "version": given.version,
            "call": given.call,
            "left": given.left,
        }
        if given.verdict is not None:
            return body | {"verdict": given.verdict}
        return body | {"values": None if given.values is None else dict(given.values)}
