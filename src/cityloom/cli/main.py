"""The command ``cityloom``: one noun a group, errors as message, hint and exit code."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from cityloom.cli.help import speak
from cityloom.kernel.config import load_settings
from cityloom.kernel.errors import CityLoomError, UserError
from cityloom.kernel.i18n import LANGUAGES, _, set_language
from cityloom.kernel.log import configure_log


def main() -> None:
    """Run the command line and leave with the exit code of the error's family."""
    language, words = split_language(sys.argv[1:])
    set_language(language)
    try:
        settings = load_settings()
        configure_log(settings.log_level)
        set_language(_known(language or settings.language))
        speak()
        build(words[0] if words else "")(args=words, standalone_mode=True)
    except CityLoomError as error:
        show_error(error)
        sys.exit(error.exit_code)


def build(noun: str = "") -> typer.Typer:
    """The command with all its groups, in the current language.

    Args:
        noun: what is asked for. Where there are commands of that name, only they are loaded: all of them take longer
            than most commands do. A file of commands is named after its noun, alone or with more behind it.
    """
    app = typer.Typer(
        name="cityloom",
        help=_("CityLoom: a city's data, governed, fused and shared with proof. Start with `cityloom demo`."),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def everywhere(
        lang: str = typer.Option("", "--lang", help=_("Language of messages: zh or en."), metavar="zh|en"),
    ) -> None:
        """Options of every command."""

    home = importlib.import_module("cityloom.cli.commands")
    names = sorted(info.name for info in pkgutil.iter_modules(home.__path__))
    for name in [n for n in names if n.partition("_")[0] == noun] or names:
        importlib.import_module(f"cityloom.cli.commands.{name}").register(app)
    return app


def show_error(error: CityLoomError) -> None:
    """Message, hint and code on standard error; no traceback for what a person can act on."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    console.print(Text.assemble((_("Error") + " ", "bold red"), (error.message, "bold")))
    if error.hint:
        console.print(Text("  → " + error.hint))
    console.print(Text("  " + error.code, style="dim"))


def split_language(words: list[str]) -> tuple[str, list[str]]:
    """The language that ``--lang`` asks for, wherever it stands (empty: nowhere), and the other words."""
    language, others = "", []
    rest = iter(words)
    for word in rest:
        if word == "--lang":
            language = next(rest, "")
        elif word.startswith("--lang="):
            language = word.partition("=")[2]
        else:
            others.append(word)
    return language, others


def _known(language: str) -> str:
    if language not in LANGUAGES:
        raise UserError(
            "cli.language.unknown",
            "There is no language {language}.",
            hint="Known: {known}.",
            language=language,
            known=", ".join(LANGUAGES),
        )
    return language
