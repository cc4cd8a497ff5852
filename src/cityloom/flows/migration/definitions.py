"""Definitions made from the shapes of tables: one source, one resource a table, for people to review."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.content.load import load
from cityloom.kernel.ids import stable_id
from cityloom.model.resource import Resource
from cityloom.model.source import Source
from cityloom.model.text import Title

SOURCE_FILE = "_source.yml"
_CATEGORY = Title("历史数据/迁移", "history/migration")
_ABSTRACT = Title("由历史库迁移的数据表。", "A table migrated from a legacy database.")
_LONGEST = 60
_WORD = re.compile(r"[a-z+@]+(?:/[a-z]+)?")
_WHOLE = frozenset(
    ("int", "integer", "bigint", "smallint", "tinyint", "mediumint", "byte", "long", "large", "decimal", "numeric")
    + ("number", "currency", "money", "n", "i", "y", "+")
)
_DAY = frozenset(("date", "d"))
_MOMENT = frozenset(("datetime", "timestamp", "date/time", "t", "@"))


def write_definitions(folder: Path, source: Source, shapes: Sequence[TableShape], taken: Mapping[str, str]) -> dict[str, str]:
    """Write a file for the source and one for each table that has none yet; what people changed stays.

    Args:
        folder: takes the files; made when it is not there.
        source: of all tables.
        shapes: the tables that can be collected.
        taken: names that other resources bear, with their source.

    Returns:
        By table the name of its resource.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SOURCE_FILE).exists():
        _write(folder / SOURCE_FILE, _source(source))
    known = {_table(r, shapes): r.name for r in _resources(folder)}
    used = {*known.values(), *(n for n, of in taken.items() if of != source.name)}
    for number, shape in enumerate(shapes, 1):
        if shape.name in known:
            continue
        name = _unused(_name(source.name, shape.name, number), shape.name, used)
        used.add(name)
        known[shape.name] = name
        _write(folder / f"{name}.yml", _resource(name, shape, source))
    return {shape.name: known[shape.name] for shape in shapes}


def _resources(folder: Path) -> list[Resource]:
    return [one.value for one in load(folder) if one.kind == "resource"]


def _table(resource: Resource, shapes: Sequence[TableShape]) -> str:
    """The table that a resource collects, by what its task names."""
    what = dict(resource.collect.what)
    return next((s.name for s in shapes if dict(s.what) == what), resource.title.en)


def _source(source: Source) -> CommentedMap:
    body = CommentedMap(kind="source", name=source.name, title=_title(source.title.zh, source.title.en))
    body["department"] = source.department
    body["connector"] = source.connector
    body["options"] = _flow(dict(source.options))
    if source.at_once != 1:
        body["at_once"] = source.at_once
    return body


def _resource(name: str, shape: TableShape, source: Source) -> CommentedMap:
    names = _item_names([c.name for c in shape.columns])
    title = shape.title or shape.name
    body = CommentedMap(kind="resource", name=name, department=source.department, title=_title(title, shape.name))
    body["abstract"] = _title(_ABSTRACT.zh, _ABSTRACT.en)
    body["category"] = f"{_CATEGORY.zh}/{source.name}"
    if shape.key:
        body["key"] = _flow([names[c] for c in shape.key if c in names])
    items = CommentedSeq()
    for place, column in enumerate(shape.columns):
        items.append(_item(names[column.name], column))
        if column.kind:
            items.yaml_add_eol_comment(" ".join(column.kind.split()), place)
    body["items"] = items
    task = {"source": source.name, "what": _flow(dict(shape.what)), "mode": "full", "cycle": "manual"}
    body["collect"] = CommentedMap(task)
    return body


def _item(name: str, column: ColumnShape) -> CommentedMap:
    item: dict[str, Any] = {"name": name, "column": column.name}
    item["title"] = _title(column.title or column.name, column.title or column.name)
    if column.is_required:
        item["required"] = True
    step = _step(column.kind)
    if step:
        item["steps"] = _flow([_flow({"step": step})])
    node: CommentedMap = _flow(item)
    return node


def _step(kind: str) -> str:
    """The standardising step for what the source declares: a type decides, never a value. Moments of any zone stay."""
    if "zone" in kind.lower() and "without" not in kind.lower() or kind.lower().startswith("timestamptz"):
        return ""
    found = _WORD.match(kind.lower())
    word = found.group() if found else ""
    return "number" if word in _WHOLE else "parse_date" if word in _DAY else "parse_time" if word in _MOMENT else ""


def _name(prefix: str, table: str, number: int) -> str:
    slug = _slug(table)
    return f"{prefix}_{slug}"[:_LONGEST].rstrip("_") if slug else f"{prefix}_t{number:03}"


def _unused(name: str, table: str, used: set[str]) -> str:
    return name if name not in used else f"{name}_{stable_id('t', table)[-6:]}"


def _item_names(columns: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        slug = _slug(column)
        name = slug[:_LONGEST] if slug[:1].isalpha() else f"c{number:03}"
        found[column] = name if name not in found.values() else f"{name[: _LONGEST - 5]}_{number:03}"
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _title(zh: str, en: str) -> Any:
    return _flow({"zh": zh, "en": en})


def _flow(value: Any) -> Any:
    node = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    node.fa.set_flow_style()
    return node


def _write(path: Path, body: CommentedMap) -> None:
    yaml = YAML(typ="rt")
    yaml.width = 4096
    yaml.allow_unicode = True
    text = io.StringIO()
    yaml.dump(body, text)
    draft = path.with_suffix(".draft")
    draft.write_text(text.getvalue(), encoding="utf-8")
    draft.replace(path)
