"""What every command needs: the workspace it works in, and how it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cityloom.flows.bootstrap import Workspace, open_workspace
from cityloom.kernel.config import load_settings
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help=_("Folder of the workspace. Default: CITYLOOM_WORKSPACE or ./cityloom-demo.")),
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("Print one JSON object instead of tables."))]

_WIDE = 140
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


@contextmanager
def opened(folder: Path | None, *, must_exist: bool = True) -> Iterator[Workspace]:
    """The workspace of a command; what it writes it locks by itself.

    Raises:
        UserError: ``cli.workspace.missing`` when there is none there yet.
    """
    settings = load_settings(workspace=folder)
    if must_exist and not (settings.workspace / "keys").is_dir():
        raise UserError(
            "cli.workspace.missing",
            "There is no workspace in {folder}.",
            hint="Make one with `cityloom demo`, or `cityloom apply DIR` with your own definitions; or name another with --workspace.",
            folder=str(settings.workspace),
        )
    workspace = open_workspace(settings)
    try:
        yield workspace
    finally:
        workspace.close()


@contextmanager
def writing(folder: Path | None, *, must_exist: bool = True) -> Iterator[Workspace]:
    """The workspace of a command that changes definitions, accounts or the log: one at a time."""
    with opened(folder, must_exist=must_exist) as workspace, workspace.lock():
        yield workspace


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, numbers: Sequence[int] = ()) -> None:
    """A table; ``numbers`` are the columns that stand to the right."""
    table = Table(header_style="bold cyan", border_style="dim")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(Text(title, style="bold"))
    console.print(table)


def _cell(value: Any) -> str | Text:
    if isinstance(value, Text):
        return value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "[green]✓[/]" if value else "[red]✗[/]"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value).replace("[", "\\[")
