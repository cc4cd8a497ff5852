"""What people are told of jobs: findings that stand until they are mended, and events in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from cityloom.flows.jobs.due import Due
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import CityLoomError, DataError
from cityloom.kernel.workdays import CHINA
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.batch import Finding
from cityloom.model.job import Job, JobState
from cityloom.store import audit, findings

JOBS = "jobs"
LATE = "late"
SYSTEM = "system"
MISSED = "jobs.run.missed"
RESTARTS = 3
"""A continuous task that failed so often in a row is told of."""


def missed(connection: sa.Connection, job: Job, dues: list[Due]) -> None:
    """Tell that times passed while nobody was at work; the newest one is caught up."""
    text = f"{len(dues)} times passed while no worker ran, the first at {_local(dues[0].at)}; caught up once."
    details: dict[str, str | int | float] = {"period": job.period, "first": dues[0].period}
    _add(connection, Finding(kind=JOBS, subject=job.resource, code=MISSED, text=text, count=len(dues), details=details))


def failed(connection: sa.Connection, job: Job, clock: Clock) -> None:
    """Tell that a job ended without success, or cannot go on."""
    details: dict[str, str | int] = {"job": job.id, "period": job.period, "code": job.code or ""}
    _add(connection, _finding(JOBS, job, job.code or "jobs.run.failed", job.reason or ""))
    event = AuditEvent(kind=EventKind.JOB_FAILED, actor=SYSTEM, subject=job.resource, details=details)
    audit.append(connection, event, clock)


def late(connection: sa.Connection, job: Job, clock: Clock) -> CityLoomError:
    """Tell that the data of a period are late; gives the reason."""
    reason = DataError(
        "jobs.data.late",
        "The data of {period} have not come by {deadline}.",
        hint="Ask the department. It is looked for until the next period begins.",
        period=job.period,
        deadline=_local(datetime.fromisoformat(job.late_after or job.due_at)),
    )
    _add(connection, _finding(LATE, job, reason.code, str(reason)))
    details: dict[str, str | int] = {"job": job.id, "period": job.period, "deadline": job.late_after or ""}
    audit.append(connection, AuditEvent(kind=EventKind.JOB_LATE, actor=SYSTEM, subject=job.resource, details=details), clock)
    return reason


def told(connection: sa.Connection, job: Job, clock: Clock) -> None:
    """Tell what a job's move means: trouble when it failed, nothing any more when it is done."""
    if job.state == JobState.FAILED or (job.trigger == "continuous" and job.tries == RESTARTS):
        failed(connection, job, clock)
    elif job.state == JobState.DONE or (job.trigger == "continuous" and job.state == JobState.RUNNING):
        settled(connection, job)


def settled(connection: sa.Connection, job: Job) -> None:
    """What was told of a resource is over, but that times were missed: this stays until the period after."""
    _keep(connection, JOBS, job.resource, lambda f: f.code == MISSED and f.details.get("period") == job.period)
    if job.period:
        _keep(connection, LATE, job.resource, lambda f: False)


def _local(moment: datetime) -> str:
    """A moment as people in China read it."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M}"


def _finding(kind: str, job: Job, code: str, text: str) -> Finding:
    return Finding(kind=kind, subject=job.resource, code=code, text=text, details={"job": job.id, "period": job.period})


def _add(connection: sa.Connection, one: Finding) -> None:
    """One of each code at a time."""
    stand = [f for f in findings.list_findings(connection, one.kind, one.subject) if f.code != one.code]
    findings.put_findings(connection, one.kind, one.subject, [*stand, one])


def _keep(connection: sa.Connection, kind: str, subject: str, is_kept: Callable[[Finding], bool]) -> None:
    stand = findings.list_findings(connection, kind, subject)
    kept = [f for f in stand if is_kept(f)]
    if len(kept) != len(stand):
        findings.put_findings(connection, kind, subject, kept)
