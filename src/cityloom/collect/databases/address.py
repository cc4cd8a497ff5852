"""Addresses of databases, as definitions tell them."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError


def address_of(url: str, base: Path) -> sa.URL:
    """The address of a database, what it refers to read.

    Raises:
        ConfigError: ``collect.url.invalid``, or ``collect.secret.plain`` for a password in a definition.
    """
    text = reference(url, base=base)
    try:
        found = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "collect.url.invalid",
            "What the option url refers to is no address of a database.",
            hint="It reads kind://user:password@host:port/database; special characters of the password as %XX.",
        ) from None
    if found.password and text == url:
        raise ConfigError(
            "collect.secret.plain",
            "The option url holds a password.",
            hint="Put the whole address into an environment variable or a file, and write env:NAME or file:PATH.",
        )
    return found
