"""Takes up jobs when they are due, each in a process of its own, and looks after those processes.

One call of ``tick`` does all there is to do at a moment. A scheduler holds nothing that the store does not:
killed at any point, the next one goes on from the records. Several may run on one workspace.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import sqlalchemy as sa

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.jobs import alerts
from cityloom.flows.jobs.child import Child, Spawn
from cityloom.flows.jobs.due import Due
from cityloom.flows.jobs.outcome import Outcome, cancelled, died, of_error, too_long
from cityloom.flows.jobs.plan import CONTINUOUS, alarm, hindered, is_continuous, next_times, plan, scheduled
from cityloom.flows.jobs.worker import close_attempt, record
from cityloom.flows.runner import Runner
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.ids import new_id
from cityloom.kernel.log import get_log
from cityloom.kernel.workdays import ChineseCalendar, WorkCalendar
from cityloom.model.job import Attempt, Job, JobState, moved
from cityloom.model.resource import Resource
from cityloom.store import definitions, jobs

TICK_SECONDS = 1.0
_TROUBLE_SECONDS = 5.0
_STOP_SECONDS = 20.0
_GRACE_SECONDS = 10.0
_BLOCKED_PAUSE = timedelta(seconds=5)


def worker_lock(worker: str) -> str:
    """Name of the lock that a scheduler holds as long as it lives."""
    return f"worker:{worker}"


@dataclass
class _Held:
    """A job that this scheduler's child is at work on; ``cause`` why the child was told to end, and since when."""

    job: Job
    child: Child
    began: float
    cause: str = ""
    told: float = 0.0


