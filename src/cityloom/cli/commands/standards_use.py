"""``cityloom standards conformance``: how far resources conform to the standards."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows import conformance as flow
from cityloom.kernel.i18n import _
from cityloom.standard.conformance import ASPECTS, LEAST
from cityloom.standard.words import word


def register(app: typer.Typer) -> None:
    """Add the command."""
    group = group_of(app, "standards")
    text = _(
        "Compare resources with the standards: which items are bound to elements, and which conform.\n\n"
        "An item conforms when it is called as its element is and its values have the element's form, length and codes.\n\n"
        "Example: `cityloom standards conformance hukou --phase after`"
    )
    group.command("conformance", help=text)(_conformance)


def _conformance(
    names: Annotated[list[str] | None, typer.Argument(help=_("Resources; all when none is named."))] = None,
    phase: Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))] = "before",
    data_set: Annotated[str | None, typer.Option("--data-set", help=_("Compare with this data set standard, too."))] = None,
    least: Annotated[float, typer.Option("--least", help=_("Share of an item's values that must conform."), min=0, max=1)] = LEAST,
    target: Annotated[Path | None, typer.Option("--xlsx", help=_("Write all of it to this workbook."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.compare(at, names or (), phase=phase, data_set=data_set, least=least)
    if target is not None:
        flow.write_workbook(target, found)
        console.print(_("The comparison is in {file}.").format(file=target), markup=False)
    if as_json:
        items = [{**asdict(one), "conforming": one.is_conforming} for one in found.items]
        shares = [{**asdict(one), "bound_rate": one.bound_rate, "rate": one.rate} for one in found.shares]
        print_json({"items": items, "shares": shares, "gaps": [asdict(one) for one in found.gaps]})
    elif target is None:
        _print(found, is_detailed=bool(names))


def _print(found: flow.Conformance, *, is_detailed: bool) -> None:
    aspects = [word(aspect) for aspect in ASPECTS]
    if is_detailed:
        names = [_("resource"), _("item"), _("raw column"), _("element"), _("rows"), _("filled"), *aspects, _("conforming")]
        print_table(_("Items"), names, [flow.item_row(one) for one in found.items], numbers=(4, 5))
    names = [_("level"), _("name"), _("items"), _("bound"), _("conforming"), _("bound rate"), _("conformance"), *aspects]
    print_table(_("Conformance to standards"), names, [flow.share_row(one) for one in found.shares], numbers=range(2, 11))
    if found.gaps:
        names = [_("resource"), _("data set standard"), _("item"), _("problem"), _("element")]
        rows = [(g.resource, g.data_set, g.item, word(g.problem), g.element) for g in found.gaps]
        print_table(_("What is lacking of data set standards"), names, rows)
