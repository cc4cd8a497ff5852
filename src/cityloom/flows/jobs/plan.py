"""From definitions and records to jobs: what has become due, what waits for what, what is late.

Everything is decided by the records, never by what a process remembers: a time that passed while nobody was at
work is found, and caught up once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from cityloom.flows.jobs import alerts
from cityloom.flows.jobs.due import Due, dues_between, next_due
from cityloom.flows.jobs.outcome import behind, blocked
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import UserError
from cityloom.kernel.ids import stable_id
from cityloom.kernel.workdays import WorkCalendar
from cityloom.model.city import City
from cityloom.model.job import OPEN, PENDING, Job, JobState, TaskState, moved
from cityloom.model.resource import Resource
from cityloom.store import batches, jobs, runs

GRACE = timedelta(seconds=90)
"""A time that is found so much later was missed: nobody was at work then."""
CONTINUOUS = "continuous"
_BY_OTHERS = ("push", "virtual")
_NEWEST = 100


def scheduled(city: City) -> Iterator[Resource]:
    """The resources whose tasks run by themselves: not those that are pushed to us, stay away or wait for a person."""
    for resource in city.resources.values():
        task = resource.collect
        if task.mode not in _BY_OTHERS and (task.cycle != "manual" or task.schedule.cron):
            yield resource


def is_continuous(resource: Resource) -> bool:
    """Whether its task never ends."""
    return resource.collect.cycle == CONTINUOUS and not resource.collect.schedule.cron


def plan(connection: sa.Connection, city: City, clock: Clock, workdays: WorkCalendar) -> list[Job]:
    """Make the jobs that have become due since each task was last planned; returns them."""
    now = clock.now()
    states = jobs.task_states(connection)
    made = []
    for resource in scheduled(city):
        state = states.get(resource.name)
        if state is None:
            state = TaskState(resource=resource.name, planned_until=iso(now))
            jobs.put_task_state(connection, state)
        if state.is_paused:
            continue
        job = _continuous(resource, now) if is_continuous(resource) else _due(connection, resource, state, clock, workdays)
        if job is not None and jobs.add_job(connection, job):
            made.append(job)
    return made


def next_times(city: City, states: dict[str, TaskState], workdays: WorkCalendar) -> dict[str, Due]:
    """When each task that is timed and not paused is due next."""
    found = {}
    for resource in scheduled(city):
        state = states.get(resource.name)
        if state is not None and not state.is_paused and not is_continuous(resource):
            due = next_due(resource.collect, moment(state.planned_until), workdays)
            if due is not None:
                found[resource.name] = due
    return found


def hindered(connection: sa.Connection, job: Job, resource: Resource) -> tuple[UserError | None, bool]:
    """Why a job cannot begin yet because of the tasks it comes after, and whether one of them failed."""
    failed: list[str] = []
    waiting: list[str] = []
    for name in resource.collect.schedule.after if job.period else ():
        of_period = [j for j in jobs.list_jobs(connection, name, since=job.began_at) if j.trigger != CONTINUOUS]
        newest = of_period[0] if of_period else None
        if _succeeded(connection, name, newest, job.began_at):
            continue
        is_over = newest is not None and newest.state in (JobState.FAILED, JobState.CANCELLED)
        (failed if is_over else waiting).append(name)
    if failed:
        return blocked(job, failed), True
    return (behind(job, waiting) if waiting else None), False


def has_data(connection: sa.Connection, resource: str, since: str) -> bool:
    """Whether a batch of a resource has landed since a moment."""
    newest = batches.list_batches(connection, resource, limit=_NEWEST)
    return any(b.state == "reconciled" and (b.ended_at or "") >= since for b in newest)


def alarm(connection: sa.Connection, clock: Clock) -> list[Job]:
    """Tell of the data that should be there by now and are not; returns their jobs."""
    now = iso(clock.now())
    told = []
    for job in jobs.overdue_jobs(connection, now):
        if has_data(connection, job.resource, job.began_at):
            jobs.exchange(connection, job, replace(job, late_after=None))
            continue
        reason = alerts.late(connection, job, clock)
        late = replace(job, late_at=now)
        if job.state in PENDING:
            late = moved(late, "miss", code=job.code or reason.code, reason=job.reason or str(reason))
        if jobs.exchange(connection, job, late):
            told.append(late)
    return told


def moment(text: str) -> datetime:
    """The moment that an ISO text names, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _due(
    connection: sa.Connection, resource: Resource, state: TaskState, clock: Clock, workdays: WorkCalendar
) -> Job | None:
    now = clock.now()
    dues = dues_between(resource.collect, moment(state.planned_until), now, workdays)
    if not dues:
        return None
    newest = dues[-1]
    jobs.put_task_state(connection, replace(state, planned_until=iso(newest.at)))
    job = _scheduled(resource, newest)
    _supersede(connection, job, clock)
    if len(dues) > 1 or now - newest.at > GRACE:
        alerts.missed(connection, job, dues)
    return job


def _scheduled(resource: Resource, due: Due) -> Job:
    schedule = resource.collect.schedule
    late = due.at + timedelta(minutes=schedule.late_minutes)
    trigger = "cron" if schedule.cron else "calendar"
    return Job(
        id=stable_id("j", resource.name, trigger, due.period),
        resource=resource.name,
        source=resource.collect.source,
        trigger=trigger,
        period=due.period,
        began_at=iso(due.began),
        due_at=iso(due.at),
        next_at=iso(due.at),
        late_after=iso(late) if schedule.late_minutes else None,
    )


def _continuous(resource: Resource, now: datetime) -> Job:
    at = iso(now)
    return Job(
        id=stable_id("j", resource.name, CONTINUOUS),
        resource=resource.name,
        source=resource.collect.source,
        trigger=CONTINUOUS,
        period="",
        began_at=at,
        due_at=at,
        next_at=at,
    )


def _supersede(connection: sa.Connection, job: Job, clock: Clock) -> None:
    """End what still waits for an earlier period: the new job takes in whatever there is."""
    for old in jobs.list_jobs(connection, job.resource, states=PENDING):
        if old.trigger not in ("calendar", "cron") or old.id == job.id:
            continue
        over = UserError(
            "jobs.period.over",
            "The period {period} is over. {reason}",
            hint="The next run takes in whatever the source holds.",
            period=old.period,
            reason=old.reason or "",
        )
        ended = moved(old, "fail", code=old.code or over.code, reason=str(over), ended_at=iso(clock.now()))
        if jobs.exchange(connection, old, ended):
            alerts.failed(connection, ended, clock)


def _succeeded(connection: sa.Connection, name: str, newest: Job | None, since: str) -> bool:
    if newest is not None and (newest.state == JobState.DONE or newest.state in OPEN):
        return newest.state == JobState.DONE
    run = runs.last_done(connection, "collect", name)
    if run is None or run.result is None or (run.ended_at or "") < since:
        return False
    return bool(run.result.summary.get("reconciled", True))
