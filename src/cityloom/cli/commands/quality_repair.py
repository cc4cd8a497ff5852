"""``cityloom quality repair`` and ``accept``: what broken cells should hold, and taking it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cityloom.cli.files import load, save_lines
from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows import acceptance, repairs
from cityloom.flows.orders import principal
from cityloom.flows.repairs import Asked
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.quality import PHASES
from cityloom.quality.repair import LEAST, Proposal

ResourceArgument = Annotated[str, typer.Argument(help=_("Resource; assessed before."))]
PhaseOption = Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))]
ItemOption = Annotated[list[str] | None, typer.Option("--item", help=_("Only cells of this item; may be repeated."))]
RuleOption = Annotated[list[str] | None, typer.Option("--rule", help=_("Only what this rule speaks for, by its name; may be repeated."))]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "quality")
    text = _("Propose what the cells that break rules should hold, from the newest assessment. Nothing is changed.")
    group.command("repair", help=text)(_repair)
    group.command("accept", help=_("Accept proposals: those marked in a file, or all from a confidence on. The rows come in again."))(_accept)


def _repair(  # noqa: PLR0913 - one argument an option
    resource: ResourceArgument,
    phase: PhaseOption = "before",
    least: Annotated[float, typer.Option("--least", min=0.0, max=1.0, help=_("Confidence below which nothing is proposed."))] = LEAST,
    item: ItemOption = None,
    rule: RuleOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("Most proposals that are shown; a file holds all."))] = 50,
    out: Annotated[Path | None, typer.Option("--out", help=_("Write all proposals to this CSV file, to be marked in its last column."))] = None,
    actor: Annotated[str, typer.Option("--as", help=_("Account that asks."))] = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    asked = Asked(phase=_known(phase), least=least, items=tuple(item or ()), rules=tuple(rule or ()))
    with opened(workspace) as at:
        found = repairs.proposals(at, resource, asked, actor=actor, limit=None if out else limit)
        if out is not None:
            number = save_lines(out, repairs.lines(found)) - 1
            text = _("{number} proposals written to {file}.")
            Console(stderr=True).print(text.format(number=number, file=out), soft_wrap=True)
            return
        shown = list(found)
    if as_json:
        print_json([asdict(one) for one in shown])
        return
    _print(_("Proposals for {resource}").format(resource=resource), shown)


def _accept(  # noqa: PLR0913 - one argument an option
    resource: ResourceArgument,
    why: Annotated[str, typer.Option("--why", help=_("Why you accept them. No value of a person."))] = "",
    file: Annotated[Path | None, typer.Option("--file", exists=True, dir_okay=False, help=_("A file of `quality repair --out` with an x in the column accept."))] = None,
    above: Annotated[float | None, typer.Option("--above", min=0.0, max=1.0, help=_("All proposals of at least this confidence."))] = None,
    item: ItemOption = None,
    rule: RuleOption = None,
    phase: PhaseOption = "before",
    is_trial: Annotated[bool, typer.Option("--dry-run", help=_("Only show what would be accepted."))] = False,
    actor: Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))] = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    if (file is None) == (above is None) or (file is not None and (item or rule)):
        raise UserError(
            "cli.accept.what",
            "It is not said which proposals are accepted.",
            hint="Name either --file, or --above with --item and --rule to narrow it.",
        )
    asked = Asked(phase=_known(phase), least=above or 0.0, items=tuple(item or ()), rules=tuple(rule or ()))
    with opened(workspace) as at:
        one, who = at.city.resource(resource), principal(at, actor)
        if file is not None:
            chosen = acceptance.from_file(at, one, load(file), asked.phase, who)
        else:
            chosen = acceptance.by_confidence(at, one, asked, who)
        found = None if is_trial else acceptance.accept(at, one, chosen, who, why)
    if as_json:
        print_json({"proposals": len(chosen.proposals), "hidden": chosen.hidden, "lost": chosen.lost, "corrected": asdict(found) if found else None})
        return
    if found is None:
        _print(_("Would be accepted for {resource}").format(resource=resource), chosen.proposals)
    else:
        text = _("{rows} rows ({cells} cells) came in again with the batch {batch}.")
        console.print(text.format(rows=found.rows, cells=found.cells, batch=found.batch or "-"))
    if chosen.hidden:
        console.print(_("{count} proposals were left out: their values are shown to the resource's own department only.").format(count=chosen.hidden))
    if chosen.lost:
        console.print(_("{count} proposals were left out: the steps of the item turn the value into another one.").format(count=chosen.lost))
    for step, state in found.runs if found else ():
        console.print(f"{step}: {_(state)}")


def _print(title: str, found: Sequence[Proposal]) -> None:
    rows = [
        (one.batch, one.row, one.item, one.old, one.value if one.value is not None else _("(empty)"), one.confidence, str(one.reason))
        for one in found
    ]
    names = [_("batch"), _("row"), _("item"), _("now"), _("proposed"), _("confidence"), _("reason")]
    print_table(title, names, rows, numbers=(1, 5))


def _known(phase: str) -> str:
    if phase not in PHASES:
        raise typer.BadParameter(", ".join(PHASES))
    return phase
