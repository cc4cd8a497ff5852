"""Binds an item of a resource to a data element where the resource is written: one place changes, all else stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cityloom.content.load import load, load_file
from cityloom.kernel.errors import UserError
from cityloom.kernel.files import write_whole
from cityloom.model.standard import Element

_ALIAS = re.compile(r"[ \t]*:[ \t]*\*[^\s,\[\]{}]+")
_MARK = "\ufeff"
"""What some programs put before UTF-8."""
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
        """Write the file anew: wholly or not at all.

        Raises:
            UserError: ``content.binding.unwritable``.
        """
        try:
            write_whole(self.file, self.text)
        except OSError as error:
            raise UserError(
                "content.binding.unwritable",
                "{file} cannot be written: {problem}.",
                hint="Check what it is, and its permissions.",
                file=self.file.name,
                problem=error.strerror or type(error).__name__,
            ) from None


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
        UserError: ``content.binding.resource`` when the resource is not defined there; ``content.binding.form`` when it is
            written in a way that a change of one place would break, or would mean more than this item.
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
        whole = file.read()
    text = whole.removeprefix(_MARK)
    at, end, new = _change(text, one.document, column, element)
    changed = text[:at] + new + text[end:]
    if not _is_right(text, changed, one.document, column, element):
        raise UserError(
            "content.binding.form",
            "{resource} is written in {file} in a form that is not changed by a program.",
            hint="Write element: {element} into the item of the column yourself, or an item with it.",
            resource=resource,
            file=one.file.name,
            element=element.name,
        )
    first = text.rfind("\n", 0, at) + 1
    last, rest = _line_end(text, end), len(text) - _line_end(text, end)
    before, after = text[first:last].splitlines(), changed[first : len(changed) - rest].splitlines()
    mark = whole[: len(whole) - len(text)]
    return Binding(file=one.file, line=text.count("\n", 0, first) + 1, before=tuple(before), after=tuple(after), text=mark + changed)


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


def _change(text: str, document: int, column: str, element: Element) -> tuple[int, int, str]:
    """From where to where something new takes the place."""
    items = _part(list(YAML(typ="safe", pure=True).compose_all(text))[document], "items")
    if not isinstance(items, SequenceNode):
        return 0, 0, ""
    mine = [one for one in items.value if _scalar(one, "column") == column]
    if not mine:
        return _added(text, items, column, element)
    one = next((m for m in mine if _scalar(m, "element") in (None, "", element.name)), mine[0])
    return _named(text, one, element)


def _named(text: str, item: Any, element: Element) -> tuple[int, int, str]:
    """The element of an item: in the place of the old one, else before its last key, or behind all of it on one line."""
    for key, old in item.value:
        if key.value == "element":
            is_empty = old.start_mark.index == old.end_mark.index
            at = text.find(":", key.end_mark.index) + 1
            return (at, at, f" {element.name}") if is_empty else (old.start_mark.index, old.end_mark.index, element.name)
    last, value = item.value[-1]
    at, end = _end(text, last, value), int(item.end_mark.index)
    if item.flow_style and text[at:end].strip() == "}":
        return at, at, f", element: {element.name}"
    at = last.start_mark.index
    behind = ", " if item.flow_style else f"{_newline(text)}{' ' * last.start_mark.column}"
    return at, at, f"element: {element.name}{behind}"


def _added(text: str, items: SequenceNode, column: str, element: Element) -> tuple[int, int, str]:
    names = {_scalar(one, "name") for one in items.value}
    number = next(n for n in range(1, len(names) + 2) if _numbered(element.name, n) not in names)
    line = item_line(column, element, name=_numbered(element.name, number))
    if not items.value:
        at = int(items.end_mark.index) - 1
        return at, at, line.removeprefix("- ")
    at = _end(text, None, items.value[-1])
    if items.flow_style:
        return at, at, f", {line.removeprefix('- ')}"
    dashes = list(re.finditer(r"^ *(?=-\s)", text[: items.value[-1].start_mark.index + 1], re.MULTILINE))
    return at, at, f"{_newline(text)}{dashes[-1].group() if dashes else ''}{line}"


def _is_right(text: str, changed: str, document: int, column: str, element: Element) -> bool:
    """Whether a change binds the one item, or adds it, and means nothing else."""
    try:
        old, new = _plain(text, document), _plain(changed, document)
    except (YAMLError, IndexError):
        return False
    items = old["items"]
    places = [n for n, one in enumerate(items) if one.get("column") == column]
    wanted = [{**old, "items": [*items[:n], {**items[n], "element": element.name}, *items[n + 1 :]]} for n in places]
    if places:
        return new in wanted
    added = new["items"][-1] if isinstance(new, dict) and isinstance(new.get("items"), list) and new["items"] else {}
    is_bound = isinstance(added, dict) and (added.get("column"), added.get("element")) == (column, element.name)
    return is_bound and new == {**old, "items": [*items, added]}


def _plain(text: str, document: int) -> Any:
    """A document with its aliases written out."""
    return json.loads(json.dumps(list(YAML(typ="safe", pure=True).load_all(text))[document], default=str))


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _part(node: Any, key: str) -> Node | None:
    return next((value for name, value in node.value if name.value == key), None)


def _scalar(node: Any, key: str) -> str | None:
    found = _part(node, key)
    return found.value if isinstance(found, ScalarNode) else None


def _end(text: str, key: Node | None, node: Node) -> int:
    """Where the text of a node ends that stands behind a key, without the blank lines and comments behind it."""
    if key is not None and node.end_mark.index < key.end_mark.index:
        alias = _ALIAS.match(text, key.end_mark.index)
        return alias.end() if alias else int(key.end_mark.index)
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, *last) if isinstance(node, MappingNode) else _end(text, None, last)
    end = int(node.end_mark.index)
    return len(text[:end].rstrip()) if isinstance(node, ScalarNode) and node.style in ("|", ">") else end


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
