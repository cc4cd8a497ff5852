"""What the interface needs of the installation behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cityloom.model.service import Service


class Services(Protocol):
    """Answers services; refuses with errors of the families of :mod:`cityloom.kernel.errors`."""

    def published(self) -> list[Service]:
        """The published services, by name."""
        ...

    def answer(
        self, service: str, parameters: Mapping[str, str], *, token: str, purpose: str
    ) -> Mapping[str, Any]:
        """The answer of a service to the holder of ``token`` (empty: none), for the stated purpose."""
        ...
