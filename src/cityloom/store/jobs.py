"""Jobs: what is to run by itself, who is at work on it, how each try ended. Also what is remembered of a task.

A job is taken up by a conditional change of its row: of two workers one wins. The winner holds it under a lease
that it prolongs; a job whose lease has run out is lost, and is taken up again. Whoever makes or takes jobs calls
``alone`` first, so that limits hold over all workers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from cityloom.model.job import OPEN, PENDING, Attempt, Job, JobState, TaskState
from cityloom.store.database import metadata

_LOCK = 0x6A6F6273  # the letters "jobs" as PostgreSQL's lock number
job_table = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("resource", sa.String(80), nullable=False),
    sa.Column("source", sa.String(120), nullable=False),
    sa.Column("trigger", sa.String(16), nullable=False),
    sa.Column("period", sa.String(40), nullable=False),
    sa.Column("began_at", sa.String(32), nullable=False),
    sa.Column("due_at", sa.String(32), nullable=False),
    sa.Column("next_at", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("late_after", sa.String(32)),
    sa.Column("late_at", sa.String(32)),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("worker", sa.String(40)),
    sa.Column("leased_until", sa.String(32)),
    sa.Column("started_at", sa.String(32)),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("code", sa.String(80)),
    sa.Column("reason", sa.Text),
    sa.Column("run", sa.String(40)),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("batches", sa.Integer, nullable=False),
    sa.Column("asked_by", sa.String(80)),
    sa.Column("cancelled_by", sa.String(80)),
    sa.Index("ix_job_resource_due", "resource", "due_at"),
)
attempt_table = sa.Table(
    "job_attempt",
    metadata,
    sa.Column("job", sa.String(40), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("worker", sa.String(40), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("code", sa.String(80)),
    sa.Column("reason", sa.Text),
    sa.Column("run", sa.String(40)),
)
task_table = sa.Table(
    "job_task",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("planned_until", sa.String(32), nullable=False),
    sa.Column("is_paused", sa.Boolean, nullable=False),
    sa.Column("paused_by", sa.String(80)),
    sa.Column("paused_at", sa.String(32)),
)
worker_table = sa.Table(
    "job_worker",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("process", sa.String(80), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("alive_at", sa.String(32), nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process that takes up jobs: machine and process number, since when, and its last sign of life (UTC)."""

    id: str
    process: str
    started_at: str
    alive_at: str


def alone(connection: sa.Connection) -> None:
    """Make or take jobs as the only one until the transaction ends."""
    # SQLite needs no more than the write transaction, which has locked the whole file.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def add_job(connection: sa.Connection, job: Job) -> bool:
    """Record a new job; false when there is one of its id."""
    if find_job(connection, job.id) is not None:
        return False
    connection.execute(job_table.insert().values(**asdict(job)))
    return True


def find_job(connection: sa.Connection, job_id: str) -> Job | None:
    """One job by id."""
    row = connection.execute(sa.select(job_table).where(job_table.c.id == job_id)).mappings().first()
    return _job(row) if row else None


def exchange(connection: sa.Connection, before: Job, after: Job) -> bool:
    """Change a job, when it still is in the state, and in the hands, in which it was seen."""
    t = job_table
    same = sa.and_(
        t.c.id == before.id,
        t.c.state == before.state,
        t.c.attempts == before.attempts,
        t.c.worker.is_not_distinct_from(before.worker),
    )
    return bool(connection.execute(t.update().where(same).values(**asdict(after))).rowcount)


def prolong(connection: sa.Connection, job_id: str, attempt: int, until: str) -> bool:
    """Show that an attempt is alive; false when the job is no longer in its hands, and it must stop."""
    t = job_table
    mine = sa.and_(t.c.id == job_id, t.c.state == JobState.RUNNING, t.c.attempts == attempt, t.c.cancelled_by.is_(None))
    return bool(connection.execute(t.update().where(mine).values(leased_until=until)).rowcount)


