"""``cityloom serve``: the server of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer

from cityloom.cli.server import free_port, run_server
from cityloom.cli.session import WorkspaceOption, console, opened
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("serve", help=_("Serve the start page and the services of a workspace until you press Ctrl-C."))
    def command(
        host: Annotated[str | None, typer.Option(help=_("Address to listen on."))] = None,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help=_("Port; 0 takes a free one."))] = None,
        tied: Annotated[bool, typer.Option("--tied", hidden=True)] = False,
        workspace: WorkspaceOption = None,
    ) -> None:
        with opened(workspace) as at:
            folder = at.folder
            where = host or at.settings.host
            number = free_port(where, at.settings.port if port is None else port)
        console.print(_("Open http://{host}:{port}/ · Ctrl-C stops.").format(host=where, port=number))
        run_server(folder, where, number, is_tied=tied)
