"""``cityloom serve``: the server of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer

from cityloom.cli.server import free_port, jobs_beside, run_server
from cityloom.cli.session import WorkspaceOption, console, opened
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("serve", help=_("Serve the start page and the services of a workspace until you press Ctrl-C."))
    def command(
        host: Annotated[str | None, typer.Option(help=_("Address to listen on."))] = None,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help=_("Port; 0 takes a free one."))] = None,
        jobs: Annotated[bool, typer.Option("--jobs", help=_("Also run the tasks that run by themselves."))] = False,
        tied: Annotated[bool, typer.Option("--tied", hidden=True)] = False,
        workspace: WorkspaceOption = None,
    ) -> None:
        with opened(workspace) as at:
            folder = at.folder
            where = host or at.settings.host
            number = free_port(where, at.settings.port if port is None else port)
        console.print(_("Open http://{host}:{port}/ · Ctrl-C stops.").format(host=where, port=number))
        with jobs_beside(folder, is_wanted=jobs):
            run_server(folder, where, number, is_tied=tied)