def list_jobs(
    connection: sa.Connection,
    resource: str | None = None,
    *,
    states: Collection[str] = (),
    since: str | None = None,
    limit: int | None = None,
) -> list[Job]:
    """Jobs, newest due first: of a resource, in some states, due since a moment."""
    t = job_table
    query = sa.select(t).order_by(t.c.due_at.desc(), t.c.resource, t.c.id)
    if resource is not None:
        query = query.where(t.c.resource == resource)
    if states:
        query = query.where(t.c.state.in_(sorted(states)))
    if since is not None:
        query = query.where(t.c.due_at >= since)
    if limit is not None:
        query = query.limit(limit)
    return [_job(row) for row in connection.execute(query).mappings()]


def ready_jobs(connection: sa.Connection, now: str) -> list[Job]:
    """Jobs whose time has come, the longest waiting first."""
    t = job_table
    query = sa.select(t).where(t.c.state.in_(PENDING), t.c.next_at <= now).order_by(t.c.next_at, t.c.resource, t.c.id)
    return [_job(row) for row in connection.execute(query).mappings()]


def overdue_jobs(connection: sa.Connection, now: str) -> list[Job]:
    """Jobs whose data are late, while nobody was told: still open, or failed."""
    t = job_table
    query = sa.select(t).where(
        t.c.state.in_((*OPEN, JobState.FAILED)), t.c.late_at.is_(None), t.c.late_after.is_not(None), t.c.late_after <= now
    )
    return [_job(row) for row in connection.execute(query.order_by(t.c.due_at, t.c.id)).mappings()]


def newest_jobs(connection: sa.Connection) -> dict[str, Job]:
    """The newest job of each resource."""
    t = job_table
    newest = sa.select(t.c.resource, sa.func.max(t.c.due_at).label("due")).group_by(t.c.resource).subquery()
    query = sa.select(t).join(newest, sa.and_(t.c.resource == newest.c.resource, t.c.due_at == newest.c.due))
    return {row["resource"]: _job(row) for row in connection.execute(query.order_by(t.c.id)).mappings()}


def put_attempt(connection: sa.Connection, attempt: Attempt) -> None:
    """Write an attempt's record anew."""
    t = attempt_table
    values = asdict(attempt)
    same = sa.and_(t.c.job == attempt.job, t.c.number == attempt.number)
    if not connection.execute(t.update().where(same).values(**values)).rowcount:
        connection.execute(t.insert().values(**values))


def find_attempt(connection: sa.Connection, job_id: str, number: int) -> Attempt | None:
    """One attempt of a job."""
    return next((one for one in list_attempts(connection, job_id) if one.number == number), None)


def list_attempts(connection: sa.Connection, job_id: str) -> list[Attempt]:
    """The attempts of a job in order."""
    t = attempt_table
    query = sa.select(t).where(t.c.job == job_id).order_by(t.c.number)
    return [Attempt(**row) for row in connection.execute(query).mappings()]


def task_states(connection: sa.Connection) -> dict[str, TaskState]:
    """What is remembered of each task, by resource."""
    return {row["resource"]: TaskState(**row) for row in connection.execute(sa.select(task_table)).mappings()}


def put_task_state(connection: sa.Connection, task: TaskState) -> None:
    """Write anew what is remembered of a task."""
    t = task_table
    values = asdict(task)
    if not connection.execute(t.update().where(t.c.resource == task.resource).values(**values)).rowcount:
        connection.execute(t.insert().values(**values))


def put_worker(connection: sa.Connection, worker: Worker) -> None:
    """Show that a worker is alive."""
    t = worker_table
    values = asdict(worker)
    if not connection.execute(t.update().where(t.c.id == worker.id).values(**values)).rowcount:
        connection.execute(t.insert().values(**values))


def list_workers(connection: sa.Connection) -> list[Worker]:
    """The workers on record, oldest first; one that died may still be among them."""
    query = sa.select(worker_table).order_by(worker_table.c.started_at, worker_table.c.id)
    return [Worker(**row) for row in connection.execute(query).mappings()]


def drop_worker(connection: sa.Connection, worker_id: str) -> None:
    """Forget a worker that has ended."""
    connection.execute(worker_table.delete().where(worker_table.c.id == worker_id))


def _job(row: Mapping[str, Any] | sa.RowMapping) -> Job:
    return Job(**row)
