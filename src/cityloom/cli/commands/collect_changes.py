"""``cityloom collect reconcile``, ``renew``: tables that are followed by a log."""

from __future__ import annotations

from typing import Annotated

import typer

from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows import changes
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _

_STEWARD = "dsj.steward"
ResourceArgument = Annotated[str, typer.Argument(help=_("The resource."))]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "collect")
    reconcile_help = _(
        "Prove that the lake holds what a followed table holds, at one place of the source's log.\n\n"
        "The source computes its own figures; where they differ, rows are compared one by one. No value is shown.\n\n"
        "Example: `cityloom collect reconcile household`"
    )
    group.command("reconcile", help=reconcile_help)(_reconcile)
    renew_help = _(
        "Take a followed table anew: a new snapshot stands for all that landed before, which stays readable.\n\n"
        "For a log that was lost, or a table that was altered beside its log.\n\n"
        "Example: `cityloom collect renew household`"
    )
    group.command("renew", help=renew_help)(_renew)


def _reconcile(resource: ResourceArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        run = changes.prove_equal(at, at.city.resource(resource))
    summary = dict(run.result.summary) if run.result else {}
    if as_json:
        print_json(summary)
    else:
        pairs = zip(summary["source"], summary["lake"], strict=True)
        rows = [(a["column"], a["filled"], b["filled"], a["characters"], b["characters"], a == b) for a, b in pairs]
        names = [_("column"), _("filled, source"), _("lake"), _("characters, source"), _("lake"), _("equal")]
        print_table(_("Reconciled at {position}").format(position=summary["position"].rstrip("-")), names, rows, numbers=(1, 2, 3, 4))
        text = _("{source} rows at the source, {lake} in the lake")
        console.print(text.format(source=summary["source_rows"], lake=summary["lake_rows"]))
    if not summary["is_equal"]:
        part = summary["difference"]
        places = [_("batch {batch}, row {row}").format(batch=b, row=n) for b, n, _position in part["places"][:5]]
        raise DataError(
            "cli.reconcile.unequal",
            "{missing} rows are missing in the lake, {surplus} are too many, {changed} differ; columns that differ: {columns}.",
            hint="Some of them: {places}. Find out what changed the table beside its log, then take it anew: cityloom collect renew {resource}.",
            missing=part["missing"],
            surplus=part["surplus"],
            changed=part["changed"],
            columns=", ".join(summary["columns"]) or "-",
            places="; ".join(places) or "-",
            resource=resource,
        )


def _renew(
    resource: ResourceArgument,
    actor: Annotated[str, typer.Option("--as", help=_("Account that asks for it, for the record."))] = _STEWARD,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        run = changes.renew(at, at.city.resource(resource), actor=actor)
    summary = dict(run.result.summary) if run.result else {}
    if as_json:
        print_json(summary)
        return
    rows = [(b["origin"], b["id"], b["state"], b["rows"]) for b in summary.get("batches", [])]
    print_table(_("Taken anew"), [_("origin"), _("batch"), _("state"), _("rows")], rows, numbers=(3,))
    errors = summary.get("errors", [])
    if errors:
        raise DataError(
            "cli.renew.failed",
            "{resource} was not taken anew: {reason}",
            hint="{advice}",
            resource=resource,
            reason=errors[0]["message"],
            advice=errors[0]["hint"],
        )
