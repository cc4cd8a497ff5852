"""``cityloom city``: the example city with known truth."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.progress import bars
from cityloom.cli.session import JsonOption, console, print_json
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.config import load_settings
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.sample import generate, read_manifest, serve_interface

DEFAULT_SEED = 20260101


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("The example city Yunlan: departments' sources as they really look, with the truth beside them."),
    )
    app.add_typer(group, name="city")
    group.command("generate", help=_generate_help())(_generate)
    group.command("serve", help=_("Serve the health commission's JSON interface until you press Ctrl-C."))(_serve)


def _generate_help() -> str:
    return _(
        "Generate the city's sources and their truth into a folder.\n\n"
        "The same seed gives the same city. Memory stays flat: `--people 36000000` works, it only takes longer.\n\n"
        "Example: `cityloom city generate mycity --people 200000`"
    )


def _generate(
    folder: Annotated[Path, typer.Argument(file_okay=False, help=_("Folder to write; an unfinished city in it is made anew."))],
    people: Annotated[int, typer.Option(min=100, help=_("True residents; firms are 15 % of that."))] = 20_000,
    seed: Annotated[int, typer.Option(help=_("Decides every name, number and mistake."))] = DEFAULT_SEED,
    as_json: JsonOption = False,
) -> None:
    settings = load_settings()
    folder.mkdir(parents=True, exist_ok=True)
    engine = DuckDBEngine(folder / ".spill", memory_mb=settings.memory_mb, threads=settings.threads)
    with bars(is_silent=as_json) as shown, shown.stage("generate", 1):
        manifest = generate(folder, people=people, seed=seed, engine=engine, progress=shown.step)
    if as_json:
        print_json(asdict(manifest))
    else:
        console.print(_("{people} people and {firms} firms are in {folder}.").format(
            people=manifest.people, firms=manifest.firms, folder=folder
        ))


def _serve(
    folder: Annotated[Path, typer.Argument(help=_("Folder of a generated city."))] = Path("cityloom-demo/city"),
    port: Annotated[int, typer.Option(min=0, max=65535, help=_("Port; 0 takes a free one."))] = 0,
) -> None:
    if read_manifest(folder) is None:
        raise UserError(
            "cli.city.missing",
            "There is no example city in {folder}.",
            hint="Make one with `cityloom city generate {folder}`.",
            folder=str(folder),
        )
    with serve_interface(folder, port=port) as url:
        console.print(_("The interface answers at {url}. Press Ctrl-C to stop.").format(url=url))
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return
