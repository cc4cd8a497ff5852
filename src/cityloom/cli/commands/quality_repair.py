"""``cityloom quality repair``: what broken cells should hold, for a person to decide."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json, print_table
from cityloom.flows import repairs
from cityloom.kernel.i18n import _
from cityloom.quality.repair import LEAST


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    text = _("Propose what the cells that break rules should hold, from the newest assessment. Nothing is changed.")
    group_of(app, "quality").command("repair", help=text)(_repair)


def _repair(
    resource: Annotated[str, typer.Argument(help=_("Resource; assessed before."))],
    phase: Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))] = "before",
    least: Annotated[float, typer.Option("--least", min=0.0, max=1.0, help=_("Confidence below which nothing is proposed."))] = LEAST,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("Most proposals that are shown; a file holds all."))] = 50,
    out: Annotated[Path | None, typer.Option("--out", help=_("Write all proposals to this CSV file."))] = None,
    actor: Annotated[str, typer.Option("--as", help=_("Account that asks."))] = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = repairs.proposals(at, resource, actor=actor, phase=phase, least=least, limit=None if out else limit)
        if out is not None:
            with out.open("w", encoding="utf-8-sig", newline="") as file:
                number = sum(1 for line in repairs.lines(found) if file.write(line)) - 1
            text = _("{number} proposals written to {file}.")
            Console(stderr=True).print(text.format(number=number, file=out), soft_wrap=True)
            return
        shown = list(found)
    if as_json:
        print_json([asdict(one) for one in shown])
        return
    rows = [
        (one.batch, one.row, one.item, one.old, one.value if one.value is not None else _("(empty)"), one.confidence, str(one.reason))
        for one in shown
    ]
    names = [_("batch"), _("row"), _("item"), _("now"), _("proposed"), _("confidence"), _("reason")]
    print_table(_("Proposals for {resource}").format(resource=resource), names, rows, numbers=(1, 5))
