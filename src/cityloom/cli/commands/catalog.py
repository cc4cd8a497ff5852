"""``cityloom catalog``: what data exist, whose they are, and where they come from."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Annotated

import typer

from cityloom.catalog import lineage, search
from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json, print_table
from cityloom.flows import chain
from cityloom.flows.runner import Runner
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.catalog import LineageEdge


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("The catalog: resources, their state, and lineage of every column."))
    app.add_typer(group, name="catalog")
    group.command("run", help=_("Compile, review, publish and mount the resources of the definitions."))(_run)
    group.command("list", help=_("Find resources by text and department."))(_list)
    group.command("lineage", help=_lineage_help())(_lineage)


def _lineage_help() -> str:
    return _(
        "Show where a column comes from, or with --impact what depends on it.\n\n"
        "Example: `cityloom catalog lineage base_population.phone`"
    )


def _run(workspace: WorkspaceOption = None) -> None:
    with opened(workspace) as at:
        chain.catalogue(at, Runner(at))
    _list(workspace=workspace)


def _list(
    text: Annotated[str, typer.Argument(help=_("Words to look for; all when none is given."))] = "",
    department: Annotated[str | None, typer.Option(help=_("Only this department's."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = search.find(at.store, text, department=department, is_draft_shown=True)
    if as_json:
        print_json([asdict(entry) for entry in found])
        return
    rows = [(e.code, e.name, str(e.title), e.department, e.state, e.grade, len(e.items)) for e in found]
    names = [_("code"), _("name"), _("title"), _("department"), _("state"), _("grade"), _("items")]
    print_table(_("Catalog"), names, rows, numbers=(6,))


def _lineage(
    column: Annotated[str, typer.Argument(help=_("Table and column: base_population.phone."))],
    impact: Annotated[bool, typer.Option("--impact", help=_("What depends on it."))] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        ways = lineage.origin(at.store, column), lineage.impact(at.store, column)
    if not any(ways):
        raise UserError(
            "cli.column.unknown",
            "No lineage of {column} is known.",
            hint="Write table and column, for example base_population.phone; `cityloom catalog run` records lineage.",
            column=column,
        )
    found = ways[1] if impact else ways[0]
    if as_json:
        print_json([asdict(edge) for edge in found])
        return
    rows = [tuple(asdict(edge).values()) for edge in found]
    names = [f.name for f in fields(LineageEdge)]
    print_table(_("Lineage of {column}").format(column=column), names, rows)
