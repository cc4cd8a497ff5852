"""``cityloom fuse``: standard rows to golden records."""

from __future__ import annotations

from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption
from cityloom.cli.stages import run_stage
from cityloom.flows import chain
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("The base libraries: one golden record per person and firm, with the origin of every value."))
    app.add_typer(group, name="fuse")

    @group.command("run", help=_("Fuse the standard rows of all departments under the agreed negotiation rules.\\n\\nIds stay the same from run to run; the same input gives the same records."))
    def run(
        names: Annotated[list[str] | None, typer.Argument(help=_("Object types; all when none is named."))] = None,
        force: Annotated[bool, typer.Option("--force", help=_("Do it even when nothing has changed."))] = False,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        run_stage("fuse", chain.fuse, names or [], workspace, as_json=as_json, is_forced=force)
