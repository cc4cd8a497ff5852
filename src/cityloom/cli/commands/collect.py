"""``cityloom collect``: source systems to raw rows, with receipts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json, print_table
from cityloom.cli.stages import add_stage
from cityloom.flows import chain
from cityloom.flows.surroundings import example_interface
from cityloom.kernel.config import load_settings
from cityloom.kernel.i18n import _
from cityloom.model.batch import Batch
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
