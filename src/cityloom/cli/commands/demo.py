"""``cityloom demo``: the main job from end to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cityloom.cli.commands.city import DEFAULT_SEED
from cityloom.cli.progress import bars
from cityloom.cli.server import call_service, free_port, run_server, server_beside
from cityloom.cli.session import JsonOption, WorkspaceOption, console, print_json, writing
from cityloom.cli.summary import show_report
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.demo import main_job
from cityloom.flows.use import Call
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = _(
        "See a city's data become one trusted record, with proof.\n\n"
        "Generates the example city Yunlan, collects what seven departments hold, checks, standardises and fuses it, "
        "shares it under a grant, verifies the audit log and scores the departments; then serves a page that shows "
        "it. Nothing outside the workspace is touched. The same command again goes on where it stopped.\n\n"
        "Example: `cityloom demo --people 200000 --workspace /tmp/city`"
    )

    @app.command("demo", help=text)
    def command(
        people: Annotated[int, typer.Option(min=1000, help=_("True residents of the example city."))] = 20_000,
        seed: Annotated[int, typer.Option(help=_("Decides every name, number and mistake."))] = DEFAULT_SEED,
        serve: Annotated[bool, typer.Option("--serve/--no-serve", help=_("Serve the start page at the end."))] = True,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help=_("Port of the page; 0 takes a free one."))] = None,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with writing(workspace, must_exist=False) as at:
            host, folder = at.settings.host, at.folder
            number = free_port(host, at.settings.port if port is None else port) if serve else 0
            with bars(is_silent=as_json) as shown:
                facts = main_job(at, people=people, seed=seed, watch=shown, server=lambda: _services(at))
        _print(facts, folder, as_json=as_json)
        if serve:
            console.print(_("Open http://{host}:{port}/ · Ctrl-C stops.").format(host=host, port=number))
            run_server(folder, host, number)


@contextmanager
def _services(workspace: Workspace) -> Iterator[Call]:
    host = workspace.settings.host
    with server_beside(workspace.folder, host, free_port(host, 0)) as url:

        def call(service: str, parameters: Mapping[str, str], key: str, purpose: str) -> Mapping[str, Any]:
            return call_service(url, service, parameters, key, purpose)

        yield call


def _print(facts: Mapping[str, Any], folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        show_report(facts, folder)
