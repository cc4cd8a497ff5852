"""Addresses of databases."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError


def address(url: str, password: str, base: Path) -> sa.URL:
    """The address that a source's options tell.

    Raises:
        ConfigError: ``collect.address.wrong``, ``kernel.reference.missing``.
    """
    text = reference(url, base=base) if url.startswith(("env:", "file:")) else url
    try:
        found = sa.engine.make_url(text)
    except ArgumentError:
        raise ConfigError(
            "collect.address.wrong",
            "The address of the source is none.",
            hint="Write it as kind://user@host:port/database, and the password in its own option, as a reference.",
        ) from None
    return found.set(password=reference(password, base=base)) if password else found


def libpq_address(url: str, password: str, base: Path) -> str:
    """The same for libpq."""
    return address(url, password, base).set(drivername="postgresql").render_as_string(hide_password=False)
