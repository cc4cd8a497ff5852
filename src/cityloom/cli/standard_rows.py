"""``cityloom standard`` on single rows: cleaning rules and their reviews, explanation, history, corrections."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.files import load, save
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows import cleaning, row_corrections, standard_rows
from cityloom.flows.orders import principal
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.cleaning import CleaningVersion

AsOption = Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))]
ResourceArgument = Annotated[str, typer.Argument(help=_("The resource."))]
RuleArgument = Annotated[str, typer.Argument(help=_("The cleaning rule's name."))]


def add_row_commands(group: typer.Typer) -> None:
    """Add what looks at rows, and what changes them."""
    group.command("explain", help=_("Show every cell of a row: raw value, each step, result. Looking goes on record."))(_explain)
    group.command("history", help=_("Show what was held of a key, and when. Looking goes on record."))(_history)
    group.command("apart", help=_("Write the rows that cleaning rules set apart to a CSV file, to be corrected."))(_apart)
    group.command("correct", help=_("Take rows in again with corrected values: from a file, or single cells."))(_correct)
    rules = typer.Typer(no_args_is_help=True, help=_("Cleaning rules: put right, set apart, or tolerate; they act after two reviews."))
    group.add_typer(rules, name="cleaning")
    rules.command("list", help=_("List cleaning rules: kind, state, and the version that acts."))(_list)
    rules.command("propose", help=_("Hand a rule, as it is defined now, to the reviewers."))(_propose)
    rules.command("review", help=_("Approve or return a rule, for the business or the technical side."))(_review)


def _list(
    names: Annotated[list[str] | None, typer.Argument(help=_("Resources; all when none is named."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = cleaning.standings(at, names or [])
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (s.resource, s.rule.name, s.rule.rule, s.rule.importance, s.rule.severity, _(s.kind), _(s.state), s.acting.mark if s.acting else "")
        for s in found
    ]
    names_ = [_("resource"), _("name"), _("rule"), _("importance"), _("severity"), _("kind"), _("state"), _("acts")]
    print_table(_("Cleaning rules"), names_, rows)


def _propose(resource: ResourceArgument, rule: RuleArgument, actor: AsOption = "dsj.steward", workspace: WorkspaceOption = None) -> None:
    with opened(workspace) as at:
        _told(cleaning.propose(at, resource, rule, actor=actor))


def _review(
    resource: ResourceArgument,
    rule: RuleArgument,
    role: Annotated[str, typer.Option("--role", help=_("business or technical."))],
    is_approved: Annotated[bool, typer.Option("--approve/--return", help=_("Let it act, or send it back."))],
    words: Annotated[str, typer.Option("--words", help=_("Why. No value of a person."))] = "",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        _told(cleaning.review(at, resource, rule, role, "approve" if is_approved else "return", actor=actor, words=words))


def _told(one: CleaningVersion) -> None:
    text = _("Version {version} of {rule} ({kind}) is {state}.")
    console.print(text.format(version=one.version, rule=one.rule.name, kind=_(one.kind), state=_(one.state)))


def _explain(
    resource: ResourceArgument,
    batch: Annotated[str, typer.Argument(help=_("The batch's id."))],
    row: Annotated[int, typer.Argument(help=_("The row's number in the batch."))],
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = standard_rows.explain_row(at, at.city.resource(resource), batch, row, actor=actor)
    if as_json:
        print_json(asdict(found))
        return
    rows = []
    for cell in found.cells:
        rows.append((cell.item, "", cell.raw, cell.result))
        for step in cell.steps:
            if step.is_changed or step.inputs:
                looked_at = ", ".join(f"{name}={value if value is not None else '-'}" for name, value in step.inputs)
                rows.append(("", f"{step.step} {looked_at}".strip(), "", step.result))
    print_table(_("Cells of the row"), [_("item"), _("step"), _("raw value"), _("result")], rows)
    if found.correction:
        one = found.correction
        console.print(
            _("Corrected by {account} at {at} ({why}): row {row} of {batch} stands for row {old_row} of {old_batch}.").format(
                account=one.account, at=one.at[:19], why=one.why, row=one.by_row, batch=one.by_batch, old_row=one.row, old_batch=one.batch
            )
        )


def _history(
    resource: ResourceArgument,
    key: Annotated[list[str], typer.Argument(help=_("The values of the key, in its order."))],
    when: Annotated[str | None, typer.Option("--at", help=_("Only what was held at this time; a day means its end."))] = None,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        one = at.city.resource(resource)
        found = standard_rows.history_of(at, one, key, at=when, actor=actor)
    if as_json:
        print_json(found)
        return
    names = [item.name for item in one.items]
    rows = [(r["_from"][:19], (r["_to"] or "")[:19], *(r[n] for n in names), r["_batch"], r["_row"]) for r in found]
    if not rows:
        console.print(_("Nothing was held of this key."))
        return
    print_table(_("What was held"), [_("from"), _("to"), *names, _("batch"), _("row")], rows, numbers=(len(names) + 3,))


def _apart(
    resource: ResourceArgument,
    target: Annotated[Path, typer.Option("--export", help=_("File to write."))],
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        text = row_corrections.hand_out(at, at.city.resource(resource), principal(at, actor))
    save(target, text.encode("utf-8-sig"))
    console.print(_("Rows set apart written to {file}.").format(file=target))


def _correct(
    resource: ResourceArgument,
    why: Annotated[str, typer.Option("--why", help=_("How you know. No value of a person."))],
    file: Annotated[Path | None, typer.Option("--file", help=_("A corrected file of `standard apart`."))] = None,
    batch: Annotated[str, typer.Option("--batch", help=_("Batch of the row to correct."))] = "",
    row: Annotated[int, typer.Option("--row", help=_("Number of the row in its batch."))] = 0,
    cells: Annotated[list[str] | None, typer.Option("--set", help=_("ITEM=VALUE; without a value the cell becomes missing."))] = None,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        one = at.city.resource(resource)
        if file is not None:
            changes = row_corrections.read_changes(at, one, load(file))
        elif batch and row and cells:
            pairs = (cell.partition("=") for cell in cells)
            values = {row_corrections.column_of(one, name): value or None for name, _sep, value in pairs}
            changes = [row_corrections.Change(batch=batch, row=row, values=values)]
        else:
            raise UserError("cli.correct.what", "There is nothing to correct.", hint="Name --file, or --batch, --row and --set ITEM=VALUE.")
        found = row_corrections.correct(at, one, principal(at, actor), changes, why)
    console.print(_("{rows} rows ({cells} cells) came in again with the batch {batch}.").format(rows=found.rows, cells=found.cells, batch=found.batch or "-"))
    for step, state in found.runs:
        console.print(f"{step}: {_(state)}")
