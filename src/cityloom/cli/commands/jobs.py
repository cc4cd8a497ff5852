"""``cityloom jobs``: tasks that run by themselves."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from cityloom.cli import words
from cityloom.cli.server import when_parent_dies
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows.jobs import control
from cityloom.flows.jobs.child import spawner
from cityloom.flows.jobs.scheduler import Scheduler
from cityloom.flows.surroundings import example_interface
from cityloom.kernel.i18n import _
from cityloom.kernel.workdays import CHINA
from cityloom.model.job import Job, JobState
from cityloom.store import jobs as job_store

ActorOption = Annotated[str, typer.Option("--as", help=_("Account that asks for it, for the record."))]
ResourceArgument = Annotated[str, typer.Argument(help=_("The resource."))]
NamedArgument = Annotated[str, typer.Argument(help=_("A job's id, or a resource."))]
_COLOURS = {
    JobState.DONE: "green",
    JobState.RUNNING: "cyan",
    JobState.FAILED: "red",
    JobState.LATE: "red",
    JobState.LOST: "yellow",
    JobState.WAITING: "yellow",
}
_STEWARD = "dsj.steward"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("Tasks that run by themselves: when they are due, what runs, what failed or is late."),
    )
    app.add_typer(group, name="jobs")
    text = _(
        "Run the tasks when they are due, until you press Ctrl-C.\n\n"
        "Each run is a process of its own: one that hangs is cut off and holds up nobody. Killed at any moment, "
        "the next start goes on from the records. Several may run in one workspace.\n\n"
        "Example: `cityloom jobs run`"
    )
    group.command("run", help=text)(_run)
    group.command("list", help=_("Show all tasks: cycle, next time, newest run, newest data. Times are China's; with --json UTC."))(_list)
    group.command("history", help=_("Show the runs, newest first."))(_history)
    group.command("show", help=_("Show a run with all its tries; for a resource, its newest one."))(_show)
    group.command("start", help=_("Run a task now."))(_start)
    group.command("pause", help=_("Keep a task from running by itself."))(_pause)
    group.command("resume", help=_("Let a task run by itself again."))(_resume)
    group.command("cancel", help=_("Take back a run; what is running ends within seconds."))(_cancel)


def _run(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help=_("Print no line for each run."))] = False,
    once: Annotated[bool, typer.Option("--once", help=_("Do what is due now, and end."))] = False,
    tied: Annotated[bool, typer.Option("--tied", hidden=True)] = False,
    workspace: WorkspaceOption = None,
) -> None:
    stop = threading.Event()
    if tied:
        when_parent_dies(stop.set)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_caught: stop.set())
    with opened(workspace) as at, example_interface(at.folder):
        if not quiet and not once:
            console.print(_("Tasks run by themselves in {folder}. Ctrl-C stops.").format(folder=at.folder))
        listener = (lambda job: None) if quiet else _line
        Scheduler(at, spawner(at), listener=listener, is_once=once).run(stop)


def _line(job: Job) -> None:
    parts = [_local(job.due_at), job.resource, _period(job)]
    figures = _("{rows} rows in {batches} batches").format(rows=job.rows, batches=job.batches) if job.batches else ""
    text = Text.assemble(" ".join(parts) + " ", _state(job), " ", figures, " ", job.reason or "")
    console.print(text)


def _list(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        found = control.overview(at)
        living = control.living_workers(at)
    if as_json:
        print_json({"workers": [asdict(w) for w in living], "tasks": [asdict(view) for view in found]})
        return
    rows = []
    for view in found:
        state = _state(view.job) if view.job else Text("–")
        if view.is_paused:
            state = Text(_("paused"), style="yellow")
        due, last = _local(view.next_at), _local(view.data_at)
        reason = view.job.reason if view.job and view.job.reason else ""
        rows.append((view.resource, view.source, words.cycle(view.cycle), view.time, due, state, last, reason))
    names = [_("resource"), _("source"), _("cycle"), _("at"), _("next"), _("state"), _("newest data"), _("reason")]
    print_table(_("Tasks"), names, rows)
    if not living:
        console.print(_("Nobody is at work: start the tasks with `cityloom jobs run`."), style="yellow")


def _history(
    resource: Annotated[str | None, typer.Argument(help=_("Only this resource's."))] = None,
    limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 40,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        name = at.city.resource(resource).name if resource else None
        found = job_store.list_jobs(connection, name, limit=limit)
    if as_json:
        print_json([asdict(job) for job in found])
        return
    rows = [
        (j.id, j.resource, _period(j), _local(j.due_at), _state(j), j.attempts, j.batches, j.rows, j.reason or "")
        for j in found
    ]
    names = [_("job"), _("resource"), _("period"), _("due"), _("state"), _("tries"), _("batches"), _("rows"), _("reason")]
    print_table(_("Jobs"), names, rows, numbers=(5, 6, 7))


def _show(name: NamedArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = control.named(connection, at, name, limit=1)
        attempts = job_store.list_attempts(connection, found[0].id) if found else []
    if as_json:
        print_json({**asdict(found[0]), "tries": [asdict(a) for a in attempts]} if found else {})
        return
    if not found:
        console.print(_("It has not run by itself yet."))
        return
    job = found[0]
    facts: list[tuple[str, Any]] = [
        (_("resource"), job.resource),
        (_("period"), _period(job)),
        (_("due"), _local(job.due_at)),
        (_("state"), _state(job)),
        (_("late since"), _local(job.late_at)),
        (_("rows"), job.rows),
        (_("batches"), job.batches),
        (_("reason"), job.reason or "–"),
    ]
    print_table(job.id, [_("fact"), _("value")], facts)
    rows = [(a.number, _local(a.started_at), _local(a.ended_at), words.job_state(a.state), a.reason or "", a.run or "") for a in attempts]
    names = [_("try"), _("started"), _("ended"), _("state"), _("reason"), _("run")]
    print_table(_("Tries"), names, rows, numbers=(0,))


def _start(
    resource: ResourceArgument, actor: ActorOption = _STEWARD, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    with opened(workspace) as at:
        job = control.start(at, resource, actor=actor)
        living = control.living_workers(at)
    if as_json:
        print_json(asdict(job))
        return
    console.print(_("Queued: {job}. See `cityloom jobs show {job}`.").format(job=job.id))
    if not living:
        console.print(_("Nobody is at work: start the tasks with `cityloom jobs run`."), style="yellow")


def _pause(
    resource: ResourceArgument, actor: ActorOption = _STEWARD, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    with opened(workspace) as at:
        state = control.pause(at, resource, actor=actor)
    _say(asdict(state), _("{resource} is paused.").format(resource=resource), as_json=as_json)


def _resume(
    resource: ResourceArgument, actor: ActorOption = _STEWARD, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    with opened(workspace) as at:
        state = control.resume(at, resource, actor=actor)
    _say(asdict(state), _("{resource} runs by itself again.").format(resource=resource), as_json=as_json)


def _cancel(
    name: NamedArgument, actor: ActorOption = _STEWARD, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    with opened(workspace) as at:
        found = control.cancel(at, name, actor=actor)
    named = ", ".join(f"{job.resource} {_period(job)}" for job in found)
    _say([asdict(job) for job in found], _("Taken back: {jobs}.").format(jobs=named), as_json=as_json)


def _period(job: Job) -> str:
    return job.period or words.cycle(job.trigger)


def _local(moment: str | None) -> str:
    """A UTC moment as people in China read it, without a zone: schedules are written so too."""
    return f"{datetime.fromisoformat(moment).astimezone(CHINA):%Y-%m-%d %H:%M:%S}" if moment else "–"


def _say(value: Any, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(value)
    else:
        console.print(text)


def _state(job: Job) -> Text:
    word = words.job_state(job.state)
    if job.late_at and job.state != JobState.LATE:
        word = _("{state}, late").format(state=word)
    return Text(word, style="red" if job.late_at and job.state != JobState.DONE else _COLOURS.get(JobState(job.state), ""))
