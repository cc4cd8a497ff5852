"""``cityloom collect receipt``, ``verify``, ``countersign``: what proves that a batch landed whole."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.collect import proof
from cityloom.flows import receipts
from cityloom.flows.admission import sender
from cityloom.kernel.errors import DataError, UserError
from cityloom.kernel.i18n import _
from cityloom.model.batch import Batch, Receipt
from cityloom.protect.crypto import Ed25519Signer

BatchArgument = Annotated[str, typer.Argument(help=_("The batch's id, see `cityloom collect batches`."))]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "collect")
    receipt_help = _(
        "Show a batch's receipt: the figures of both sides, column by column.\n\n"
        "`--verify` also shows that the signed audit log holds it; `--export FILE` writes it with its proof, to be "
        "checked by anyone with `cityloom collect verify FILE`."
    )
    group.command("receipt", help=receipt_help)(_receipt)
    verify_help = _(
        "Verify an exported receipt offline: its digest, its event in the audit log, the signed head, signatures.\n\n"
        "Needs no workspace. Get the key of the log from someone other than who gave you the file. Exit code 5 when "
        "anything does not fit.\n\n"
        "Example: `cityloom collect verify receipt.json --key audit.vkey`"
    )
    group.command("verify", help=verify_help)(_verify)
    group.command("countersign", help=_("Sign a receipt with the department's own Ed25519 key (PEM)."))(_countersign)


def _receipt(
    batch: BatchArgument,
    is_verified: Annotated[bool, typer.Option("--verify", help=_("Check it against the signed audit log."))] = False,
    export: Annotated[Path | None, typer.Option(dir_okay=False, help=_("Write it with its proof as JSON."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = receipts.find_batch(at, batch)
        value = receipts.receipt_file(at, found) if is_verified or export else None
        vkey = at.keys.vkey
    if as_json:
        print_json(value or asdict(found))
    elif found.receipt:
        _show_receipt(found, found.receipt)
    if export and value:
        export.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if not as_json:
            console.print(_("Written to {file}.").format(file=export))
    if is_verified and value:
        _judge(value, proof.check_receipt_file(value, vkey), is_silent=as_json)


def _verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=_("The exported receipt."))],
    key: Annotated[Path | None, typer.Option("--key", exists=True, dir_okay=False, help=_("File with the log's public key."))] = None,
    as_json: JsonOption = False,
) -> None:
    value = proof.parse_receipt_file(file.read_text(encoding="utf-8", errors="replace"))
    vkey = key.read_text(encoding="utf-8", errors="replace").strip() if key else str(value["key"])
    if key is None and not as_json:
        console.print(_("[yellow]![/] Checked with the key in the file: compare it with the one that the platform published.\n  {key}").format(key=vkey))
    checks = proof.check_receipt_file(value, vkey)
    if as_json:
        print_json({"verified": all(one.is_good for one in checks), "checks": [asdict(one) for one in checks]})
    _judge(value, checks, is_silent=as_json)


def _countersign(
    batch: BatchArgument,
    key: Annotated[Path, typer.Option("--key", dir_okay=False, help=_("The department's private key (PEM, PKCS #8)."))],
    actor: Annotated[str, typer.Option("--as", help=_("Account that does this."))],
    make: Annotated[bool, typer.Option("--make-key", help=_("Make the key first; its public half goes beside it."))] = False,
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        who = sender(at, actor)
        if make:
            _make_key(key, f"{who.department}/receipts")
        if not key.is_file():
            raise UserError(
                "cli.key.missing", "There is no key {file}.", hint="Name it with --key, or make one with --make-key.", file=str(key)
            )
        made = receipts.countersign(at, receipts.find_batch(at, batch), who, key.read_bytes())
    console.print(_("{signer} has countersigned. Public key: {key}").format(signer=made.signer, key=made.vkey))


def _make_key(path: Path, name: str) -> None:
    if path.exists():
        raise UserError("cli.key.exists", "{file} is there already.", hint="Leave out --make-key to use it.", file=str(path))
    signer = Ed25519Signer.make(name)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(signer.pem)
    path.with_suffix(".vkey").write_text(signer.vkey + "\n", encoding="utf-8")


def _judge(value: dict[str, Any], checks: Sequence[proof.Finding], *, is_silent: bool) -> None:
    bad = [one for one in checks if not one.is_good]
    if not is_silent:
        for one in checks:
            console.print(f"{'[green]✓[/]' if one.is_good else '[red]✗[/]'} {one.text}")
        if not bad:
            text = _("Verified: batch {batch}, receipt {digest}.")
            digest = proof.document_digest(value["document"])
            console.print("[green]✓[/] " + text.format(batch=value["document"]["batch"], digest=digest))
    if bad:
        raise DataError(
            "cli.receipt.broken",
            "The receipt does not verify: {count} checks fail.",
            hint="Do not rely on it. Compare with the receipt that the department got when it delivered.",
            count=len(bad),
        )


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
