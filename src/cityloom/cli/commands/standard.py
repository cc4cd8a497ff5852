"""``cityloom standard``: raw rows to standard rows."""

from __future__ import annotations

from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption
from cityloom.cli.stages import run_stage
from cityloom.flows import chain
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("The standard layer: rows whose items conform to published data elements."))
    app.add_typer(group, name="standard")

    @group.command("run", help=_("Standardise raw rows with the steps of their data elements.\\n\\nOnly resources that passed the lake-entry gate; only what has changed. Every changed cell can be explained."))
    def run(
        names: Annotated[list[str] | None, typer.Argument(help=_("Resources; all when none is named."))] = None,
        force: Annotated[bool, typer.Option("--force", help=_("Do it even when nothing has changed."))] = False,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        run_stage("standardise", chain.standardise, names or [], workspace, as_json=as_json, is_forced=force)
