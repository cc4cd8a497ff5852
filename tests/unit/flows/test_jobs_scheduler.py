"""Jobs from their time to their end: planned from records, taken once, within limits, never forgotten."""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.jobs import control
from cityloom.flows.jobs.outcome import Outcome, of_error
from cityloom.flows.jobs.scheduler import Scheduler, worker_lock
from cityloom.flows.jobs.worker import record
from cityloom.kernel.clock import iso
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import DataError, SourceError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.batch import Batch
from cityloom.model.city import City
from cityloom.model.resource import Resource
from cityloom.model.source import CollectionTask, Schedule, Source
from cityloom.model.text import Title
from cityloom.store import audit, batches, findings, jobs

NAME = Title("名", "name")
DONE = Outcome(verdict="done", rows=1, batches=1)
GONE = of_error(SourceError("collect.source.unreachable", "gone"))
BAD = of_error(DataError("collect.column.missing", "bad"))


class At(Workspace):
    """A workspace with a city of its own."""

    def forget_city(self) -> None:
        pass


@dataclass
class Child:
    """A process that ends when the test says so."""

    job: object
    status: int | None = None
    asked: list[str] = field(default_factory=list)

    def poll(self) -> int | None:
        return self.status

    def stop(self) -> None:
        self.asked.append("stop")

    def kill(self) -> None:
        self.asked.append("kill")
        self.status = -9


@pytest.fixture
def workspace(tmp_path, engine, lake, store, clock):
    return At(Settings(jobs_at_once=3), tmp_path, engine, lake, store, clock, keys=None)


def task(name: str, cycle: str = "day", source: str = "s", **schedule) -> Resource:
    return Resource(
        name=name, department="ga", title=NAME, abstract=NAME, category="c", items=(),
        collect=CollectionTask(source=source, cycle=cycle, schedule=Schedule(**schedule)),
    )  # fmt: skip


def city(workspace, *tasks: Resource, at_once: int = 1) -> None:
    sources = {
        n: Source(name=n, title=NAME, department="ga", connector="sqlite", at_once=at_once)
        for n in {t.collect.source for t in tasks} | {"s"}
    }
    workspace.__dict__["city"] = City(resources={t.name: t for t in tasks}, sources=sources)


class Bench:
    """A scheduler with its children, and time that the test moves."""

    def __init__(self, workspace) -> None:
        self.workspace = workspace
        self.children: list[Child] = []
        self.scheduler = Scheduler(workspace, self.spawn)
        self.alive = ExitStack()
        self.alive.enter_context(workspace.lock(worker_lock(self.scheduler.id)))

    def spawn(self, job):
        self.children.append(Child(job))
        return self.children[-1]

    def die(self) -> None:
        """End without a word, as a killed process does."""
        self.alive.close()

    def at(self, text: str) -> None:
        """One tick at a time in China."""
        self.workspace.clock.at = datetime.fromisoformat(f"2026-01-{text}+08:00").astimezone(UTC)
        self.tick()

    def later(self, **more) -> None:
        self.workspace.clock.at += timedelta(**more)
        self.tick()

    def tick(self) -> None:
        self.scheduler.tick()

    @property
    def running(self) -> list[str]:
        return sorted(c.job.resource for c in self.children if c.status is None)

    def end(self, name: str, outcome: Outcome = DONE) -> None:
        """The child of a resource records its outcome and ends."""
        (child,) = [c for c in self.children if c.job.resource == name and c.status is None]
        assert record(self.workspace, child.job, outcome) is not None
        child.status = 0
        self.tick()

    def jobs(self, name: str) -> list[tuple[str, str]]:
        return [(j.period or j.trigger, str(j.state)) for j in reversed(self.all(name))]

    def all(self, name: str):
        with self.workspace.store.read() as connection:
            return jobs.list_jobs(connection, name)

    def findings(self, kind: str) -> list[tuple[str, str]]:
        with self.workspace.store.read() as connection:
            return [(f.subject, f.code) for f in findings.list_findings(connection, kind)]

    def events(self, kind: EventKind) -> list[str]:
        with self.workspace.store.read() as connection:
            return sorted(e.event.subject for e in audit.list_events(connection, kind=kind))


@pytest.fixture
def bench(workspace):
    bench = Bench(workspace)
    yield bench
    bench.alive.close()


