"""Plug-ins: one file, one frozen class, found by scanning a folder and by entry points.

A kind of plug-in is a package (``cityloom.standard.steps``) whose modules each hold one class with
``name`` equal to the module's name. A third party adds one without touching the core: through the entry point
group ``cityloom.<kind>``, or as a file in ``<kind>/`` of the folder that the setting ``plugins`` names.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cityloom.kernel.config import load_settings
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
    for path in _own_files(package.rsplit(".", 1)[-1]):
        cls = _plugin_of(_load(path, package), path.stem)
        if cls.name in found:
            raise ConfigError(
                "kernel.plugin.repeated",
                "There are two {kind} named {name}; one is the file {file}.",
                hint="Give the file and its class another name.",
                kind=package.rsplit(".", 1)[-1],
                name=cls.name,
                file=path.name,
            )
        found[cls.name] = cls
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


def _own_files(kind: str) -> list[Path]:
    folder = load_settings().plugins
    return sorted(p for p in Path(folder, kind).glob("*.py") if not p.name.startswith("_")) if folder else []


def _load(path: Path, package: str) -> Any:
    """The module of a file outside the packages."""
    name = f"own_{package.rsplit('.', 1)[-1]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(
            "kernel.plugin.broken",
            "The plug-in {file} cannot be loaded: {problem}.",
            hint="Correct the file, or take it out of the folder that CITYLOOM_PLUGINS names.",
            file=path.name,
            problem=f"{type(error).__name__}: {error}",
        ) from error
    return module


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
