"""Runs one stage of the chain as a command: progress on the way, a table of its runs at the end."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.progress import bars, stage_title
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _
from cityloom.model.run import Run

Around = Callable[[Path | None], AbstractContextManager[None]]
"""What must be up while a stage runs: the example's own interface, for collecting."""
NamedStage = Callable[[Workspace, Runner, Sequence[str]], list[Run]]


def add_stage(
    group: typer.Typer, command: str, name: str, stage: NamedStage, *, text: str, subjects: str, around: Around | None = None
) -> None:
    """Add a command that does one stage, for the subjects named or for all."""

    @group.command(command, help=text)
    def run(
        names: Annotated[list[str] | None, typer.Argument(help=subjects)] = None,
        force: Annotated[bool, typer.Option("--force", help=_("Do it even when nothing has changed."))] = False,
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        with around(workspace) if around else nullcontext():
            run_stage(name, stage, names or [], workspace, as_json=as_json, is_forced=force)


def run_stage(
    name: str, stage: NamedStage, names: Sequence[str], folder: Path | None, *, as_json: bool, is_forced: bool = False
) -> None:
    """Do a stage for the subjects named (all when none is), and say what came of each.

    Raises:
        DataError: ``cli.stage.failed`` when a subject failed, after the others were done.
    """
    with opened(folder) as at, bars(is_silent=as_json) as shown:
        ended: list[Run] = []

        def told(run: Run) -> None:
            shown.told(run)
            if run.state != "running":
                ended.append(run)

        runner = Runner(at, told, force=is_forced)
        runner.recover()
        with shown.stage(name, None):
            stage(at, runner, names)
    if as_json:
        print_json([asdict(run) for run in ended])
    elif ended:
        _show(stage_title(name), ended)
    else:
        said = _("Nothing to do: the step before has given nothing yet, or its gate is closed: `cityloom runs`, `cityloom collect lamps`.")
        console.print(said)
    failed = [run.subject for run in ended if run.state == "failed"]
    if failed:
        raise DataError(
            "cli.stage.failed",
            "{count} of {all} did not succeed: {names}.",
            hint="The reasons stand above and in `cityloom runs`. The others are done; the same command again goes on.",
            count=len(failed),
            all=len(ended),
            names=", ".join(failed),
        )
    partial = [run.subject for run in ended if _errors(run)]
    if partial:
        raise DataError(
            "cli.stage.partial",
            "A part of {names} could not be read.",
            hint="The reasons stand above and in the findings. The rest has landed; the same command again goes on.",
            names=", ".join(partial),
        )


def _show(title: str, ended: Sequence[Run]) -> None:
    rows = []
    for run in ended:
        counts = (run.result.read, run.result.written, run.result.rejected) if run.result else (None, None, None)
        is_done = run.state == "done" and not _errors(run)
        rows.append((run.subject, is_done, *counts, run.seconds, run.error_text or "\n".join(_errors(run))))
    names = [_("subject"), _("done"), _("read"), _("written"), _("set apart"), _("seconds"), _("reason")]
    print_table(title, names, rows, numbers=(2, 3, 4, 5))


def _errors(run: Run) -> list[str]:
    """Why a part of what a run read was left out."""
    return [str(one["message"]) for one in run.result.summary.get("errors", ())] if run.result else []