def test_a_task_runs_at_its_time_once_a_period(workspace, bench) -> None:
    city(workspace, task("a", time="12:00"))
    bench.at("05T10:00")
    assert bench.running == []
    bench.at("05T11:59:59")
    assert bench.running == []
    bench.at("05T12:00")
    bench.later(seconds=1)
    assert bench.running == ["a"]
    bench.end("a")
    bench.at("06T11:59")
    assert bench.jobs("a") == [("2026-01-05", "done")]
    bench.at("06T12:00:01")
    bench.end("a")
    assert bench.jobs("a") == [("2026-01-05", "done"), ("2026-01-06", "done")]
    assert bench.findings("jobs") == []


def test_what_was_missed_while_nobody_was_at_work_is_caught_up_once_and_told(workspace, bench) -> None:
    city(workspace, task("a", time="12:00"))
    bench.at("05T10:00")
    bench.die()
    later = Bench(workspace)
    later.at("09T15:00")
    assert later.running == ["a"]
    later.end("a")
    assert later.jobs("a") == [("2026-01-09", "done")]
    with workspace.store.read() as connection:
        (told,) = findings.list_findings(connection, "jobs")
    assert (told.subject, told.code, told.count, told.details["first"]) == ("a", "jobs.run.missed", 5, "2026-01-05")
    later.at("10T12:00")
    later.end("a")
    assert later.findings("jobs") == []
    later.die()


def test_two_schedulers_do_a_job_once(workspace, bench) -> None:
    city(workspace, task("a"), task("b", source="t"))
    other = Bench(workspace)
    for one in (bench, other):
        one.at("05T10:00")
    workspace.clock.at += timedelta(days=1)
    for _ in range(3):
        bench.tick()
        other.tick()
    assert sorted(bench.running + other.running) == ["a", "b"]
    other.die()


