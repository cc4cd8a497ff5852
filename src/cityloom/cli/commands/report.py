"""``cityloom report``: the last report of the main job."""

from __future__ import annotations

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json
from cityloom.cli.summary import show_report
from cityloom.flows import report
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("report", help=_("Show the last report of `cityloom demo` again."))
    def command(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
        with opened(workspace) as at:
            facts = report.read(at.folder)
        if as_json:
            print_json(facts)
        else:
            show_report(facts, at.folder)
