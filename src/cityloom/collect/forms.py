"""What a row of a resource looks like, for people who enter one and for programs that send many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cityloom.collect.representation import Representation, parse_representation
from cityloom.model.city import City
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import CodeTable, Element, RuleUse
from cityloom.model.text import Title

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_EXAMPLES = {"date": "2026-01-31", "time": "2026-01-31 08:30:00", "truth": "true", "digits": "1", "number": "120.50"}
_CODED = {"citizen_id": "11010519491231002X", "uscc": "91350100M000100Y43", "phone": "13800138000", "division": "110105"}
"""Made-up values that obey a coding rule (those of the standards themselves)."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One item as it is entered.

    ``name`` is the column under which it lands; ``kind`` text, number, digits, date, time, truth or code;
    ``codes`` what may be chosen, with titles; ``is_named`` whether a code's title may stand for it; ``pattern`` what
    the whole value matches; ``example`` made up.
    """

    name: str
    item: str
    title: Title
    help: Title
    kind: str
    is_required: bool
    pattern: str = ""
    least: int = 0
    most: int = 0
    codes: tuple[tuple[str, Title], ...] = ()
    is_named: bool = False
    example: str = ""
    unit: str = ""
    standard: str = ""
    representation: str = ""

    @property
    def choices(self) -> list[str]:
        """What a list of choices shows: titles in the current language where they may stand for their codes."""
        titles = [str(title) for _code, title in self.codes]
        return titles if self.is_named and len(set(titles)) == len(titles) else [code for code, _title in self.codes]


@dataclass(frozen=True, kw_only=True)
class FormDefinition:
    """The form of a resource: its fields in order."""

    resource: str
    title: Title
    help: Title
    fields: tuple[Field, ...]

    def schema(self) -> dict[str, Any]:
        """The form as JSON Schema, titles in the current language."""
        return {
            "$schema": DRAFT,
            "$id": f"/api/v1/forms/{self.resource}",
            "title": str(self.title),
            "description": str(self.help),
            "type": "object",
            "properties": {field.name: _schema(field) for field in self.fields},
            "required": [field.name for field in self.fields if field.is_required],
            "additionalProperties": False,
        }


def describe(resource: Resource, city: City) -> FormDefinition:
    """The form that a resource's items make."""
    fields = tuple(_field(item, city.elements.get(item.element or ""), city.codes) for item in resource.items)
    return FormDefinition(resource=resource.name, title=resource.title, help=resource.abstract, fields=fields)


def _field(item: Item, element: Element | None, codes: Mapping[str, CodeTable]) -> Field:
    rules = [*(element.rules if element else ()), *item.rules]
    table = codes.get(element.codes) if element and element.codes else None
    shape = parse_representation(element.representation) if element else None
    kind = "code" if table else (shape or Representation(kind="text")).kind
    coded = bool(element and element.coding_rule)
    steps = item.steps if item.steps is not None else element.steps if element else ()
    is_plain = bool(shape) and not table and not coded
    least, most = _lengths(rules) if is_plain or coded else (0, 0)
    pattern = next(_patterns(rules), "") or ("" if coded or shape is None or table else shape.pattern)
    return Field(
        name=item.column,
        item=item.name,
        title=item.title,
        help=element.definition if element else item.title,
        kind="text" if coded else kind,
        is_required=item.required,
        pattern=pattern,
        least=max(least, shape.least if shape and is_plain else 0),
        most=most or (shape.most if shape and is_plain else 0),
        codes=tuple((one.code, one.title) for one in table.codes) if table else (),
        is_named=any(use.step == "map_code" for use in steps),
        example=_example(element, table, kind),
        unit=element.unit or "" if element else "",
        standard=element.standard if element else "",
        representation=element.representation if element else "",
    )


def _patterns(rules: list[RuleUse]) -> Iterator[str]:
    for use in rules:
        if use.rule == "format" and isinstance(use.options.get("pattern"), str):
            yield str(use.options["pattern"])


def _lengths(rules: list[RuleUse]) -> tuple[int, int]:
    """The strictest of the rules on length; 0 for none."""
    found = [use.options for use in rules if use.rule == "length"]
    least = max((int(one.get("least", 0)) for one in found), default=0)
    return least, min((int(one["most"]) for one in found if "most" in one), default=0)


def _example(element: Element | None, table: CodeTable | None, kind: str) -> str:
    if table:
        return table.codes[0].code if table.codes else ""
    if element and element.coding_rule in _CODED:
        return _CODED[element.coding_rule]
    return _EXAMPLES.get(kind, "")


def _schema(field: Field) -> dict[str, Any]:
    found: dict[str, Any] = {"title": str(field.title), "description": str(field.help), "type": "string"}
    if field.codes:
        found["oneOf"] = [{"const": code, "title": str(title)} for code, title in field.codes]
        return found if field.is_required else {**found, "type": ["string", "null"], "oneOf": [*found["oneOf"], {"type": "null"}]}
    if not field.is_required:
        found["type"] = ["string", "null"]
    if field.pattern:
        found["pattern"] = f"^(?:{field.pattern})$"
    if field.most:
        found["maxLength"] = field.most
    if field.least:
        found["minLength"] = field.least
    if field.kind == "date" and field.representation == "d10":
        found["format"] = "date"
    if field.example:
        found["examples"] = [field.example]
    return found
