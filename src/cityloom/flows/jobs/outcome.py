"""What becomes of a job when an attempt has ended: done, again later, late, or failed. Nothing but arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError, DataError, SourceError, UserError
from cityloom.model.job import Job, moved
from cityloom.model.source import Schedule

BUSY_SECONDS = 10
_LONGEST_WAIT = 3600.0
_LONGEST_REST = 600.0
"""Longest pause before a continuous task is tried again."""
_SPREAD = 0.2
_LOOKS = 6
"""So often data that have not come are looked for until they are late."""
_LEAST_PAUSE = 60.0
_LATE_PAUSE = 900.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    ``verdict``: ``done``; ``source`` the source failed, and trying again may help; ``busy`` another process works
    on the same; ``failed`` a person must act; ``ended`` told to end before it was done. ``has_data``: data of the
    job's period are there.
    """

    verdict: str
    code: str | None = None
    reason: str | None = None
    run: str | None = None
    rows: int = 0
    batches: int = 0
    has_data: bool = True


def of_error(error: CityLoomError, run: str | None = None) -> Outcome:
    """The outcome that an error means."""
    verdict = "source" if isinstance(error, SourceError) else "failed"
    if error.code == "flows.subject.busy":
        verdict = "busy"
    return Outcome(verdict=verdict, code=error.code, reason=str(error), run=run)


def settle(job: Job, outcome: Outcome, schedule: Schedule, now: datetime, chance: Random) -> Job:
    """The running job after its attempt."""
    job = _with_figures(job, outcome)
    if outcome.verdict == "ended":
        return moved(job, "release", next_at=iso(now), code=None, reason=None)
    if outcome.verdict == "busy":
        return _again(job, outcome.code, outcome.reason, now, BUSY_SECONDS)
    if outcome.verdict == "done":
        return _done(job, outcome, schedule, now)
    tries = job.tries + 1
    if job.trigger == "continuous":
        pause = backoff(schedule, tries, chance, longest=_LONGEST_REST)
        return _again(job, outcome.code, outcome.reason, now, pause, tries=tries)
    if outcome.verdict == "source" and tries <= schedule.retries:
        return _again(job, outcome.code, outcome.reason, now, backoff(schedule, tries, chance), tries=tries)
    return _closed(moved(job, "fail", tries=tries, code=outcome.code, reason=outcome.reason), now)


def backoff(schedule: Schedule, tries: int, chance: Random, longest: float = _LONGEST_WAIT) -> float:
    """Seconds before the next try: twice as long each time, a fifth more or less, an hour at most."""
    seconds = schedule.wait_seconds * 2.0 ** min(tries - 1, 30)
    return min(seconds, longest) * chance.uniform(1 - _SPREAD, 1 + _SPREAD)


def cancelled(job: Job, now: datetime) -> Job:
    """The job after it was taken back."""
    return _closed(moved(job, "cancel"), now)


def too_long(schedule: Schedule) -> SourceError:
    """The error of a run that was cut off."""
    return SourceError(
        "jobs.run.timeout",
        "The run was cut off after {seconds} seconds.",
        hint="The source may hang; ask the department. If it only is slow, set timeout_seconds in the task's schedule higher.",
        seconds=schedule.timeout_seconds,
    )


def died(status: int) -> SourceError:
    """The error of a run whose process ended without a word."""
    return SourceError(
        "jobs.process.died",
        "The process of the run ended by itself (status {status}).",
        hint="Status -9 is most often a lack of memory: set CITYLOOM_JOBS_AT_ONCE or CITYLOOM_MEMORY_MB lower. See the log.",
        status=status,
    )


def is_late(job: Job, now: datetime) -> bool:
    """Whether the job's data should be there by now."""
    return job.late_at is not None or (job.late_after is not None and iso(now) >= job.late_after)


def _done(job: Job, outcome: Outcome, schedule: Schedule, now: datetime) -> Job:
    if job.late_after is None or outcome.has_data:
        return _closed(moved(job, "finish", tries=0, code=None, reason=None), now)
    wait = _awaited(job)
    pause = max(_LEAST_PAUSE, schedule.late_minutes * 60 / _LOOKS)
    if is_late(job, now):
        pause = max(pause, _LATE_PAUSE)
    return _again(job, wait.code, str(wait), now, pause, tries=0)


def _again(job: Job, code: str | None, reason: str | None, now: datetime, pause: float, **changes: Any) -> Job:
    verb = "miss" if job.late_at else "wait"
    next_at = iso(now + timedelta(seconds=pause))
    return moved(job, verb, next_at=next_at, code=code, reason=reason, worker=None, leased_until=None, **changes)


def _closed(job: Job, now: datetime) -> Job:
    return _free(job, ended_at=iso(now))


def _with_figures(job: Job, outcome: Outcome) -> Job:
    return _free(job, run=outcome.run or job.run, rows=job.rows + outcome.rows, batches=job.batches + outcome.batches)


def _free(job: Job, **changes: Any) -> Job:
    return replace(job, worker=None, leased_until=None, **changes)


def _awaited(job: Job) -> DataError:
    return DataError(
        "jobs.data.awaited",
        "The source has nothing new for {period} yet.",
        hint="It is looked at again by itself.",
        period=job.period,
    )


def blocked(job: Job, names: list[str]) -> UserError:
    """The reason of a job that waits for a task that failed."""
    return UserError(
        "jobs.dependency.failed",
        "It waits for {names}, which did not succeed in {period}.",
        hint="Mend that task and start it again; this one goes on by itself then.",
        names=", ".join(names),
        period=job.period,
    )


def behind(job: Job, names: list[str]) -> UserError:
    """The reason of a job that waits for others."""
    return UserError(
        "jobs.dependency.open",
        "It waits for {names}, which has not succeeded in {period} yet.",
        hint="It goes on by itself.",
        names=", ".join(names),
        period=job.period,
    )
