"""What a person does with jobs: start, cancel, pause, resume, and see how things stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.jobs.due import next_due
from cityloom.flows.jobs.outcome import cancelled
from cityloom.flows.jobs.plan import CONTINUOUS, is_continuous, moment, scheduled
from cityloom.flows.jobs.scheduler import worker_lock
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.kernel.ids import new_id, stable_id
from cityloom.kernel.workdays import ChineseCalendar, WorkCalendar
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.job import OPEN, Job, JobState, TaskState
from cityloom.model.resource import Resource
from cityloom.store import audit, batches, jobs
from cityloom.store.jobs import Worker


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """How a task stands: when it runs, when it is due next (UTC), its newest job, its newest data."""

    resource: str
    department: str
    source: str
    mode: str
    cycle: str
    time: str
    is_paused: bool
    next_at: str | None
    job: Job | None
    data_at: str | None


def start(workspace: Workspace, name: str, *, actor: str) -> Job:
    """Queue a run of a task now; one that is queued already is not queued twice.

    Raises:
        UserError: ``model.resource.unknown``, or ``jobs.task.not_pulled`` for what is pushed to us or stays away.
    """
    resource = workspace.city.resource(name)
    if resource.collect.mode in ("push", "virtual"):
        raise UserError(
            "jobs.task.not_pulled",
            "{resource} is not collected by a task: its mode is {mode}.",
            hint="What is pushed arrives by itself; what is virtual is read where it is.",
            resource=name,
            mode=resource.collect.mode,
        )
    with workspace.store.write() as connection:
        jobs.alone(connection)
        job = _queued(connection, resource, iso(workspace.clock.now()), actor)
        _tell(connection, workspace, job.resource, actor, "start", job.id)
    return job


def cancel(workspace: Workspace, name: str, *, actor: str) -> list[Job]:
    """Take back a job by its id, or all that is open of a resource; what is running is ended within seconds.

    Raises:
        UserError: ``jobs.job.unknown`` when there is no such job or resource, ``jobs.job.over`` when nothing is open.
    """
    now = workspace.clock.now()
    with workspace.store.write() as connection:
        jobs.alone(connection)
        open_jobs = [j for j in named(connection, workspace, name) if j.state in OPEN]
        if not open_jobs:
            raise UserError(
                "jobs.job.over",
                "Nothing of {name} is open any more.",
                hint="See `cityloom jobs history`.",
                name=name,
            )
        found = []
        for job in open_jobs:
            after = replace(job, cancelled_by=actor)
            if job.state != JobState.RUNNING:
                after = cancelled(after, now)
            jobs.exchange(connection, job, after)
            _tell(connection, workspace, job.resource, actor, "cancel", job.id)
            found.append(after)
    return found


def pause(workspace: Workspace, name: str, *, actor: str) -> TaskState:
    """Keep a task from running by itself; what is running goes on, but for a continuous task."""
    at = iso(workspace.clock.now())
    return _put(workspace, name, TaskState(resource=name, planned_until=at, is_paused=True, paused_by=actor, paused_at=at), actor)


def resume(workspace: Workspace, name: str, *, actor: str) -> TaskState:
    """Let a task run by itself again, from now on: what it left out is not caught up."""
    return _put(workspace, name, TaskState(resource=name, planned_until=iso(workspace.clock.now())), actor)


def overview(workspace: Workspace, workdays: WorkCalendar | None = None) -> list[TaskView]:
    """All tasks that run by themselves, and those that have jobs, by resource."""
    city, now = workspace.city, workspace.clock.now()
    with workspace.store.read() as connection:
        states = jobs.task_states(connection)
        newest = jobs.newest_jobs(connection)
        timed = {r.name for r in scheduled(city)} | set(newest)
        landed = {name: _newest_data(connection, name) for name in timed & set(city.resources)}
    found = []
    for name in sorted(landed):
        resource = city.resources[name]
        task, state = resource.collect, states.get(name)
        is_paused = state is not None and state.is_paused
        after = moment(state.planned_until) if state else now
        due = None if is_paused or name not in timed else next_due(task, after, workdays or ChineseCalendar())
        found.append(
            TaskView(
                resource=name,
                department=resource.department,
                source=task.source,
                mode=task.mode,
                cycle="cron" if task.schedule.cron else task.cycle,
                time=_time(resource),
                is_paused=is_paused,
                next_at=iso(due.at) if due else None,
                job=newest.get(name),
                data_at=landed[name],
            )
        )
    return found


def named(connection: sa.Connection, workspace: Workspace, name: str, limit: int | None = None) -> list[Job]:
    """The job of an id, or the jobs of a resource, newest first.

    Raises:
        UserError: ``jobs.job.unknown``.
    """
    job = jobs.find_job(connection, name)
    if job is not None:
        return [job]
    found = jobs.list_jobs(connection, name, limit=limit)
    if not found and name not in workspace.city.resources:
        raise UserError(
            "jobs.job.unknown",
            "There is no job and no resource {name}.",
            hint="List them with `cityloom jobs list` and `cityloom jobs history`.",
            name=name,
        )
    return found


def living_workers(workspace: Workspace) -> list[Worker]:
    """The workers that are at work now."""
    with workspace.store.read() as connection:
        known = jobs.list_workers(connection)
    return [w for w in known if workspace.locks.is_held(worker_lock(w.id))]


def _queued(connection: sa.Connection, resource: Resource, at: str, actor: str) -> Job:
    for job in jobs.list_jobs(connection, resource.name, states=OPEN):
        if job.trigger == "manual" and job.state == JobState.QUEUED:
            return job
    is_endless = is_continuous(resource)
    job = Job(
        id=stable_id("j", resource.name, CONTINUOUS) if is_endless else new_id("j"),
        resource=resource.name,
        source=resource.collect.source,
        trigger=CONTINUOUS if is_endless else "manual",
        period="",
        began_at=at,
        due_at=at,
        next_at=at,
        asked_by=actor,
    )
    if not jobs.add_job(connection, job):
        known = jobs.find_job(connection, job.id)
        if known is None or known.state == JobState.RUNNING:
            return known or job
        job = replace(job, attempts=known.attempts, rows=known.rows, batches=known.batches)
        jobs.exchange(connection, known, job)
    return job


def _put(workspace: Workspace, name: str, wanted: TaskState, actor: str) -> TaskState:
    resource = workspace.city.resource(name)
    verb = "pause" if wanted.is_paused else "resume"
    with workspace.store.write() as connection:
        jobs.alone(connection)
        state = jobs.task_states(connection).get(resource.name)
        if state is not None and state.is_paused == wanted.is_paused:
            return state
        jobs.put_task_state(connection, wanted)
        _tell(connection, workspace, name, actor, verb, "")
    return wanted


def _tell(connection: sa.Connection, workspace: Workspace, resource: str, actor: str, verb: str, job: str) -> None:
    event = AuditEvent(kind=EventKind.JOB_ASKED, actor=actor, subject=resource, details={"verb": verb, "job": job})
    audit.append(connection, event, workspace.clock)


def _newest_data(connection: sa.Connection, resource: str) -> str | None:
    ended = [b.ended_at for b in batches.list_batches(connection, resource, limit=20) if b.state == "reconciled"]
    return max((e for e in ended if e), default=None)


def _time(resource: Resource) -> str:
    schedule, cycle = resource.collect.schedule, resource.collect.cycle
    if schedule.cron:
        return schedule.cron
    if cycle in ("manual", CONTINUOUS):
        return ""
    day = f"{schedule.day} " if cycle not in ("day", "hour") else ""
    return f"{day}{schedule.time}"
