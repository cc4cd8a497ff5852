"""Secrets of sources: they stand in definitions as references only."""

from __future__ import annotations

from pathlib import Path

from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError


def secret(value: str, option: str, base: Path) -> str:
    """A secret that an option refers to; empty for none.

    Raises:
        ConfigError: ``collect.secret.plain`` where it stands in the definition itself; ``kernel.reference.missing``.
    """
    if value and not value.startswith(("env:", "file:")):
        raise ConfigError(
            "collect.secret.plain",
            "The option {option} holds a secret itself; definitions are shown to many.",
            hint="Change the secret, since it was seen, and refer to the new one: env:NAME or file:PATH.",
            option=option,
        )
    return reference(value, base=base)
