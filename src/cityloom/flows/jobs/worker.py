"""Does one attempt of a job, in a process of its own that lives no longer than its scheduler.

The process shows life through the job's lease and stops at once when the lease is no longer its own: the job
was taken back, cancelled, or given to another. What was not committed by then is not there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random

import sqlalchemy as sa

from cityloom.collect.run import Watch
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.chain import collect_step
from cityloom.flows.jobs import alerts
from cityloom.flows.jobs.outcome import Outcome, of_error, settle
from cityloom.flows.jobs.plan import CONTINUOUS, has_data
from cityloom.flows.runner import Runner
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.log import get_log
from cityloom.model.job import Job, JobState
from cityloom.model.run import Run
from cityloom.store import jobs

LEFT = 75
"""Exit status of a process that the job was taken from."""
ROUND_SECONDS = 600.0
"""A continuous task is recorded, and its definition read anew, so often."""
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def work(workspace: Workspace, job_id: str, attempt: int, *, parent: int) -> None:
    """Do an attempt of a job that was taken up for this process, and record how it ended."""
    job = _mine(workspace, job_id, attempt)
    if job is None:
        return
    stopping = threading.Event()
    if job.trigger == CONTINUOUS:
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with _alive(workspace, job, parent):
        if job.trigger == CONTINUOUS:
            outcome = _go_on(workspace, job, stopping)
        else:
            outcome = once(workspace, job.resource)
            outcome = replace(outcome, has_data=_has_data(workspace, job))
    record(workspace, job, outcome)


def once(workspace: Workspace, name: str, *, stop: Callable[[], bool] | None = None) -> Outcome:
    """Collect a resource; how it ended. With ``stop`` a source that can be followed is followed until then."""
    ended: list[Run] = []
    runner = Runner(workspace, ended.append)
    try:
        resource = workspace.city.resource(name)
        run = runner.do(collect_step(workspace, resource, watch=Watch(stop=stop)))
    except CityLoomError as error:
        return of_error(error, ended[-1].id if ended else None)
    return of_run(run)


def of_run(run: Run) -> Outcome:
    """The outcome of a run that went through: some of its batches may have failed."""
    summary = run.result.summary if run.result else {}
    errors = summary.get("errors") or []
    landed = int(summary.get("landed", 0))
    rows = run.result.written if run.result else 0
    if not errors:
        return Outcome(verdict="done", run=run.id, rows=rows, batches=landed)
    first = next((e for e in errors if e["family"] == "source"), errors[0])
    verdict = "source" if first["family"] == "source" else "failed"
    reason = f"{first['message']} {first['hint']}".strip()
    return Outcome(verdict=verdict, code=first["code"], reason=reason, run=run.id, rows=rows, batches=landed)


def record(workspace: Workspace, job: Job, outcome: Outcome, chance: Random | None = None) -> Job | None:
    """Write down how an attempt ended; ``None`` when the job is no longer in its hands."""
    now = workspace.clock.now()
    resource = workspace.city.resources.get(job.resource)
    with workspace.store.write() as connection:
        jobs.alone(connection)
        current = jobs.find_job(connection, job.id)
        if current is None or current.state != JobState.RUNNING or current.attempts != job.attempts or resource is None:
            return None
        after = settle(current, outcome, resource.collect.schedule, now, chance or Random())
        if not jobs.exchange(connection, current, after):
            return None
        close_attempt(connection, after, outcome, at=iso(now))
        alerts.told(connection, after, workspace.clock)
    return after


def close_attempt(connection: sa.Connection, job: Job, outcome: Outcome, *, at: str, state: str = "") -> None:
    """Write down how the newest attempt of a job ended."""
    attempt = jobs.find_attempt(connection, job.id, job.attempts)
    words = {"done": JobState.DONE, "ended": JobState.QUEUED, "busy": JobState.WAITING}
    if attempt is not None:
        ended = replace(
            attempt,
            ended_at=at,
            state=state or words.get(outcome.verdict, JobState.FAILED),
            code=outcome.code,
            reason=outcome.reason,
            run=outcome.run,
        )
        jobs.put_attempt(connection, ended)


def _go_on(workspace: Workspace, job: Job, stopping: threading.Event) -> Outcome:
    """Follow a source round after round until told to stop, or until it fails."""
    total = Outcome(verdict="ended")
    while True:
        workspace.forget_city()
        began = workspace.clock.tick()

        def is_over(began: float = began) -> bool:
            return stopping.is_set() or workspace.clock.tick() - began > ROUND_SECONDS

        outcome = once(workspace, job.resource, stop=is_over)
        if outcome.verdict != "done":
            return outcome
        total = replace(total, run=outcome.run, rows=outcome.rows, batches=outcome.batches)
        if stopping.is_set():
            return total
        _note_round(workspace, job, total)
        pause = workspace.city.resource(job.resource).collect.schedule.wait_seconds
        if workspace.clock.tick() - began < pause and stopping.wait(pause):
            return replace(total, rows=0, batches=0)


def _note_round(workspace: Workspace, job: Job, total: Outcome) -> None:
    with workspace.store.write() as connection:
        jobs.alone(connection)
        current = jobs.find_job(connection, job.id)
        if current is None or current.attempts != job.attempts or current.state != JobState.RUNNING:
            return
        rows, batches = current.rows + total.rows, current.batches + total.batches
        after = replace(current, tries=0, run=total.run, rows=rows, batches=batches, code=None, reason=None)
        jobs.exchange(connection, current, after)
        alerts.told(connection, after, workspace.clock)


def _mine(workspace: Workspace, job_id: str, attempt: int) -> Job | None:
    with workspace.store.read() as connection:
        job = jobs.find_job(connection, job_id)
    is_mine = job is not None and job.state == JobState.RUNNING and job.attempts == attempt
    return job if is_mine else None


def _has_data(workspace: Workspace, job: Job) -> bool:
    with workspace.store.read() as connection:
        return has_data(connection, job.resource, job.began_at)


@contextmanager
def _alive(workspace: Workspace, job: Job, parent: int) -> Iterator[None]:
    """Keep the lease during the block; end the process when the lease, or the scheduler, is gone."""
    over = threading.Event()
    _die_with(parent)

    def beat() -> None:
        lease = workspace.settings.lease_seconds
        beats = 0
        while not over.wait(1.0):
            beats += 1
            if os.getppid() != parent:
                _leave(job, "parent")
            if beats % max(1, lease // 3) == 0 and not _prolonged(workspace, job, lease):
                _leave(job, "lease")

    thread = threading.Thread(target=beat, name=f"beat-{job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _prolonged(workspace: Workspace, job: Job, lease: float) -> bool:
    until = iso(workspace.clock.now() + timedelta(seconds=lease))
    try:
        with workspace.store.write() as connection:
            return jobs.prolong(connection, job.id, job.attempts, until)
    except sa.exc.SQLAlchemyError as error:
        get_log("jobs").warning("jobs.lease.unwritten", job=job.id, kind=type(error).__name__)
        return True


def _leave(job: Job, cause: str) -> None:
    get_log("jobs").warning("jobs.attempt.left", job=job.id, resource=job.resource, cause=cause)
    os._exit(LEFT)


def _die_with(parent: int) -> None:
    """Have the system end this process with its parent, also while a connector hangs in foreign code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(LEFT)

