"""``cityloom fuse``: standard rows to golden records."""

from __future__ import annotations

import typer

from cityloom.cli.stages import add_stage
from cityloom.flows import chain
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("The base libraries: one golden record per person and firm, with the origin of every value."),
    )
    app.add_typer(group, name="fuse")
    text = _(
        "Fuse the standard rows of all departments under the agreed negotiation rules.\n\n"
        "Ids stay the same from run to run; the same input gives the same records. See one with "
        "`cityloom show person ID`."
    )
    add_stage(group, "run", "fuse", chain.fuse, text=text, subjects=_("Object types; all when none is named."))
