"""``cityloom show``: one object's golden record, and where each value comes from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, print_json, print_table, writing
from cityloom.flows.records import show_record
from cityloom.fuse.explain import Explanation
from cityloom.kernel.i18n import _

AsOption = Annotated[str, typer.Option("--as", help=_("Account that looks; goes on record."))]
WhyOption = Annotated[bool, typer.Option("--why", help=_("Also show what every department said, and which rule chose."))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("One object: its golden record with department, batch and row of every value. Looking goes on record."),
    )
    app.add_typer(group, name="show")
    _add(group, "person", "population", _("Show a person by citizen id number."))
    _add(group, "firm", "legal_person", _("Show a firm by unified social credit code."))


def _add(group: typer.Typer, command: str, object_type: str, text: str) -> None:
    @group.command(command, help=text)
    def show(
        key: Annotated[str, typer.Argument(help=_("The identity number."))],
        why: WhyOption = False,
        actor: AsOption = "dsj.steward",
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with writing(workspace) as at:
            found = show_record(at, object_type, key, actor=actor)
        if as_json:
            print_json(asdict(found))
            return
        _show(found, is_full=why)


def _show(found: Explanation, *, is_full: bool) -> None:
    console.print(f"[bold]{found.id}[/] {found.key}")
    rows = [(str(v.title), v.value, v.department, v.resource, v.batch, v.row) for v in found.values]
    names = [_("attribute"), _("value"), _("department"), _("resource"), _("batch"), _("row")]
    print_table(_("Golden record"), names, rows, numbers=(5,))
    if is_full:
        said = [
            (str(v.title), str(v.rule_title), c.value, c.department, c.resource, c.row, c.at, c.is_winner)
            for v in found.values
            for c in v.candidates
        ]
        names = [_("attribute"), _("rule"), _("said"), _("department"), _("resource"), _("row"), _("as of"), _("chosen")]
        print_table(_("What every department said"), names, said, numbers=(5,))
