"""Progress on the way: a bar a stage, a line for each subject that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from cityloom.kernel.i18n import _
from cityloom.model.run import Run


class StageBars:
    """Bars on standard error; silent when the output is for machines."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[None]:
        """One stage: its name and how many subjects it has (None: not known)."""
        self._task = self._progress.add_task(stage_title(name), total=total, subject="")
        try:
            yield
        finally:
            task = next(t for t in self._progress.tasks if t.id == self._task)
            done = max(task.total or task.completed, 1)
            self._progress.update(self._task, subject="", total=done, completed=done)

    def step(self, subject: str, share: float) -> None:
        """A stage's own progress, 0 to 1."""
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=share, subject=subject)

    def counted(self, subject: str, rows: int) -> None:
        """How many rows of a subject were read so far."""
        if self._task is not None:
            self._progress.update(self._task, subject=f"{subject} {rows:,}")

    def told(self, run: Run) -> None:
        """Listener of the runner."""
        if self._task is None:
            return
        if run.state == "running":
            self._progress.update(self._task, subject=run.subject)
            return
        self._progress.advance(self._task)
        if run.state == "failed":
            self._progress.console.print(f"  [red]✗[/] {run.subject}: {run.error_text}", highlight=False)


@contextmanager
def bars(*, is_silent: bool) -> Iterator[StageBars]:
    """Bars for the length of a command."""
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}", justify="left"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[subject]}"),
        console=Console(stderr=True),
        disable=is_silent,
    )
    with progress:
        yield StageBars(progress)


def stage_title(name: str) -> str:
    """A stage's name as people read it."""
    titles = {
        "generate": _("Make the example city"),
        "apply": _("Apply the definitions"),
        "collect": _("Collect from the departments"),
        "assess_raw": _("Assess the rows as they came"),
        "pass_gate": _("Pass the lake-entry gate"),
        "standardise": _("Standardise"),
        "assess_standard": _("Assess again"),
        "fuse": _("Fuse to golden records"),
        "catalogue": _("Catalogue"),
        "publish": _("Publish the services"),
        "share": _("Request, approve, call"),
        "score": _("Score the departments"),
        "audit": _("Verify the audit log offline"),
        "report": _("Compare with the truth, write the report"),
    }
    return titles.get(name, name)
