"""What is migrated: a database file, a folder of tables, or a source that a definition describes."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cityloom.collect.base import PACKAGE
from cityloom.collect.tables import literal_glob
from cityloom.content.load import load
from cityloom.kernel.errors import UserError
from cityloom.kernel.registry import plugin
from cityloom.model.source import Source
from cityloom.model.text import Title

_SQLITE = b"SQLite format 3\0"
_ACCESS = (b"Standard Jet DB", b"Standard ACE DB")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Legacy:
    """A database to be moved: how it is reached, and its size in bytes (0 where only the source could say)."""

    source: Source
    size: int

    @property
    def name(self) -> str:
        """Of the migration and its source; its resources' names begin with it."""
        return self.source.name


def describe(
    path: Path, *, department: str, name: str | None = None, options: Mapping[str, Any] | None = None
) -> Legacy:
    """What a path holds.

    Args:
        path: a database of Access or SQLite, a dBase table or a folder of them, or a YAML file with one source.
        department: whose it is.
        name: of the migration; else made from the path's.
        options: more options of the connector.

    Raises:
        UserError: ``flows.migration.unknown`` when it is none of these, ``flows.migration.unnamed``.
        ContentError: where the YAML file is wrong.
    """
    if path.suffix.lower() in (".yml", ".yaml"):
        source = _declared(path)
        return Legacy(_with(source, name=_named(name or source.name), department=department, options=options or {}), 0)
    connector, found = _recognised(path)
    source = Source(
        name=_named(name or _slug(path.stem)),
        title=Title(path.name, path.name),
        department=department,
        connector=connector,
        options={**found, **_whole(connector), **(options or {})},
    )
    return Legacy(source, _size(path))


def _recognised(path: Path) -> tuple[str, dict[str, Any]]:
    """The connector, and its options, for a file or folder."""
    place = path.absolute()
    if place.is_dir():
        if any(p.suffix.lower() == ".dbf" for p in place.iterdir()):
            return "dbf", {"folder": str(place)}
        raise _unknown(path)
    if not place.is_file():
        raise _unknown(path)
    with place.open("rb") as file:
        start = file.read(32)
    if start.startswith(_SQLITE):
        return "sqlite", {"path": str(place)}
    if start[4:].startswith(_ACCESS):
        return "access", {"folder": str(place.parent), "pattern": literal_glob(place.name)}
    if place.suffix.lower() == ".dbf":
        return "dbf", {"folder": str(place.parent), "pattern": literal_glob(place.name)}
    raise _unknown(path)


def _unknown(path: Path) -> UserError:
    return UserError(
        "flows.migration.unknown",
        "{path} is no database that can be migrated.",
        hint="Name a file of Access (.mdb, .accdb) or SQLite, a folder with dBase tables (.dbf), or a YAML file with the source of another database.",
        path=path.name,
    )


def _declared(path: Path) -> Source:
    with tempfile.TemporaryDirectory() as folder:
        if path.is_file():
            shutil.copy(path, Path(folder) / path.name)
        found = [one.value for one in load(Path(folder)) if one.kind == "source"]
    if len(found) != 1:
        raise UserError(
            "flows.migration.unknown",
            "{path} is no database that can be migrated.",
            hint="A YAML file for this holds exactly one definition of the kind source.",
            path=path.name,
        )
    source: Source = found[0]
    return source


def _with(source: Source, *, name: str, department: str, options: Mapping[str, Any]) -> Source:
    return Source(
        name=name,
        title=source.title,
        department=department,
        connector=source.connector,
        options={**_whole(source.connector), **source.options, **options},
        at_once=source.at_once,
    )


def _whole(connector: str) -> dict[str, Any]:
    """Options with which a connector refuses nothing that it could take."""
    known = {f.name for f in fields(plugin(PACKAGE, connector))}
    return {"binary": "hex"} if "binary" in known else {}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40].rstrip("_")


def _named(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    raise UserError(
        "flows.migration.unnamed",
        "The migration needs a name of letters a-z, digits and '_' that begins with a letter.",
        hint="Give it one with --name.",
    )


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.iterdir() if p.suffix.lower() in (".dbf", ".dbt", ".fpt"))
