"""``cityloom upload``: bring a file, the shortest way."""

from __future__ import annotations

import typer

from cityloom.cli.commands.collect_deliveries import upload, upload_help


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("upload", help=upload_help())(upload)
