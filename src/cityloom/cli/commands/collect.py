"""``cityloom collect``: source systems to raw rows, with receipts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.cli.stages import add_stage
from cityloom.flows import chain
from cityloom.flows.surroundings import example_interface
from cityloom.kernel.config import load_settings
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.batch import Batch, Receipt
from cityloom.store import batches, findings, gates


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("Collecting: every row lands once, and a receipt proves that nothing was lost or changed."),
    )
    app.add_typer(group, name="collect")
    text = _(
        "Take in what the sources hold that is new.\n\n"
        "What landed before is not taken twice; a source that fails does not hold up the others, and the same "
        "command again goes on where it stopped.\n\n"
        "Example: `cityloom collect run hukou birth`"
    )
    subjects = _("Resources; all when none is named.")
    add_stage(group, "run", "collect", chain.collect, text=text, subjects=subjects, around=_interface)
    group.command("batches", help=_("Show the batches that landed, with rows and state."))(_batches)
    group.command("receipt", help=_("Show a batch's receipt: the figures of both sides, column by column."))(_receipt)
    group.command("rejects", help=_("Show the rows that were set apart: where they stood and why."))(_rejects)
    group.command("findings", help=_("Show what was noticed about the sources: drift, files that vanished."))(_findings)
    add_stage(
        group, "gate", "pass_gate", chain.pass_gate, text=_("Check the six conditions of the lake-entry gate."), subjects=subjects
    )
    group.command("lamps", help=_("Show which conditions of the gate are missing, and who must act."))(_lamps)


@contextmanager
def _interface(folder: Path | None) -> Iterator[None]:
    with example_interface(load_settings(workspace=folder).workspace):
        yield


def _batches(
    resource: Annotated[str | None, typer.Argument(help=_("Only this resource's."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = batches.list_batches(connection, at.city.resource(resource).name if resource else None)
    if as_json:
        print_json([asdict(batch) for batch in found])
        return
    rows = [(b.resource, b.id, b.origin, b.state, *_counts(b), b.reason or "") for b in found]
    names = [_("resource"), _("batch"), _("origin"), _("state"), _("source"), _("landed"), _("set apart"), _("reason")]
    print_table(_("Batches"), names, rows, numbers=(4, 5, 6))


def _receipt(
    batch: Annotated[str, typer.Argument(help=_("The batch's id, see `cityloom collect batches`."))],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = batches.find_batch(connection, batch)
    if found is None or found.receipt is None:
        raise UserError(
            "cli.batch.unknown",
            "There is no receipt of a batch {batch}.",
            hint="List them with `cityloom collect batches`.",
            batch=batch,
        )
    if as_json:
        print_json(asdict(found))
        return
    _show_receipt(found, found.receipt)


def _show_receipt(batch: Batch, receipt: Receipt) -> None:
    console.print(f"[bold]{batch.resource}[/] {batch.origin} · {batch.state} · {batch.digest}")
    text = _("source {source} = landed {landed} + set apart {rejected}")
    sums = text.format(source=receipt.source_rows, landed=receipt.landed_rows, rejected=receipt.rejected_rows)
    console.print(f"{'[green]✓[/]' if receipt.is_equal else '[red]✗[/]'} {sums}")
    rows = [
        (a.column, a.filled, b.filled, a.characters, b.characters, a.digest, a == b)
        for a, b in zip(receipt.source_columns, receipt.landed_columns, strict=False)
    ]
    names = [_("column"), _("filled, source"), _("landed"), _("characters, source"), _("landed"), _("digest"), _("equal")]
    print_table(_("Receipt"), names, rows, numbers=(1, 2, 3, 4))


def _rejects(
    resource: Annotated[str, typer.Argument(help=_("The resource."))],
    limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 100,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = batches.list_rejects(connection, at.city.resource(resource).name, limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.origin, one.row, one.column, one.reason, one.code) for one in found]
    print_table(_("Rows set apart"), [_("origin"), _("row"), _("column"), _("reason"), _("code")], rows, numbers=(1,))


def _findings(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = findings.list_findings(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (one.kind, one.subject, one.count, _(one.text), " ".join(f"{k}={v}" for k, v in one.details.items()), one.code)
        for one in found
    ]
    names = [_("kind"), _("about"), _("count"), _("what"), _("details"), _("code")]
    print_table(_("Findings"), names, rows, numbers=(2,))


def _lamps(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = gates.list_gates(connection)
    if as_json:
        print_json({name: asdict(state) for name, state in found.items()})
        return
    rows = [
        (name, state.is_open, "; ".join(f"{m.what} ← {m.who}" for m in state.missing.values()), state.checked_at[:19])
        for name, state in found.items()
    ]
    print_table(_("Lake-entry gate"), [_("resource"), _("open"), _("missing ← who must act"), _("checked")], rows)


def _counts(batch: Batch) -> tuple[int | None, int | None, int | None]:
    receipt = batch.receipt
    return (receipt.source_rows, receipt.landed_rows, receipt.rejected_rows) if receipt else (None, None, None)
