"""One time that a collection task is to run by itself, or was asked to, and the states it goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cityloom.model.transition import Side, Transition, transition


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Due; begins as soon as its source and the machine have room."""
    WAITING = "waiting"
    """For what must be done before, for the next try, or for data: ``reason`` says for what."""
    RUNNING = "running"
    """A process is at work on it and shows life."""
    DONE = "done"
    """Succeeded: every batch is reconciled."""
    FAILED = "failed"
    """Ended without success; ``reason`` says why and what to do."""
    LATE = "late"
    """The period's data are not there in time; people were told, and it goes on looking."""
    LOST = "lost"
    """Its process died; it is done again."""
    CANCELLED = "cancelled"
    """A person took it back."""


_S = JobState
_RULE: tuple[Side, tuple[str, ...]] = (Side.RULE, ())
_STEWARD = (Side.AUTHORITY, ("steward",))
TRIGGERS = ("calendar", "cron", "manual", "continuous")
"""What makes a job: the cycle's calendar, a cron expression, a person, or a task that never ends."""
OPEN = (_S.QUEUED, _S.WAITING, _S.RUNNING, _S.LATE, _S.LOST)
"""States in which something is still to come."""
PENDING = (_S.QUEUED, _S.WAITING, _S.LATE, _S.LOST)
"""States from which a job is taken up."""


def _moves(verb: str, sources: tuple[JobState, ...], target: JobState, who: tuple[Side, tuple[str, ...]]) -> list[Transition]:
    return [Transition(verb=verb, source=source, target=target, who=(who,)) for source in sources]


TRANSITIONS: tuple[Transition, ...] = (
    *_moves("take", PENDING, _S.RUNNING, _RULE),
    *_moves("finish", (_S.RUNNING,), _S.DONE, _RULE),
    *_moves("fail", (_S.QUEUED, _S.WAITING, _S.RUNNING, _S.LATE, _S.LOST), _S.FAILED, _RULE),
    *_moves("wait", (_S.QUEUED, _S.WAITING, _S.RUNNING), _S.WAITING, _RULE),
    *_moves("wait", (_S.LATE,), _S.LATE, _RULE),
    *_moves("release", (_S.RUNNING,), _S.QUEUED, _RULE),
    *_moves("lose", (_S.RUNNING,), _S.LOST, _RULE),
    *_moves("miss", (_S.QUEUED, _S.WAITING, _S.RUNNING, _S.LOST), _S.LATE, _RULE),
    *_moves("cancel", OPEN, _S.CANCELLED, _STEWARD),
)
"""Every move a job can make. ``release``: its worker ends in good order before the job does; ``miss``: there are
no data, and their deadline has passed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a task for one period, with all its tries.

    ``period`` names the period (``2026-01-05``), empty for a job that a person asked for; ``began_at`` is when
    the period began, ``due_at`` when the job is due, ``next_at`` when it is taken up (again), ``late_after`` when
    its data are late, ``late_at`` since when people know (all UTC, ISO). ``tries`` counts failures of the source,
    ``attempts`` how often it was taken up. ``worker`` holds it until ``leased_until``. ``rows`` and ``batches``
    landed in it.
    """

    id: str
    resource: str
    source: str
    trigger: str
    period: str
    began_at: str
    due_at: str
    next_at: str
    state: str = JobState.QUEUED
    late_after: str | None = None
    late_at: str | None = None
    tries: int = 0
    attempts: int = 0
    worker: str | None = None
    leased_until: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    code: str | None = None
    reason: str | None = None
    run: str | None = None
    rows: int = 0
    batches: int = 0
    asked_by: str | None = None
    cancelled_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One time that a job was taken up: by which worker, from when to when (UTC), and how it ended."""

    job: str
    number: int
    worker: str
    started_at: str
    ended_at: str | None = None
    state: str = JobState.RUNNING
    code: str | None = None
    reason: str | None = None
    run: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """What is remembered of a task between its jobs: up to when it is planned (UTC), and whether it is paused."""

    resource: str
    planned_until: str
    is_paused: bool = False
    paused_by: str | None = None
    paused_at: str | None = None


def moved(job: Job, verb: str, **changes: Any) -> Job:
    """The job after a move.

    Raises:
        UserError: ``model.transition.impossible``.
    """
    return replace(job, state=transition(TRANSITIONS, verb, job.state).target, **changes)
