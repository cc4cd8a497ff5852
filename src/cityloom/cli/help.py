"""Help and usage errors in the language of messages: Typer's own words, and Chinese that folds instead of being cut."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from typer import rich_utils

from cityloom.kernel.i18n import _

_HELP = "Show this message and exit."
"""What Typer says of the option that it adds to every command."""
_typers_format = rich_utils.rich_format_help


def speak() -> None:
    """Have Typer say its own words in the current language, for the rest of the process."""
    tools = {"Table": _Folding, "Columns": _stacked, "rich_format_help": _format_help}
    for name, own in {**_parts(), **tools}.items():
        setattr(rich_utils, name, own)


class _Folding(Table):
    """A table that folds what does not fit: a Chinese sentence is one long word, and would lose its end."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*cells, **options)
        for column in self.columns:
            column.overflow = "fold"


def _stacked(items: Iterable[RenderableType]) -> Group:
    """What is said of an option and its default, one below the other: side by side they are cut."""
    return Group(*items)


def _parts() -> dict[str, str]:
    """Typer's headings and notes by the name that it has for them."""
    return {
        "ARGUMENTS_PANEL_TITLE": _("Arguments"),
        "OPTIONS_PANEL_TITLE": _("Options"),
        "COMMANDS_PANEL_TITLE": _("Commands"),
        "ERRORS_PANEL_TITLE": _("Error"),
        "DEFAULT_STRING": _("[default: {}]"),
        "REQUIRED_LONG_STRING": _("[required]"),
        "ABORTED_TEXT": _("Aborted."),
        "RICH_HELP": _("Try [blue]'{command_path} {help_option}'[/] for help."),
    }


def _format_help(*, obj: Any, ctx: Any, markup_mode: Any) -> None:
    usage = obj.get_usage(ctx).replace("Usage:", _("Usage:"), 1)
    for option in obj.get_params(ctx):
        if getattr(option, "help", None) == _HELP:
            option.help = _("Show this message and exit.")
    obj.get_usage = lambda _ctx: usage
    _typers_format(obj=obj, ctx=ctx, markup_mode=markup_mode)
