"""``cityloom standards``: published data elements and code tables that a city refers to by name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, console, print_json, print_table
from cityloom.content import library
from cityloom.kernel.i18n import _
from cityloom.model.standard import CodeTable, Element


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("Standards: data elements and code tables."))
    app.add_typer(group, name="standards")
    group.command("library", help=_("Search the published elements and code tables, and show one by its name."))(_library)


def _library(
    words: Annotated[list[str] | None, typer.Argument(help=_("A name, or words to look for; all when none."))] = None,
    as_json: JsonOption = False,
) -> None:
    found = library.search(words or [])
    named = [hit for hit in found if [hit.name] == words]
    shown = named or found
    whole = [library.read(hit.kind, hit.name).value for hit in shown] if named or len(shown) == 1 else []
    if as_json:
        print_json([asdict(one) for one in whole or shown])
    elif not shown:
        console.print(_("The library has nothing of these words."))
    elif whole:
        for one in whole:
            _show(one)
    else:
        kinds = {"element": _("element"), "code_table": _("code table")}
        rows = [(kinds[hit.kind], hit.name, str(hit.title), hit.representation, hit.standard) for hit in shown]
        names = [_("kind"), _("name"), _("title"), _("representation"), _("standard")]
        print_table(_("Library"), names, rows)


def _show(one: Element | CodeTable) -> None:
    if isinstance(one, CodeTable):
        codes = [(c.code, str(c.title), c.parent or "", ", ".join(c.variants)) for c in one.codes]
        print_table(f"{one.name} · {one.title} · {one.standard}", [_("code"), _("title"), _("parent"), _("variants")], codes)
        return
    rows = [
        (_("identifier"), one.identifier),
        (_("definition"), str(one.definition)),
        (_("representation"), one.representation),
        (_("unit"), one.unit or ""),
        (_("code table"), one.codes or ""),
        (_("coding rule"), one.coding_rule or ""),
        (_("synonyms"), ", ".join(one.synonyms)),
        (_("grade"), one.grade),
        (_("steps"), ", ".join(use.step for use in one.steps)),
        (_("rules"), ", ".join(use.rule for use in one.rules)),
        (_("standard"), one.standard),
    ]
    print_table(f"{one.name} · {one.title}", [_("property"), _("value")], [row for row in rows if row[1]])
