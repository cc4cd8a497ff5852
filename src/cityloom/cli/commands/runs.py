"""``cityloom runs``: what ran, what it read and wrote, and what went wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json, print_table
from cityloom.kernel.i18n import _
from cityloom.store import runs


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("runs", help=_("Show the runs of the chain, newest first, with rows, time and reason of failure."))
    def command(
        step: Annotated[str | None, typer.Option(help=_("Only runs of this step."))] = None,
        limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 40,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with opened(workspace) as at, at.store.read() as connection:
            found = runs.list_runs(connection, step=step, limit=limit)
        if as_json:
            print_json([asdict(run) for run in found])
            return
        rows = [
            (
                run.started_at[:19],
                run.step,
                run.subject,
                run.state,
                run.result.read if run.result else None,
                run.result.written if run.result else None,
                run.result.rejected if run.result else None,
                run.seconds,
                run.error_text or "",
            )
            for run in found
        ]
        names = [_("started"), _("step"), _("subject"), _("state"), _("read"), _("written"), _("set apart"), _("seconds")]
        print_table(_("Runs"), [*names, _("reason")], rows, numbers=(4, 5, 6, 7))
