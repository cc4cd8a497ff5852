"""``cityloom standard``: raw rows to standard rows."""

from __future__ import annotations

import typer

from cityloom.cli.stages import add_stage
from cityloom.cli.standard_rows import add_row_commands
from cityloom.flows import chain
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help=_("The standard layer: rows whose items conform to published data elements.")
    )
    app.add_typer(group, name="standard")
    text = _(
        "Standardise raw rows with the steps of their data elements.\n\n"
        "Only resources that passed the lake-entry gate, and only what has changed.\n\n"
        "Example: `cityloom standard run hukou`"
    )
    add_stage(
        group, "run", "standardise", chain.standardise, text=text, subjects=_("Resources; all when none is named.")
    )
    add_row_commands(group)