def test_two_schedulers_that_take_at_the_same_moment_take_each_job_once(workspace, bench) -> None:
    import threading

    names = [f"t{n}" for n in range(12)]
    city(workspace, *(task(n, source=n) for n in names))
    workspace.settings = replace(workspace.settings, jobs_at_once=100)
    benches = [bench, Bench(workspace), Bench(workspace)]
    for one in benches:
        one.at("05T10:00")
    workspace.clock.at += timedelta(days=1)
    threads = [threading.Thread(target=one.tick) for one in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(n for one in benches for n in one.running) == sorted(names)
    for one in benches[1:]:
        one.die()


def test_sources_and_machine_are_given_no_more_than_they_bear(workspace, bench) -> None:
    city(workspace, *(task(f"a{n}", source="s") for n in range(3)), *(task(f"b{n}", source=f"t{n}") for n in range(3)))
    bench.at("05T10:00")
    bench.at("06T02:00")
    assert len(bench.running) == 3
    assert len([n for n in bench.running if n.startswith("a")]) == 1
    for name in list(bench.running):
        bench.end(name)
    assert len(bench.running) == 2
    for _ in range(4):
        for name in list(bench.running):
            bench.end(name)
    assert all(bench.jobs(f"{k}{n}") == [("2026-01-06", "done")] for k in "ab" for n in range(3))


def test_a_source_that_bears_more_is_given_more(workspace, bench) -> None:
    city(workspace, *(task(f"a{n}") for n in range(3)), at_once=2)
    bench.at("05T10:00")
    bench.at("06T02:00")
    assert len(bench.running) == 2


def test_a_task_comes_after_the_tasks_it_names(workspace, bench) -> None:
    city(workspace, task("a", source="x"), task("b", source="y"), task("c", after=("a", "b")), task("d", after=("c",)))
    bench.at("05T10:00")
    bench.at("06T02:00")
    assert bench.running == ["a", "b"]
    bench.end("a")
    bench.later(seconds=6)
    assert bench.running == ["b"]
    assert bench.all("c")[0].code == "jobs.dependency.open"
    bench.end("b")
    bench.later(seconds=6)
    assert bench.running == ["c"]
    bench.end("c")
    bench.later(seconds=6)
    assert bench.running == ["d"]
    assert bench.findings("jobs") == []


def test_a_failed_task_blocks_those_that_come_after_it_until_it_is_mended(workspace, bench) -> None:
    city(workspace, task("a"), task("b", after=("a",)))
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.end("a", BAD)
    bench.later(seconds=6)
    bench.later(seconds=6)
    assert bench.running == []
    (blocked,) = bench.all("b")
    assert (blocked.state, blocked.code) == ("waiting", "jobs.dependency.failed")
    assert sorted(bench.findings("jobs")) == [("a", "collect.column.missing"), ("b", "jobs.dependency.failed")]
    assert bench.events(EventKind.JOB_FAILED) == ["a", "b"]
    control.start(workspace, "a", actor="x")
    bench.tick()
    bench.end("a")
    bench.later(seconds=6)
    assert bench.running == ["b"]
    bench.end("b")
    assert bench.findings("jobs") == []


def test_what_still_waits_when_the_next_period_begins_is_over(workspace, bench) -> None:
    city(workspace, task("a"), task("b", after=("a",)))
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.end("a", BAD)
    bench.later(seconds=6)
    bench.at("07T02:00")
    bench.end("a")
    bench.later(seconds=6)
    bench.end("b")
    assert bench.jobs("b") == [("2026-01-06", "failed"), ("2026-01-07", "done")]


def landed(workspace, name: str) -> None:
    at = iso(workspace.clock.now())
    with workspace.store.write() as connection:
        batches.put_batch(connection, Batch(id=f"b{at}", resource=name, origin="o", digest="d", state="reconciled", started_at=at, ended_at=at))


def test_data_that_have_not_come_in_time_are_told_of_and_looked_for(workspace, bench) -> None:
    city(workspace, task("a", late_minutes=60))
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.end("a", Outcome(verdict="done", has_data=False))
    assert bench.jobs("a") == [("2026-01-06", "waiting")]
    bench.at("06T02:10")
    assert bench.running == ["a"]
    bench.end("a", Outcome(verdict="done", has_data=False))
    assert bench.findings("late") == []
    bench.at("06T03:00")
    assert bench.findings("late") == [("a", "jobs.data.late")]
    assert bench.events(EventKind.JOB_LATE) == ["a"]
    bench.end("a", Outcome(verdict="done", has_data=False))
    assert bench.jobs("a") == [("2026-01-06", "late")]
    bench.at("06T03:15")
    landed(workspace, "a")
    bench.end("a")
    assert bench.jobs("a") == [("2026-01-06", "done")]
    assert bench.findings("late") == []
    assert bench.events(EventKind.JOB_LATE) == ["a"]


def test_late_is_told_also_of_a_run_that_still_goes_on_or_has_failed_and_not_where_data_are_there(workspace, bench) -> None:
    tasks = [task(n, source=n, late_minutes=30) for n in ("going", "failed", "there")]
    city(workspace, *tasks)
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.end("failed", BAD)
    landed(workspace, "there")
    bench.at("06T02:30")
    bench.tick()
    assert sorted(bench.findings("late")) == [("failed", "jobs.data.late"), ("going", "jobs.data.late")]
    assert bench.jobs("going") == [("2026-01-06", "running")]
    assert bench.events(EventKind.JOB_LATE) == ["failed", "going"]


def test_a_paused_task_waits_and_does_not_catch_up(workspace, bench) -> None:
    city(workspace, task("a"))
    bench.at("05T10:00")
    control.pause(workspace, "a", actor="x")
    bench.at("07T10:00")
    assert bench.jobs("a") == []
    control.start(workspace, "a", actor="x")
    bench.tick()
    bench.end("a")
    assert bench.jobs("a") == [("manual", "done")]
    control.resume(workspace, "a", actor="x")
    bench.tick()
    assert bench.running == []
    bench.at("08T02:00")
    assert bench.running == ["a"]
    assert bench.findings("jobs") == []
    assert len(bench.events(EventKind.JOB_ASKED)) == 3


def test_a_job_of_a_dead_worker_is_lost_and_done_again(workspace, bench) -> None:
    city(workspace, task("a"))
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.die()
    other = Bench(workspace)
    other.at("06T02:00:01")
    assert other.running == ["a"]
    (job,) = other.all("a")
    assert (job.attempts, job.tries, job.worker) == (2, 0, other.scheduler.id)
    assert record(workspace, bench.children[0].job, DONE) is None, "the dead one's word counts no more"
    other.end("a")
    with workspace.store.read() as connection:
        assert [a.state for a in jobs.list_attempts(connection, job.id)] == ["lost", "done"]
    other.die()


def test_a_job_whose_lease_ran_out_is_lost_and_one_that_shows_life_is_not(workspace, bench) -> None:
    city(workspace, task("a", source="x"), task("b", source="y"))
    bench.at("05T10:00")
    bench.at("06T02:00")
    other = Bench(workspace)
    with workspace.store.write() as connection:
        until = iso(workspace.clock.now() + timedelta(hours=1))
        assert jobs.prolong(connection, bench.all("a")[0].id, 1, until)
        assert not jobs.prolong(connection, bench.all("a")[0].id, 2, until)
    other.at("06T02:10")
    assert other.running == ["b"]
    other.die()


def test_a_run_that_hangs_is_cut_off_and_holds_up_nobody(workspace, bench) -> None:
    city(workspace, task("a", timeout_seconds=600, retries=1, wait_seconds=60), task("b", source="t", timeout_seconds=0))
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.end("b")
    bench.later(minutes=9)
    assert bench.children[0].asked == []
    prolonged(workspace, bench)
    bench.later(minutes=2)
    assert bench.children[0].asked == ["stop"]
    bench.later(seconds=11)
    bench.tick()
    assert bench.children[0].asked == ["stop", "kill"]
    (job,) = bench.all("a")
    assert (job.state, job.code, job.tries) == ("waiting", "jobs.run.timeout", 1)
    bench.later(minutes=2)
    assert bench.running == ["a"]


def prolonged(workspace, bench) -> None:
    with workspace.store.write() as connection:
        for job in jobs.list_jobs(connection, states=("running",)):
            jobs.prolong(connection, job.id, job.attempts, iso(workspace.clock.now() + timedelta(hours=1)))


def test_a_process_that_dies_is_tried_again_and_then_fails(workspace, bench) -> None:
    city(workspace, task("a", retries=1, wait_seconds=10))
    bench.at("05T10:00")
    bench.at("06T02:00")
    bench.children[0].status = -11
    bench.tick()
    assert bench.all("a")[0].code == "jobs.process.died"
    bench.later(seconds=13)
    bench.children[1].status = 1
    bench.tick()
    (job,) = bench.all("a")
    assert (job.state, job.tries, job.attempts) == ("failed", 2, 2)
    assert bench.findings("jobs") == [("a", "jobs.process.died")]


def test_a_process_that_cannot_be_started_is_a_try(workspace, bench) -> None:
    city(workspace, task("a"))
    bench.at("05T10:00")

    def refuse(job):
        raise OSError(12, "no memory")

    bench.scheduler.spawn = refuse
    bench.at("06T02:00")
    assert bench.jobs("a") == [("2026-01-06", "waiting")]


def test_what_is_taken_back_ends(workspace, bench) -> None:
    city(workspace, task("a"), task("b"))
    bench.at("05T10:00")
    bench.at("06T02:00")
    assert [bench.jobs("a"), bench.jobs("b")] == [[("2026-01-06", "running")], [("2026-01-06", "queued")]]
    control.cancel(workspace, "a", actor="x")
    control.cancel(workspace, bench.all("b")[0].id, actor="x")
    bench.tick()
    assert bench.children[0].asked == ["stop"]
    bench.children[0].status = -15
    bench.tick()
    assert [bench.jobs("a"), bench.jobs("b")] == [[("2026-01-06", "cancelled")]] * 2
    with pytest.raises(UserError) as caught:
        control.cancel(workspace, "a", actor="x")
    assert caught.value.code == "jobs.job.over"
    with pytest.raises(UserError) as caught:
        control.cancel(workspace, "nobody", actor="x")
    assert caught.value.code == "jobs.job.unknown"


def test_a_continuous_task_is_kept_running_beside_all_others(workspace, bench) -> None:
    city(workspace, task("c", cycle="continuous", wait_seconds=5), *(task(f"a{n}", source=f"t{n}") for n in range(3)))
    bench.at("05T10:00")
    assert bench.running == ["c"]
    bench.end("c", GONE)
    assert bench.all("c")[0].state == "waiting"
    bench.later(seconds=6.1)
    assert bench.running == ["c"]
    bench.at("06T02:00")
    assert bench.running == ["a0", "a1", "a2", "c"]


def test_a_paused_continuous_task_stops_and_goes_on_later(workspace, bench) -> None:
    city(workspace, task("c", cycle="continuous"))
    bench.at("05T10:00")
    control.pause(workspace, "c", actor="x")
    bench.tick()
    assert bench.children[0].asked == ["stop"]
    bench.end("c", Outcome(verdict="ended"))
    assert bench.running == []
    control.resume(workspace, "c", actor="x")
    bench.tick()
    assert bench.running == ["c"]


def test_a_continuous_task_that_keeps_failing_is_told_of(workspace, bench) -> None:
    city(workspace, task("c", cycle="continuous", wait_seconds=1))
    bench.at("05T10:00")
    for n in range(4):
        assert (bench.findings("jobs") != []) == (n >= 3)
        bench.end("c", GONE)
        bench.later(seconds=20)


def test_a_task_whose_definition_is_gone_is_taken_back(workspace, bench) -> None:
    city(workspace, task("a"), task("c", cycle="continuous", source="t"))
    bench.at("05T10:00")
    bench.at("06T02:00")
    city(workspace, task("b"))
    bench.tick()
    assert [c.asked for c in bench.children] == [["stop"], ["stop"]]


def test_work_in_hand_is_queued_again_when_the_scheduler_leaves(workspace, bench) -> None:
    city(workspace, task("a"))
    bench.at("05T10:00")
    bench.at("06T02:00")
    child = bench.children[0]
    child.stop = lambda: setattr(child, "status", -15)
    bench.scheduler.leave()
    (job,) = bench.all("a")
    assert (job.state, job.tries, job.attempts) == ("queued", 0, 1)
    with workspace.store.read() as connection:
        assert jobs.list_workers(connection) == []


def test_a_store_that_fails_for_a_while_ends_no_scheduler(workspace, bench, monkeypatch) -> None:
    import threading

    import sqlalchemy as sa

    city(workspace, task("a"))
    bench.at("05T10:00")
    bench.alive.close()
    stop, seen = threading.Event(), []
    monkeypatch.setattr("cityloom.flows.jobs.scheduler._TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr("cityloom.flows.jobs.scheduler.TICK_SECONDS", 0.01)
    tick = bench.scheduler.tick

    def sometimes() -> None:
        seen.append(1)
        if len(seen) < 3:
            raise sa.exc.OperationalError("", {}, Exception("gone"))
        tick()
        stop.set()

    monkeypatch.setattr(bench.scheduler, "tick", sometimes)
    bench.scheduler.run(stop)
    assert len(seen) == 3


def test_what_is_pushed_or_virtual_or_manual_is_never_due(workspace, bench) -> None:
    still = [replace(task(n), collect=replace(task(n).collect, mode=n)) for n in ("push", "virtual")]
    city(workspace, *still, task("m", cycle="manual"))
    bench.at("05T10:00")
    bench.at("09T10:00")
    assert bench.running == []
    with pytest.raises(UserError) as caught:
        control.start(workspace, "push", actor="x")
    assert caught.value.code == "jobs.task.not_pulled"
    first, second = control.start(workspace, "m", actor="x"), control.start(workspace, "m", actor="x")
    assert first.id == second.id
    bench.tick()
    bench.end("m")
    assert bench.jobs("m") == [("manual", "done")]


def test_the_overview_tells_when_each_task_runs_next(workspace, bench) -> None:
    city(workspace, task("a", time="12:00"), task("c", cycle="continuous"), task("m", cycle="manual"), task("p", cron="0 6 * * 1"))
    bench.at("05T10:00")
    control.pause(workspace, "p", actor="x")
    views = {v.resource: v for v in control.overview(workspace)}
    assert set(views) == {"a", "c", "p"}
    assert views["a"].next_at == "2026-01-05T04:00:00.000000Z"
    assert (views["c"].job.state, views["c"].next_at) == ("running", None)
    assert (views["p"].is_paused, views["p"].next_at, views["p"].cycle) == (True, None, "cron")
    assert [w.id for w in control.living_workers(workspace)] == [bench.scheduler.id]
