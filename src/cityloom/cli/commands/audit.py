"""``cityloom audit``: the log that proves what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, print_json, print_table, writing
from cityloom.flows.roles import require_role
from cityloom.kernel.errors import DataError, UserError
from cityloom.kernel.i18n import _
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.protect.verify import VerifyReport, verify_bundle
from cityloom.store import audit


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("The audit log: a Merkle tree with signed heads. What is in it can not be changed without being seen."),
    )
    app.add_typer(group, name="audit")
    group.command("list", help=_("Show events, newest first. Reading the log is itself an event."))(_list)
    group.command("export", help=_("Write the log as one file that anyone can verify offline."))(_export)
    group.command("head", help=_head_help())(_head)
    group.command("verify", help=_verify_help())(_verify)


def _verify_help() -> str:
    return _(
        "Verify an exported log offline: signatures, every event, every earlier signed head.\n\n"
        "Needs the file and the public key only, no workspace. Get the key from someone other than who gave you "
        "the file. Exit code 5 when anything does not fit.\n\n"
        "Example: `cityloom audit verify audit.jsonl --key audit.vkey`"
    )


def _head_help() -> str:
    return _(
        "Sign the head of the log and print it, to be kept by someone else.\n\n"
        "A log that was rewritten later no longer fits a head that was kept: `cityloom audit verify --kept FILE`."
    )


def _head(workspace: WorkspaceOption = None) -> None:
    with writing(workspace) as at, at.store.write() as connection:
        note = audit.checkpoint(connection, at.clock, at.keys.audit, at.settings.audit_origin)
    typer.echo(note, nl=False)


def _list(
    kind: Annotated[str | None, typer.Option(help=_("Only events of this kind, e.g. service.answered."))] = None,
    subject: Annotated[str | None, typer.Option(help=_("Only events about this."))] = None,
    limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 50,
    actor: Annotated[str, typer.Option("--as", help=_("Account that reads."))] = "dsj.audit",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with writing(workspace) as at:
        require_role(at, actor, "audit_administrator")
        with at.store.write() as connection:
            found = audit.list_events(connection, kind=_kind(kind), subject=subject, limit=limit)
            event = AuditEvent(kind=EventKind.AUDIT_READ, actor=actor, subject="audit", details={"events": len(found)})
            audit.append(connection, event, at.clock)
    if as_json:
        print_json([{"index": e.index, "at": e.at, **_plain(e.event)} for e in found])
        return
    rows = [
        (e.index, e.at[:19], e.event.kind.value, e.event.actor, e.event.subject, _details(e.event)) for e in found
    ]
    print_table(_("Audit"), ["#", _("at"), _("event"), _("who"), _("what"), _("details")], rows, numbers=(0,))


def _export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help=_("File to write (JSON lines)."))],
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at, at.store.write() as connection:
        size = audit.export(connection, at.clock, at.keys.audit, at.settings.audit_origin, file)
    console.print(_("{size} events are in {file}.").format(size=size, file=file))


def _verify(
    file: Annotated[Path, typer.Argument(help=_("The exported log."))],
    key: Annotated[Path, typer.Option("--key", exists=True, dir_okay=False, help=_("File with the log's public key."))],
    kept: Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False, help=_("Signed heads you kept from before."))] = None,
    as_json: JsonOption = False,
) -> None:
    notes = [path.read_text(encoding="utf-8", errors="replace") for path in kept or []]
    report = verify_bundle(file, key.read_text(encoding="utf-8", errors="replace").strip(), notes)
    if as_json:
        problems = [vars(p) for p in report.problems]
        print_json({"size": report.size, "root": report.root.hex(), "verified": report.is_verified, "problems": problems})
    else:
        _show(report)
    if not report.is_verified:
        raise DataError(
            "cli.audit.broken",
            "The log does not verify: {count} problems.",
            hint="Do not rely on it. Compare with the signed heads that others kept.",
            count=len(report.problems),
        )


def _show(report: VerifyReport) -> None:
    for problem in report.problems:
        console.print(f"[red]✗[/] {problem.line}: {problem.text} [dim]{problem.code}[/]")
    if report.is_verified:
        text = _("Verified: {size} events, {heads} signed heads, root {root}.")
        console.print("[green]✓[/] " + text.format(size=report.size, heads=report.checkpoints, root=report.root.hex()))


def _kind(name: str | None) -> EventKind | None:
    if name is None:
        return None
    try:
        return EventKind(name)
    except ValueError:
        raise UserError(
            "cli.audit.kind",
            "There is no event {name}.",
            hint="Known: {known}.",
            name=name,
            known=", ".join(EventKind),
        ) from None


def _plain(event: AuditEvent) -> dict[str, object]:
    return {"kind": event.kind.value, "actor": event.actor, "subject": event.subject, "details": dict(event.details)}


def _details(event: AuditEvent) -> str:
    return " ".join(f"{k}={v}" for k, v in event.details.items())
