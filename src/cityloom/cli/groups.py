"""Groups of commands that several files add to."""

from __future__ import annotations

import typer


def group_of(app: typer.Typer, name: str) -> typer.Typer:
    """The group of that name, which a file earlier in the order of names has added.

    Raises:
        LookupError: when there is none.
    """
    for one in app.registered_groups:
        if one.name == name and one.typer_instance is not None:
            return one.typer_instance
    raise LookupError(name)
