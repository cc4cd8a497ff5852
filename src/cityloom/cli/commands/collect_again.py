"""``cityloom collect compare``, ``replay``, ``backfill``, ``show``: batches looked at, or taken in, once more."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from cityloom.cli import words
from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.collect.periods import Span
from cityloom.flows import again
from cityloom.flows.shown import show_batch
from cityloom.flows.surroundings import example_interface
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _
from cityloom.model.run import Run

NamedArgument = Annotated[str, typer.Argument(help=_("A resource, or a batch's id."))]
ActorOption = Annotated[str, typer.Option("--as", help=_("Account that asks for it, for the record."))]
_STEWARD = "dsj.steward"


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "collect")
    verify_help = _(
        "Read the source once more and compare it, and the lake, with the receipts of what landed.\n\n"
        "Nothing is changed. What differs is told with counts and columns, never with values.\n\n"
        "Example: `cityloom collect compare hukou`"
    )
    group.command("compare", help=verify_help)(_verify)
    replay_help = _(
        "Take batches in once more: what is equal stays, what changed at the source or is damaged in the lake lands "
        "again.\n\nExample: `cityloom collect replay b_1f0c…`"
    )
    group.command("replay", help=replay_help)(_replay)
    backfill_help = _(
        "Take in what belongs to a past span of days, again or late.\n\n"
        "Files need the date in their pattern (`hukou_{date}.csv`), tables a marker of dates, interfaces the option "
        "days.\n\nExample: `cityloom collect backfill visit --from 2026-01-01 --to 2026-03-31`"
    )
    group.command("backfill", help=backfill_help)(_backfill)
    show_help = _(
        "Show the first rows of a batch as they were when it landed, also of one that was replaced since.\n\n"
        "For accounts of the resource's department and of the data authority; the look goes on record."
    )
    group.command("show", help=show_help)(_show)


def _verify(
    name: NamedArgument,
    batch: Annotated[str | None, typer.Argument(help=_("Only this batch of the resource."))] = None,
    lake_only: Annotated[bool, typer.Option("--lake", help=_("Look at the lake only, and leave the source alone."))] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, example_interface(at.folder):
        resource, one = again.named(at, name, batch)
        run = again.verify_step(at, resource, one, is_source_read=not lake_only)
    checks = _listed(run, "checks")
    if as_json:
        print_json(checks)
    else:
        rows = [_compared(check) for check in checks]
        names = [_("origin"), _("batch"), _("rows then"), _("rows now"), _("source"), _("lake"), _("differs")]
        print_table(_("Checked"), names, rows, numbers=(2, 3))
    _complain(run)


def _replay(
    name: NamedArgument, actor: ActorOption = _STEWARD, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    with opened(workspace) as at, example_interface(at.folder):
        resource, one = again.named(at, name)
        run = again.replay_step(at, resource, one, actor=actor)
    found = _listed(run, "batches")
    if as_json:
        print_json(found)
    else:
        rows = [(r["origin"], r["batch"], words.comparison(r["outcome"]), r["new"] or "–", r["rows"], r["reason"]) for r in found]
        names = [_("origin"), _("batch"), _("outcome"), _("is now"), _("rows"), _("reason")]
        print_table(_("Taken in once more"), names, rows, numbers=(4,))
    _complain(run)


def _backfill(
    resource: Annotated[str, typer.Argument(help=_("The resource."))],
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help=_("First day."))],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help=_("Last day."))],
    actor: ActorOption = _STEWARD,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    span = Span(start.date(), end.date() + timedelta(days=1))
    with opened(workspace) as at, example_interface(at.folder):
        run = again.backfill_step(at, at.city.resource(resource), span, actor=actor)
    summary = run.result.summary if run.result else {}
    landed = summary.get("batches", [])
    if as_json:
        print_json(dict(summary))
    elif landed:
        rows = [(b["origin"], b["id"], words.batch_state(b["state"]), b["rows"], b["rejected"]) for b in landed]
        names = [_("origin"), _("batch"), _("state"), _("rows"), _("set apart")]
        print_table(_("Landed"), names, rows, numbers=(3, 4))
    else:
        console.print(_("Nothing of these days is new: {count} batches stand as they are.").format(count=summary.get("skipped", 0)))
    errors = summary.get("errors", [])
    if errors:
        raise DataError(
            "cli.backfill.failed",
            "{count} batches did not land; the first one: {reason}",
            hint="{advice}",
            count=len(errors),
            reason=errors[0]["message"],
            advice=errors[0]["hint"],
        )


def _show(
    batch: Annotated[str, typer.Argument(help=_("The batch's id, see `cityloom collect batches`."))],
    actor: Annotated[str, typer.Option("--as", help=_("Account that looks."))],
    limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = show_batch(at, batch, actor=actor, limit=limit)
    if as_json:
        print_json({"batch": asdict(found.batch), "rows": list(found.rows)})
        return
    names = [c for c in found.columns if c not in ("_batch", "_at", "_hash")]
    names = ["_row", *(n for n in names if n != "_row")]
    title = f"{found.batch.resource} {found.batch.origin} · {words.batch_state(found.batch.state)}"
    print_table(title, names, [[row.get(n) for n in names] for row in found.rows], numbers=(0,))


def _listed(run: Run, name: str) -> list[dict[str, Any]]:
    return list(run.result.summary.get(name, [])) if run.result else []


def _compared(check: dict[str, Any]) -> tuple[Any, ...]:
    columns = [*check["columns"], *(c for c in check["damaged"] if c not in check["columns"])]
    sides = [words.comparison(check[side]) for side in ("source", "lake")]
    return check["origin"], check["batch"], check["rows"], check["rows_now"], *sides, ", ".join(columns) or check["reason"]


def _complain(run: Run) -> None:
    """Leave with an exit code of its own where a batch is not sound."""
    if run.result is not None and run.result.rejected:
        raise DataError(
            "cli.again.unsound",
            "{count} of {all} batches are not what they should be.",
            hint="See the table and `cityloom collect findings`. `cityloom collect replay` takes them in once more.",
            count=run.result.rejected,
            all=run.result.read,
        )
