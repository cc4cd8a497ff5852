"""How the resources of a workspace conform to data standards: by item, resource, department and the city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.resource import Resource
from cityloom.quality.items import items_of
from cityloom.standard.conformance import (
    ASPECTS,
    LEAST,
    Gap,
    ItemConformance,
    Share,
    conformance,
    gaps,
    share_of,
)
from cityloom.standard.words import word


@dataclass(frozen=True, kw_only=True)
class Conformance:
    """The items, their shares by resource, department and city, and what resources lack of data set standards."""

    items: tuple[ItemConformance, ...]
    shares: tuple[Share, ...]
    gaps: tuple[Gap, ...]


def compare(
    workspace: Workspace, names: Sequence[str] = (), *, phase: str = "before", data_set: str | None = None, least: float = LEAST
) -> Conformance:
    """Compare resources with the standards.

    Args:
        workspace: where.
        names: resources; all when none is named.
        phase: ``before`` for the rows as they came, ``after`` for the standard rows.
        data_set: a data set standard to compare with, besides the one that a resource says it follows.
        least: share of an item's values that must conform.

    Raises:
        UserError: ``model.resource.unknown``, ``flows.conformance.data_set`` or ``quality.phase.unknown``.
    """
    city = workspace.city
    if data_set is not None and data_set not in city.data_sets:
        raise UserError(
            "flows.conformance.data_set",
            "There is no data set standard {name} in force.",
            hint="In force: {known}.",
            name=data_set,
            known=", ".join(sorted(city.data_sets)) or "-",
        )
    chosen = [city.resource(name) for name in names] if names else list(city.resources.values())
    items = tuple(one for resource in chosen for one in _of(workspace, resource, phase, least))
    lacking = tuple(
        gap
        for resource in chosen
        for name in dict.fromkeys(n for n in (resource.data_set, data_set) if n)
        for gap in gaps(resource, city.data_sets[name])
    )
    return Conformance(items=items, shares=tuple(_shares(items)), gaps=lacking)


def write_workbook(target: Path, found: Conformance) -> None:
    """The comparison as a workbook: shares, items, gaps."""
    if target.suffix.lower() != ".xlsx":
        raise UserError("flows.conformance.format", "{file} is no workbook.", hint="Name a file that ends in .xlsx.", file=target.name)
    pages: list[tuple[str, list[str], list[list[Any]]]] = [
        (_("Shares"), [_("level"), _("name"), _("items"), _("bound"), _("conforming"), _("bound rate"), _("conformance"), *map(word, ASPECTS)], [share_row(s) for s in found.shares]),
        (_("Items"), [_("resource"), _("item"), _("raw column"), _("element"), _("rows"), _("filled"), *map(word, ASPECTS), _("conforming")], [item_row(i) for i in found.items]),
        (_("Data sets"), [_("resource"), _("data set standard"), _("item"), _("problem"), _("element")], [[g.resource, g.data_set, g.item, word(g.problem), g.element] for g in found.gaps]),
    ]
    with xlsxwriter.Workbook(target, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        head = book.add_format({"bold": True, "bg_color": "#DDE7F3", "border": 1})
        for title, columns, rows in pages:
            page = book.add_worksheet(title[:31])
            page.freeze_panes(1, 0)
            page.set_column(0, len(columns) - 1, 16)
            page.write_row(0, 0, columns, head)
            for number, row in enumerate(rows, 1):
                page.write_row(number, 0, [_("yes") if c is True else _("no") if c is False else c for c in row])


def share_row(one: Share) -> list[Any]:
    """A share as cells."""
    aspects = [None if (rate := one.by_aspect[a]) is None else round(rate, 4) for a in ASPECTS]
    return [word(one.level), one.name, one.items, one.bound, one.conforming, round(one.bound_rate, 4), round(one.rate, 4), *aspects]


def item_row(one: ItemConformance) -> list[Any]:
    """An item as cells."""
    return [one.resource, one.item, one.column, one.element, one.rows, one.filled, *(getattr(one, a) for a in ASPECTS), one.is_conforming]


def _of(workspace: Workspace, resource: Resource, phase: str, least: float) -> tuple[ItemConformance, ...]:
    city, lake = workspace.city, workspace.lake
    table = resource.raw_table if phase == "before" else resource.std_table
    relation, terms = items_of(resource, phase, lake) if lake.exists(table) else (None, {})
    return conformance(
        resource,
        city.elements,
        city.codes,
        engine=workspace.engine,
        relation=relation,
        terms=terms,
        is_raw=phase == "before",
        least=least,
    )


def _shares(items: Sequence[ItemConformance]) -> list[Share]:
    found = []
    for level in ("resource", "department"):
        names = dict.fromkeys(getattr(one, level) for one in items)
        found += [share_of(level, name, [one for one in items if getattr(one, level) == name]) for name in names]
    return [*found, share_of("city", "", items)]