@dataclass
class Scheduler:
    """Runs the jobs of a workspace.

    Args:
        workspace: where.
        spawn: starts the process of an attempt.
        workdays: the calendar.
        chance: spreads the pauses between tries.
        listener: told of each job whose state changed.
        is_once: end when all that is due now has ended; continuous tasks are left alone.
    """

    workspace: Workspace
    spawn: Spawn
    workdays: WorkCalendar = field(default_factory=ChineseCalendar)
    chance: Random = field(default_factory=Random)
    listener: Callable[[Job], None] = lambda job: None
    is_once: bool = False
    id: str = field(default_factory=lambda: new_id("w"))
    _held: dict[str, _Held] = field(default_factory=dict)
    _next: dict[str, Due] | None = None
    _stamp: object = None
    _beaten: float = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; then let go of what is under way, which goes on at the next start."""
        with self.workspace.lock(worker_lock(self.id)):
            Runner(self.workspace).recover()
            try:
                while not stop.is_set():
                    is_well = self._tried(self.tick)
                    if self.is_once and is_well and not self._held:
                        return
                    stop.wait(TICK_SECONDS if is_well else _TROUBLE_SECONDS)
            finally:
                self.leave()

    def _tried(self, act: Callable[[], None]) -> bool:
        """Do something; a store or a disk that fails for a while does not end the scheduler."""
        try:
            act()
        except (CityLoomError, sa.exc.SQLAlchemyError, OSError) as error:
            get_log("jobs").error("jobs.tick.failed", kind=type(error).__name__, code=getattr(error, "code", ""))
            return False
        return True

    def tick(self) -> None:
        """Do what there is to do at this moment."""
        self._beat()
        self._reap()
        self._recover()
        self._plan()
        self._alarm()
        self._take()

    def leave(self) -> None:
        """End the children in good order; their jobs are queued again."""
        for held in self._held.values():
            self._tell(held, "leave")
        end = self._tick() + _STOP_SECONDS
        pause = threading.Event()
        while self._held and self._tick() < end and self._tried(self._reap):
            pause.wait(0.05)
        for held in self._held.values():
            held.child.kill()
        self._tried(self._reap)
        self._tried(self._forget)

    def _forget(self) -> None:
        with self.workspace.store.write() as connection:
            jobs.drop_worker(connection, self.id)
        self.workspace.locks.forget(worker_lock(self.id))

    # -- children ------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Record children that ended, and end those whose time is over or whose job was taken back."""
        gone = False
        for held in list(self._held.values()):
            status = held.child.poll()
            if status is None:
                self._watch(held)
                continue
            del self._held[held.job.id]
            gone = gone or bool(status)
            self._close(held, status)
        if gone:
            Runner(self.workspace).recover()

    def _watch(self, held: _Held) -> None:
        if held.cause:
            if self._tick() - held.told > _GRACE_SECONDS:
                held.child.kill()
            return
        cause = self._cause(held)
        if cause:
            self._tell(held, cause)

    def _cause(self, held: _Held) -> str:
        """Why a child must end before it is done; empty when it need not."""
        job, resource = held.job, self.workspace.city.resources.get(held.job.resource)
        with self.workspace.store.read() as connection:
            current = jobs.find_job(connection, job.id)
            task = jobs.task_states(connection).get(job.resource)
        if resource is None or current is None or current.cancelled_by or current.attempts != job.attempts:
            return "cancel"
        if job.trigger == CONTINUOUS:
            if not is_continuous(resource):
                return "cancel"
            return "leave" if task is not None and task.is_paused else ""
        limit = resource.collect.schedule.timeout_seconds
        return "timeout" if limit and self._tick() - held.began > limit else ""

    def _tell(self, held: _Held, cause: str) -> None:
        held.cause, held.told = cause, self._tick()
        held.child.stop()

    def _close(self, held: _Held, status: int) -> None:
        """Record the end of a child that could not do so itself."""
        resource = self.workspace.city.resources.get(held.job.resource)
        if held.cause == "cancel" or resource is None:
            self._cancel(held.job)
        elif held.cause == "leave":
            self._told(record(self.workspace, held.job, Outcome(verdict="ended"), self.chance))
        elif held.cause == "timeout":
            outcome = of_error(too_long(resource.collect.schedule))
            self._told(record(self.workspace, held.job, outcome, self.chance))
        else:
            self._told(record(self.workspace, held.job, of_error(died(status)), self.chance))
        with self.workspace.store.read() as connection:
            self._told(jobs.find_job(connection, held.job.id))

    def _cancel(self, job: Job) -> None:
        now = self.workspace.clock.now()
        with self.workspace.store.write() as connection:
            jobs.alone(connection)
            current = jobs.find_job(connection, job.id)
            if current is not None and current.state == JobState.RUNNING and current.attempts == job.attempts:
                after = cancelled(current, now)
                jobs.exchange(connection, current, after)
                close_attempt(connection, after, Outcome(verdict="failed"), at=iso(now), state=JobState.CANCELLED)

    # -- records -------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        """Show life, and read the definitions anew when they have changed."""
        workspace, now = self.workspace, iso(self.workspace.clock.now())
        with workspace.store.read() as connection:
            stamp = definitions.stamp(connection)
        if stamp != self._stamp:
            self._stamp, self._next = stamp, None
            workspace.forget_city()
        if self._tick() - self._beaten > workspace.settings.lease_seconds / 3:
            process = f"{socket.gethostname()}:{os.getpid()}"
            worker = jobs.Worker(id=self.id, process=process, started_at=now, alive_at=now)
            with workspace.store.write() as connection:
                jobs.put_worker(connection, worker)
            self._beaten = self._tick()

    def _recover(self) -> None:
        """Find the running jobs whose worker is dead, or whose lease has run out."""
        now = iso(self.workspace.clock.now())
        with self.workspace.store.read() as connection:
            running = jobs.list_jobs(connection, states=(JobState.RUNNING,))
        dead = {w for w in {j.worker or "" for j in running} - {self.id} if not self._lives(w)}
        lost = [j for j in running if j.worker in dead or (j.leased_until or "") < now]
        for job in (j for j in lost if j.id not in self._held):
            self._lose(job, now)
        for worker in dead:
            with self.workspace.store.write() as connection:
                jobs.drop_worker(connection, worker)
            self.workspace.locks.forget(worker_lock(worker))
        if lost:
            Runner(self.workspace).recover()

    def _lose(self, job: Job, now: str) -> None:
        with self.workspace.store.write() as connection:
            jobs.alone(connection)
            lost = moved(job, "lose", next_at=now, worker=None, leased_until=None)
            if job.cancelled_by:
                lost = cancelled(job, self.workspace.clock.now())
            if not jobs.exchange(connection, job, lost):
                return
            close_attempt(connection, lost, Outcome(verdict="failed"), at=now, state=JobState.LOST)
        get_log("jobs").warning("jobs.job.lost", job=job.id, resource=job.resource)
        self._told(lost)

    def _lives(self, worker: str) -> bool:
        return bool(worker) and self.workspace.locks.is_held(worker_lock(worker))

    def _plan(self) -> None:
        now = self.workspace.clock.now()
        city = self.workspace.city
        if self._next is not None and all(due.at > now for due in self._next.values()) and not self._is_fresh():
            return
        with self.workspace.store.write() as connection:
            jobs.alone(connection)
            for job in plan(connection, city, self.workspace.clock, self.workdays):
                self._told(job)
            self._next = next_times(city, jobs.task_states(connection), self.workdays)

    def _is_fresh(self) -> bool:
        """Whether a person has paused or resumed a task since it was planned."""
        with self.workspace.store.read() as connection:
            states = jobs.task_states(connection)
        known = {name for name in states if not states[name].is_paused}
        return known & {r.name for r in scheduled(self.workspace.city) if not is_continuous(r)} != set(self._next or {})

    def _alarm(self) -> None:
        with self.workspace.store.read() as connection:
            if not jobs.overdue_jobs(connection, iso(self.workspace.clock.now())):
                return
        with self.workspace.store.write() as connection:
            jobs.alone(connection)
            for job in alarm(connection, self.workspace.clock):
                self._told(job)

    # -- taking --------------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Take up the jobs whose time has come, as far as sources and machine have room."""
        with self.workspace.store.read() as connection:
            if not jobs.ready_jobs(connection, iso(self.workspace.clock.now())):
                return
        for job in self._claim():
            self._told(job)
            try:
                self._held[job.id] = _Held(job, self.spawn(job), self._tick())
            except OSError as error:
                self._told(record(self.workspace, job, of_error(died(error.errno or -1)), self.chance))

    def _claim(self) -> list[Job]:
        now = self.workspace.clock.now()
        taken = []
        with self.workspace.store.write() as connection:
            jobs.alone(connection)
            running = jobs.list_jobs(connection, states=(JobState.RUNNING,))
            leaving = [h.job for h in self._held.values() if h.job.id not in {j.id for j in running}]
            room = _Room(self.workspace, [*running, *leaving])
            paused = {name for name, task in jobs.task_states(connection).items() if task.is_paused}
            for job in jobs.ready_jobs(connection, iso(now)):
                if self.is_once and job.trigger == CONTINUOUS:
                    continue
                resource = self.workspace.city.resources.get(job.resource)
                if resource is None:
                    jobs.exchange(connection, job, cancelled(job, now))
                elif (job.resource in paused and job.trigger != "manual") or not room.has(job):
                    continue
                elif self._may_begin(connection, job, resource):
                    mine = self._mine(job, now)
                    if jobs.exchange(connection, job, mine):
                        attempt = Attempt(job=job.id, number=mine.attempts, worker=self.id, started_at=iso(now))
                        jobs.put_attempt(connection, attempt)
                        room.take(mine)
                        taken.append(mine)
        return taken

    def _mine(self, job: Job, now: datetime) -> Job:
        lease = timedelta(seconds=self.workspace.settings.lease_seconds)
        return moved(
            job,
            "take",
            worker=self.id,
            leased_until=iso(now + lease),
            attempts=job.attempts + 1,
            started_at=job.started_at or iso(now),
        )

    def _may_begin(self, connection: sa.Connection, job: Job, resource: Resource) -> bool:
        reason, is_blocked = hindered(connection, job, resource)
        if reason is None:
            return True
        next_at = iso(self.workspace.clock.now() + _BLOCKED_PAUSE)
        after = moved(replace(job, state=_waiting(job)), "wait", next_at=next_at, code=reason.code, reason=str(reason))
        jobs.exchange(connection, job, after)
        if is_blocked and job.code != reason.code:
            alerts.failed(connection, after, self.workspace.clock)
        return False

    def _told(self, job: Job | None) -> None:
        if job is not None:
            self.listener(job)

    def _tick(self) -> float:
        return self.workspace.clock.tick()


class _Room:
    """What sources and the machine have room for: continuous tasks count nowhere, a resource counts once."""

    def __init__(self, workspace: Workspace, running: list[Job]) -> None:
        self._sources = workspace.city.sources
        self._most = workspace.settings.jobs_at_once
        self._resources = {job.resource for job in running}
        self._by_source = Counter(job.source for job in running if job.trigger != CONTINUOUS)

    def has(self, job: Job) -> bool:
        """Whether a job may begin now."""
        if job.resource in self._resources:
            return False
        if job.trigger == CONTINUOUS:
            return True
        source = self._sources.get(job.source)
        most = source.at_once if source else 1
        return self._by_source[job.source] < most and self._by_source.total() < self._most

    def take(self, job: Job) -> None:
        """Count a job in."""
        self._resources.add(job.resource)
        if job.trigger != CONTINUOUS:
            self._by_source[job.source] += 1


def _waiting(job: Job) -> str:
    """A lost job that must wait waits like any other."""
    return JobState.WAITING if job.state == JobState.LOST else job.state

