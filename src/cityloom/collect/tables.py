"""The tables that a source holds, asked without naming one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cityloom.collect.base import PACKAGE, Listing, TableShape
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugin
from cityloom.model.source import Source


def list_tables(source: Source, base: Path) -> Iterator[TableShape]:
    """Every table of a source.

    Args:
        source: whose connector is a ``Listing``.
        base: folder on which relative paths and ``file:`` references stand.

    Raises:
        ConfigError: ``kernel.plugin.unknown``, ``collect.listing.unsupported``, ``collect.source.invalid``.
        SourceError: when the source does not answer.
    """
    cls = plugin(PACKAGE, source.connector)
    if not isinstance(cls, type) or not hasattr(cls, "tables"):
        raise ConfigError(
            "collect.listing.unsupported",
            "{connector} cannot say which tables its source holds.",
            hint="Declare each resource by itself, see the guide on adding a data set.",
            connector=source.connector,
        )
    given: dict[str, Any] = {**source.options, "base": base}
    try:
        connector = TypeAdapter(cls).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ConfigError(
            "collect.source.invalid",
            "{source}: the option {option} of {connector} is wrong: {problem}.",
            hint="Valid options: {valid}.",
            source=source.name,
            option=".".join(str(p) for p in first["loc"]) or "-",
            connector=source.connector,
            problem=first["msg"],
            valid=", ".join(f.name for f in fields(cls) if f.name != "base"),
        ) from None
    assert isinstance(connector, Listing)
    return connector.tables()


def literal_glob(name: str) -> str:
    """A pattern that matches a file of this name; what patterns read otherwise stands in brackets or as one letter."""
    return "".join(f"[{c}]" if c in "*?[{" else "?" if c == "!" else c for c in name)
