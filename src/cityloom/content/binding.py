"""Binds an item of a resource to a data element where the resource is written: one place changes, all else stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cityloom.content.load import load, load_file
from cityloom.kernel.errors import UserError
from cityloom.model.standard import Element

_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Names that YAML would read as something else."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """A change of a file: the ``line`` where it begins, its lines ``before`` and ``after``, and the whole new ``text``.

    Nothing changes where the item is bound already: ``before`` is ``after``.
    """

    file: Path
    line: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    text: str

    def write(self) -> None:
        """Write the file anew."""
        with self.file.open("w", encoding="utf-8", newline="") as file:
            file.write(self.text)


def bound(place: Path, resource: str, column: str, element: Element) -> Binding:
    """The change that binds a raw column of a resource to an element; a column without an item gets one.

    Args:
        place: a folder of definitions, or one file of them.
        resource: its name.
        column: the raw column.
        element: the element.

    Raises:
        ContentError: the definitions are wrong as they stand.
        ConfigError: there is no such place.
        UserError: ``content.binding.resource`` when the resource is not defined there.
    """
    found = load(place) if place.is_dir() else load_file(place)
    one = next((d for d in found if (d.kind, d.name) == ("resource", resource)), None)
    if one is None:
        raise UserError(
            "content.binding.resource",
            "The resource {resource} is not defined in {place}.",
            hint="Name the folder or the file in which it stands.",
            resource=resource,
            place=place.name,
        )
    with one.file.open(encoding="utf-8", newline="") as file:
        text = file.read().removeprefix("\ufeff")
    items = _part(list(YAML(typ="safe", pure=True).compose_all(text))[one.document], "items")
    assert isinstance(items, SequenceNode)
    at, end, new = _change(text, items, column, element)
    changed = text[:at] + new + text[end:]
    first = text.rfind("\n", 0, at) + 1
    last, rest = _line_end(text, end), len(text) - _line_end(text, end)
    before, after = text[first:last].splitlines(), changed[first : len(changed) - rest].splitlines()
    return Binding(file=one.file, line=text.count("\n", 0, first) + 1, before=tuple(before), after=tuple(after), text=changed)


def item_line(column: str, element: Element, own: Mapping[str, Any] | None = None, *, name: str = "") -> str:
    """An item that is bound to an element, as one line of YAML: the resource's ``own`` item, else a new one."""
    title = {"zh": element.title.zh, "en": element.title.en}
    item = {**(own or {"name": name or element.name, "column": column, "title": title}), "element": element.name}
    return f"- {_flow(item)}"


def _flow(value: Any) -> str:
    """A value as YAML on one line; texts that are plain names without quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    is_name = isinstance(value, str) and re.fullmatch("[a-z][a-z0-9_]*", value) and value not in _WORDS
    return str(value) if is_name else json.dumps(value, ensure_ascii=False)


def _change(text: str, items: SequenceNode, column: str, element: Element) -> tuple[int, int, str]:
    """From where to where something new takes the place."""
    mine = [one for one in items.value if _scalar(one, "column") == column]
    if not mine:
        return _added(text, items, column, element)
    one = next((m for m in mine if _scalar(m, "element") in (None, element.name)), mine[0])
    assert isinstance(one, MappingNode)
    old = _part(one, "element")
    if old is not None:
        return old.start_mark.index, old.end_mark.index, element.name
    if one.flow_style:
        at = one.end_mark.index - 1
        at -= len(text[:at]) - len(text[:at].rstrip())
        return at, at, f", element: {element.name}"
    at = one.value[-1][0].start_mark.index
    return at, at, f"element: {element.name}{_newline(text)}{' ' * one.start_mark.column}"


def _added(text: str, items: SequenceNode, column: str, element: Element) -> tuple[int, int, str]:
    names = {_scalar(one, "name") for one in items.value}
    number = next(n for n in range(1, len(names) + 2) if _numbered(element.name, n) not in names)
    line = item_line(column, element, name=_numbered(element.name, number))
    at, dash = _end(items.value[-1]), text.rfind("-", 0, items.value[-1].start_mark.index)
    if items.flow_style:
        return at, at, f", {line.removeprefix('- ')}"
    return at, at, f"{_newline(text)}{text[text.rfind(chr(10), 0, dash) + 1 : dash]}{line}"


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _part(node: Any, key: str) -> Node | None:
    return next((value for name, value in node.value if name.value == key), None)


def _scalar(node: Any, key: str) -> str | None:
    found = _part(node, key)
    return found.value if isinstance(found, ScalarNode) else None


def _end(node: Node) -> int:
    """Where the text of a node ends, without the blank lines and comments behind it."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, MappingNode) else last)
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
