"""Plug-ins: one file, one frozen class, found by scanning a folder and by entry points.

A kind of plug-in is a package (``cityloom.standard.steps``) whose modules each hold one class with
``name`` equal to the module's name. A third party adds one through the entry point group
``cityloom.<kind>`` without touching the core.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from cityloom.kernel.errors import ConfigError


@cache
def plugins(package: str) -> dict[str, type[Any]]:
    """All plug-ins of a package by name, e.g. ``plugins("cityloom.standard.steps")``, sorted by name."""
    found: dict[str, type[Any]] = {}
    home = importlib.import_module(package)
    for info in pkgutil.iter_modules(home.__path__):
        if not info.name.startswith("_"):
            cls = _plugin_of(importlib.import_module(f"{package}.{info.name}"), info.name)
            found[cls.name] = cls
    for entry in entry_points(group=f"cityloom.{package.rsplit('.', 1)[-1]}"):
        found[entry.name] = entry.load()
    return dict(sorted(found.items()))


def plugin(package: str, name: str) -> type[Any]:
    """One plug-in by name.

    Raises:
        ConfigError: ``kernel.plugin.unknown``, with the names there are.
    """
    known = plugins(package)
    if name not in known:
        raise ConfigError(
            "kernel.plugin.unknown",
            "There is no {kind} named {name}.",
            hint="Known: {known}.",
            kind=package.rsplit(".", 1)[-1],
            name=name,
            known=", ".join(known),
        )
    return known[name]


def make(package: str, name: str, options: Mapping[str, Any], **given: Any) -> Any:
    """A plug-in with the fields that a definition gives it.

    Args:
        package: of the kind, e.g. ``cityloom.standard.steps``.
        name: of the plug-in.
        options: its fields as the definition gives them; lists become tuples.
        given: what the room gives to every plug-in that has a field of that name (``today``, ``tables``).

    Raises:
        ConfigError: ``kernel.plugin.unknown`` or ``kernel.plugin.options``, with the fields there are.
    """
    cls = plugin(package, name)
    offered = {f.name for f in fields(cls)}
    chosen = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING} - set(given)
    wrong = sorted((set(chosen) - (offered - set(given))) | (needed - set(chosen)))
    if wrong:
        raise ConfigError(
            "kernel.plugin.options",
            "The {kind} {name} does not fit its options: {wrong}.",
            hint="Its fields: {known}. Needed: {needed}.",
            kind=package.rsplit(".", 1)[-1],
            name=name,
            wrong=", ".join(wrong),
            known=", ".join(sorted(offered - set(given))) or "-",
            needed=", ".join(sorted(needed)) or "-",
        )
    return cls(**chosen, **{k: v for k, v in given.items() if k in offered})


def _plugin_of(module: Any, name: str) -> type[Any]:
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ == module.__name__ and getattr(cls, "name", None) == name:
            return cls
    raise ConfigError(
        "kernel.plugin.misnamed",
        "The module {module} holds no class whose name is {name}.",
        hint="A plug-in's name is its file's name.",
        module=module.__name__,
        name=name,
    )
