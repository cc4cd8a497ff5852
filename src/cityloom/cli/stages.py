"""Runs one stage of the chain as a command: progress on the way, a table of its runs at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from cityloom.cli.progress import bars, stage_title
from cityloom.cli.session import print_json, print_table, writing
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _
from cityloom.model.run import Run

NamedStage = Callable[[Workspace, Runner, Sequence[str]], list[Run]]


def run_stage(
    name: str, stage: NamedStage, names: Sequence[str], folder: Path | None, *, as_json: bool, is_forced: bool = False
) -> None:
    """Do a stage for the subjects named (all when none is), and say what came of each.

    Raises:
        DataError: ``cli.stage.failed`` when a subject failed, after the others were done.
    """
    with writing(folder) as at, bars(is_silent=as_json) as shown:
        runner = Runner(at, shown.told, force=is_forced)
        runner.recover()
        began: list[Run] = []
        runner = Runner(at, lambda run: (began.append(run), shown.told(run))[-1], force=is_forced)
        with shown.stage(stage_title(name), None):
            stage(at, runner, names)
    ended = [run for run in began if run.state != "running"]
    if as_json:
        print_json([asdict(run) for run in ended])
    else:
        _show(stage_title(name), ended)
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


def _show(title: str, ended: Sequence[Run]) -> None:
    rows = []
    for run in ended:
        counts = (run.result.read, run.result.written, run.result.rejected) if run.result else (None, None, None)
        rows.append((run.subject, run.state == "done", *counts, run.seconds, run.error_text or ""))
    names = [_("subject"), _("done"), _("read"), _("written"), _("rejected"), _("seconds"), _("reason")]
    print_table(title, names, rows, numbers=(2, 3, 4, 5))
