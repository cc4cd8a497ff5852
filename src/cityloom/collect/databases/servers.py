"""The fields of a task on a database server: its address, and what spares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from cityloom.collect.databases.base import Limits
from cityloom.collect.databases.exchange import TableExchange
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError


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
        """The address, what it refers to read.

        Raises:
            ConfigError: ``collect.url.invalid``, or ``collect.secret.plain`` for a password in a definition.
        """
        text = reference(self.url, base=self.base)
        try:
            found = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError):
            raise ConfigError(
                "collect.url.invalid",
                "What the option url refers to is no address of a database.",
                hint="It reads kind://user:password@host:port/database; special characters of the password as %XX.",
            ) from None
        if found.password and text == self.url:
            raise ConfigError(
                "collect.secret.plain",
                "The option url holds a password.",
                hint="Put the whole address into an environment variable or a file, and write env:NAME or file:PATH.",
            )
        return found
