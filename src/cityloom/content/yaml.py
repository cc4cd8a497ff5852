"""Writes definitions as YAML, as a person would: kind and name first, short parts on one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_FIRST = ("kind", "name", "identifier", "title", "definition", "representation", "standard")


def write_yaml(target: Path, given: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Definitions (kind and body) as documents of one file."""
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_unicode = True
    yaml.width = 120
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    with target.open("w", encoding="utf-8", newline="\n") as file:
        yaml.dump_all([_ordered({"kind": kind, **body}) for kind, body in given], file)


def _ordered(body: Mapping[str, Any]) -> dict[str, Any]:
    first = [key for key in _FIRST if key in body]
    return {key: body[key] for key in [*first, *(k for k in body if k not in first)]}
