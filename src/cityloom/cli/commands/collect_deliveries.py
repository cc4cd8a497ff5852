"""``cityloom collect template``, ``upload``, ``form``, ``rejects``, ``correct``, ``key``: data that departments bring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cityloom.cli.groups import group_of
from cityloom.cli.session import (
    JsonOption,
    WorkspaceOption,
    console,
    opened,
    print_json,
    print_table,
    writing,
)
from cityloom.collect import correct as correcting
from cityloom.collect.formats import Form, form_of_name
from cityloom.collect.forms import describe
from cityloom.collect.inbox import Draft, Inbox
from cityloom.collect.template import csv_template, xlsx_template
from cityloom.flows import corrections, intake
from cityloom.flows.admission import check_open, check_sender, sender
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import DataError, UserError
from cityloom.kernel.i18n import _
from cityloom.model.resource import Resource
from cityloom.protect.identity import ensure_account, make_key
from cityloom.store import batches

ActorOption = Annotated[str, typer.Option("--as", help=_("Account of the resource's department that does this."))]
ResourceArgument = Annotated[str, typer.Argument(help=_("The resource."))]
_SHOWN = 50
_BLOCK = 1 << 20


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "collect")
    group.command("template", help=_("Write an empty workbook (xlsx) or CSV of a resource: header, code lists, notes."))(_template)
    group.command("form", help=_("Show what a row of a resource looks like, as JSON Schema."))(_form)
    group.command("upload", help=upload_help())(upload)
    rejects_help = _(
        "Show the rows that were set apart: where they stood and why.\n\n"
        "`--export FILE` (csv or xlsx) hands them out with their content, to be corrected and brought back with "
        "`cityloom collect correct`. That goes on record."
    )
    group.command("rejects", help=rejects_help)(_rejects)
    correct_help = _(
        "Take corrected rows in again: the file that `cityloom collect rejects --export` wrote.\n\n"
        "Rows that are right now land as a batch of their own; those that are still wrong stay set apart."
    )
    group.command("correct", help=correct_help)(_correct)
    group.command("key", help=_("Make a key with which an account's department delivers. It is shown once."))(_key)


def upload_help() -> str:
    """What the command for uploads does."""
    return _(
        "Bring a file for a resource: xlsx, xls, ods, csv, JSON or JSON Lines.\n\n"
        "It is checked before it lands: every error with its row, column and rule. Then you confirm.\n\n"
        "Example: `cityloom upload marriage register.xlsx --as mz.owner`"
    )


def _template(
    resource: ResourceArgument,
    file: Annotated[Path, typer.Argument(dir_okay=False, help=_("File to write; its ending says xlsx or csv."))],
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        definition = describe(at.city.resource(resource), at.city)
    if _is_workbook(file):
        with file.open("wb") as target:
            xlsx_template(definition, target)
    else:
        file.write_bytes(csv_template(definition))
    console.print(_("Written to {file}.").format(file=file))


def _form(resource: ResourceArgument, workspace: WorkspaceOption = None) -> None:
    with opened(workspace) as at:
        print_json(describe(at.city.resource(resource), at.city).schema())


def upload(  # noqa: PLR0913  a command has as many options as it needs
    resource: ResourceArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=_("The file."))],
    actor: ActorOption,
    sheet: Annotated[str, typer.Option(help=_("Sheet of a workbook. Default: the first."))] = "",
    name: Annotated[str, typer.Option(help=_("What the delivery is called; one of the same name replaces it. Default: the file's name."))] = "",
    only_check: Annotated[bool, typer.Option("--check", help=_("Only check; nothing lands."))] = False,
    is_confirmed: Annotated[bool, typer.Option("--yes", help=_("Land without asking."))] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a file, show what was found, and land it when that is confirmed."""
    with opened(workspace) as at:
        found = at.city.resource(resource)
        who = sender(at, actor)
        check_sender(at, found, who)
        check_open(found, "upload")
        form = Form(kind=form_of_name(file.name), sheet=sheet or 1)
        sending = intake.Sending(way="upload", form=form, name=name or file.name)
        draft = _drafted(at, found, file)
        if only_check:
            looked = intake.look(at, found, draft, sending)
            _show_answer(looked.body, as_json=as_json)
            return
        answer = intake.submit(at, found, who, draft, sending, is_held=True)
        if answer.state == "checked":
            _ask(answer.body, as_json=as_json, is_confirmed=is_confirmed)
            answer = intake.confirm(at, answer.id, answer.ticket)
    _show_answer(answer.body, as_json=as_json)
    if answer.state == "refused":
        raise _refused(answer.body)


