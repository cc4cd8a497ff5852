"""Libraries that only some installations need: imported when they are used, missed with the command that adds them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cityloom.kernel.errors import ConfigError


def require(module: str, *, extra: str) -> Any:
    """A module of an optional library.

    Raises:
        ConfigError: ``kernel.extra.missing`` when its extra is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise ConfigError(
            "kernel.extra.missing",
            "This needs the library {module}, which is not installed.",
            hint="Install it: pip install 'cityloom[{extra}]'.",
            module=module.partition(".")[0],
            extra=extra,
        ) from None
