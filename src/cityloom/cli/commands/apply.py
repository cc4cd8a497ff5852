"""``cityloom apply``: check definitions and bring them into force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, print_json, print_table, writing
from cityloom.flows.accounts import make_accounts
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import example_content
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the command."""
    help_text = _(
        "Check a folder of YAML definitions and bring them into force.\n\n"
        "Shows the plan of changes; a second apply changes nothing. Mistakes are named with file, line and key, "
        "and then nothing is applied.\n\n"
        "Example: `cityloom apply city --plan`"
    )

    @app.command("apply", help=help_text)
    def command(
        folder: Annotated[Path | None, typer.Argument(help=_("Folder of definitions. Default: the example city."))] = None,
        plan: Annotated[bool, typer.Option("--plan", help=_("Only show what would change."))] = False,
        actor: Annotated[str, typer.Option("--as", help=_("Account that applies them."))] = "dsj.steward",
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with writing(workspace, must_exist=False) as opened:
            done = apply(opened, folder or example_content(), actor=actor, only_plan=plan)
            if not plan:
                make_accounts(opened)
        if as_json:
            changes = [vars(c) for c in done.changes]
            print_json({"changes": changes, "total": done.total, "plan": done.is_plan})
            return
        if not done.changes:
            console.print(_("Nothing to change: all {n} definitions are in force.").format(n=done.total))
            return
        rows = [(c.action, c.kind, c.name) for c in done.changes]
        title = _("Would change") if done.is_plan else _("Changed")
        print_table(title, [_("action"), _("kind"), _("name")], rows)