def _rejects(
    resource: ResourceArgument,
    limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 100,
    export: Annotated[Path | None, typer.Option(dir_okay=False, help=_("Write them with their content; csv or xlsx."))] = None,
    batch: Annotated[str | None, typer.Option(help=_("Only those of this batch, with --export."))] = None,
    actor: Annotated[str, typer.Option("--as", help=_("Account of the resource's department, with --export."))] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        one = at.city.resource(resource)
        if export:
            _export(at, one, export, actor, batch)
            return
        with at.store.read() as connection:
            found = batches.list_rejects(connection, one.name, limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(r.origin, r.row, r.column, r.reason, r.code, r.corrected_by or "") for r in found]
    names = [_("origin"), _("row"), _("column"), _("reason"), _("code"), _("corrected by")]
    print_table(_("Rows set apart"), names, rows, numbers=(1,))


def _export(at: Workspace, resource: Resource, file: Path, actor: str, batch: str | None) -> None:
    who = sender(at, actor)
    check_sender(at, resource, who)
    found = corrections.hand_out(at, resource, who, batch)
    if _is_workbook(file):
        with file.open("wb") as target:
            correcting.write_xlsx(resource, found, target)
    else:
        file.write_bytes(correcting.write_csv(resource, found))
    console.print(_("{count} rows are in {file}. Correct them there, then: cityloom collect correct {resource} {file}").format(count=len(found), file=file, resource=resource.name))


def _correct(
    resource: ResourceArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=_("The corrected file."))],
    actor: ActorOption,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = at.city.resource(resource)
        who = sender(at, actor)
        check_sender(at, found, who)
        check_open(found, "correct")
        answer = corrections.take_back(at, found, who, _drafted(at, found, file), Form(kind=form_of_name(file.name)))
    if as_json:
        print_json(answer.body)
        return
    for one in answer.batches:
        console.print(_("{rows} rows landed as batch {batch}, correcting {of}.").format(**one))
    text = _("{corrected} rows corrected, {wrong} still wrong, {skipped} of the file not waiting any more.")
    console.print(text.format(corrected=answer.corrected, wrong=answer.wrong, skipped=answer.skipped))
    _show_complaints(_("Still wrong"), list(answer.errors))


def _key(
    account: Annotated[str, typer.Argument(help=_("Account of the definitions, for example mz.owner."))],
    days: Annotated[int, typer.Option(min=1, help=_("For how many days."))] = 365,
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        sender(at, account)
        with at.store.write() as connection:
            ensure_account(connection, at.city.accounts[account], at.clock)
            secret = make_key(connection, account, None, at.clock, at.clock.now() + timedelta(days=days))
    typer.echo(secret)


def _drafted(at: Workspace, resource: Resource, path: Path) -> Draft:
    if path.stat().st_size > at.settings.intake_mb << 20:
        raise UserError(
            "collect.intake.large",
            "A delivery has at most {most} MiB.",
            hint="Send it in parts with a key each; the operator may set CITYLOOM_INTAKE_MB.",
            most=at.settings.intake_mb,
        )
    draft = Inbox(at.folder).draft(resource.name, path.name)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            draft.write(block)
    return draft


def _ask(body: Mapping[str, Any], *, as_json: bool, is_confirmed: bool) -> None:
    if not as_json:
        _show_answer(body, as_json=False)
    if is_confirmed:
        return
    question = _("Land {good} rows and set {wrong} apart?").format(good=body["rows"] - body["wrong"], wrong=body["wrong"])
    if not typer.confirm(question, err=True):
        raise UserError("cli.upload.declined", "Nothing landed.", hint="Correct the file and bring it again.")


def _show_answer(body: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
        return
    if body["state"] == "landed":
        receipt = body.get("receipt", {})
        text = _("Landed as batch {batch}: source {source} = landed {landed} + set apart {rejected}.")
        console.print("[green]✓[/] " + text.format(batch=body["batch"], source=receipt.get("source_rows"), landed=receipt.get("landed_rows"), rejected=receipt.get("rejected_rows")))
        console.print(_("Receipt {digest} · table version {version}").format(digest=receipt.get("digest"), version=body.get("lake_version")))
        return
    place = _(", sheet {sheet}").format(sheet=body["sheet"]) if body.get("sheet") else ""
    console.print(_("{rows} rows checked{place}: {wrong} must not land.").format(rows=body["rows"], place=place, wrong=body["wrong"]))
    if body.get("replaces"):
        console.print(_("[yellow]![/] It takes the place of batch {batch} with {rows} rows of {at}.").format(**body["replaces"]))
    for one in body["drift"]:
        console.print(f"[yellow]![/] {one['columns']} [dim]{one['code']}[/]")
    _show_complaints(_("Errors"), body["errors"])
    _show_complaints(_("Warnings"), body["warnings"])


def _show_complaints(title: str, found: list[Mapping[str, Any]]) -> None:
    if not found:
        return
    rows = [(one["row"], ", ".join(one["columns"]), one["reason"], one["rule"]) for one in found[:_SHOWN]]
    print_table(title, [_("row"), _("column"), _("reason"), _("rule")], rows, numbers=(0,))
    if len(found) > _SHOWN:
        console.print(_("… and {more} more; --json shows them.").format(more=len(found) - _SHOWN))


def _refused(body: Mapping[str, Any]) -> DataError:
    return DataError(
        "cli.upload.refused",
        "{wrong} of {rows} rows break the rules; nothing was taken.",
        hint="The task's policy is stop: correct the file and bring it again.",
        wrong=body["wrong"],
        rows=body["rows"],
    )


def _is_workbook(file: Path) -> bool:
    if file.suffix.lower() not in (".xlsx", ".csv"):
        raise UserError("cli.file.ending", "{file} is to end in .xlsx or .csv.", hint="Name it so.", file=file.name)
    return file.suffix.lower() == ".xlsx"
