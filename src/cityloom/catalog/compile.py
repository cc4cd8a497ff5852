"""Definitions become catalog entries, with their code, their attributes checked (政务信息资源目录编制指南)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import sqlalchemy as sa

from cityloom.kernel.errors import ConfigError
from cityloom.model.catalog import Entry, EntryItem
from cityloom.model.city import City
from cityloom.model.resource import SHARING, Access, Resource
from cityloom.protect.grading import highest
from cityloom.store.catalog import number_of

_WIDTHS = (1, 2, 3, 2)
"""Digits of 类, 项, 目, 细目."""


def compile_entry(resource: Resource, city: City) -> Entry:
    """The entry of a resource, without code.

    Raises:
        ConfigError: ``catalog.sharing.missing``, ``catalog.access.unknown``, ``catalog.basis.missing`` or
            ``catalog.access.contradictory``.
    """
    sharing = _checked(resource, "sharing", resource.sharing)
    if sharing is None:
        raise ConfigError(
            "catalog.sharing.missing",
            "The resource {name} says nothing about its sharing.",
            hint="Give it sharing: {{attribute: unconditional, conditional or none}}, the last two with a basis.",
            name=resource.name,
        )
    opening = _checked(resource, "opening", resource.opening)
    if opening is not None and sharing.attribute == "none" and opening.attribute != "none":
        raise ConfigError(
            "catalog.access.contradictory",
            "The resource {name} is not shared among departments, and yet open to the public.",
            hint="Open it no further than it is shared.",
            name=resource.name,
        )
    items = _items(resource, city, sharing, opening)
    return Entry(
        name=resource.name,
        code="",
        department=resource.department,
        title=resource.title,
        abstract=resource.abstract,
        category=resource.category,
        grade=highest([resource.grade, *(item.grade for item in items)]),
        sharing=sharing.attribute,
        sharing_basis=sharing.basis,
        sharing_conditions=sharing.conditions,
        opening=opening.attribute if opening else None,
        opening_basis=opening.basis if opening else None,
        cycle=resource.cycle,
        matter=resource.matter,
        keywords=resource.keywords,
        items=items,
        digest=_digest(resource),
    )


def with_code(connection: sa.Connection, entry: Entry) -> Entry:
    """The entry with its code 类项目细目/sequence, such as ``10100101/000001``; a level not named is 0.

    Numbers are given in the order in which classes and resources first appear, and are never given anew.
    """
    levels = [part.strip() for part in entry.category.split("/", 3)] + [""] * 4
    path = code = ""
    for width, name in zip(_WIDTHS, levels, strict=False):
        number = 0
        if name:
            parent, path = path, f"{path}/{name}"
            number = number_of(connection, parent, path)
        code += f"{number:0{width}}"
    sequence = number_of(connection, f"{path}#", f"{path}#{entry.name}")
    return replace(entry, code=f"{code}/{sequence:06}")


def _items(resource: Resource, city: City, sharing: Access, opening: Access | None) -> tuple[EntryItem, ...]:
    found = []
    for item in resource.items:
        element = city.elements.get(item.element) if item.element else None
        found.append(
            EntryItem(
                name=item.name,
                title=item.title,
                element=item.element,
                representation=element.representation if element else None,
                grade=item.grade or (element.grade if element else resource.grade),
                sharing=sharing.attribute,
                opening=opening.attribute if opening else None,
            )
        )
    return tuple(found)


def _checked(resource: Resource, kind: str, access: Access | None) -> Access | None:
    if access is None:
        return None
    if access.attribute not in SHARING:
        raise ConfigError(
            "catalog.access.unknown",
            "The resource {name} has a {kind} attribute that there is not: {attribute}.",
            hint="Known: {known}.",
            name=resource.name,
            kind=kind,
            attribute=access.attribute,
            known=", ".join(SHARING),
        )
    if access.attribute != "unconditional" and not (access.basis or "").strip():
        raise ConfigError(
            "catalog.basis.missing",
            "The resource {name} restricts its {kind} and cites no basis.",
            hint="Name the law, regulation or decision that it rests on, or lift the restriction.",
            name=resource.name,
            kind=kind,
        )
    return access


def _digest(resource: Resource) -> str:
    body = {k: v for k, v in asdict(resource).items() if k not in ("collect", "rules", "cleaning")}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
