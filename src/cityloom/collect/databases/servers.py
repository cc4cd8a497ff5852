"""The fields of a task on a database server: its address, and what spares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from cityloom.collect.databases.address import address_of
from cityloom.collect.databases.base import Limits
from cityloom.collect.databases.exchange import TableExchange


@dataclass(frozen=True, kw_only=True)
class ServerTable(TableExchange):
    """A table of a server. See the plug-ins for the meaning of the fields."""

    url: str
    schema: str = ""
    proof: Literal["source", "stream"] = "source"
    timeout_seconds: float = 3600.0
    lock_seconds: float = 10.0

    @property
    def is_proving(self) -> bool:
        """Whether the database computes the receipt's figures."""
        return self.proof == "source"

    @property
    def _schema(self) -> str:
        return self.schema

    @property
    def _limits(self) -> Limits:
        return Limits(seconds=self.timeout_seconds, lock_seconds=self.lock_seconds)

    @property
    def _address(self) -> sa.URL:
        return address_of(self.url, self.base)
