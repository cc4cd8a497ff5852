"""What becomes of a job when an attempt has ended."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from cityloom.flows.jobs.outcome import Outcome, backoff, of_error, settle
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import ConfigError, DataError, SourceError, UserError
from cityloom.model.job import OPEN, PENDING, TRANSITIONS, Job, JobState, moved
from cityloom.model.source import Schedule

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)


class Middle(Random):
    """Chance that always falls in the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def job(**more) -> Job:
    values = dict(
        id="j", resource="x", source="s", trigger="calendar", period="2026-01-05", state="running", attempts=1,
        began_at=iso(NOW - timedelta(hours=10)), due_at=iso(NOW), next_at=iso(NOW), worker="w", leased_until=iso(NOW),
    )  # fmt: skip
    return Job(**{**values, **more})


def after(outcome: Outcome, one: Job | None = None, **schedule) -> Job:
    return settle(one or job(), outcome, Schedule(**schedule), NOW, Middle())


def seconds(one: Job) -> float:
    return (datetime.fromisoformat(one.next_at) - NOW).total_seconds()


def test_success_is_done_and_counts_rows() -> None:
    ended = after(Outcome(verdict="done", rows=7, batches=2, run="r"), job(tries=2, code="x", reason="y"))
    assert (ended.state, ended.rows, ended.batches, ended.run, ended.code) == ("done", 7, 2, "r", None)
    assert (ended.worker, ended.leased_until, ended.ended_at) == (None, None, iso(NOW))


def test_a_failing_source_is_tried_again_after_twice_as_long_each_time_and_then_fails() -> None:
    broken = of_error(SourceError("collect.source.unreachable", "gone"))
    one, waits = job(), []
    for _ in range(3):
        one = after(broken, one, retries=3, wait_seconds=30)
        assert one.state == "waiting"
        waits.append(seconds(one))
        one = moved(one, "take")
    assert waits == [30, 60, 120]
    last = after(broken, one, retries=3, wait_seconds=30)
    assert (last.state, last.tries, last.code, last.reason) == ("failed", 4, "collect.source.unreachable", "gone")


def test_pauses_differ_by_chance_and_end_somewhere() -> None:
    found = {round(backoff(Schedule(wait_seconds=100), 1, Random(n)), 3) for n in range(20)}
    assert len(found) > 10
    assert all(80 <= n <= 120 for n in found)
    assert backoff(Schedule(wait_seconds=100), 10_000, Middle()) == 3600


@pytest.mark.parametrize("error", [DataError("collect.column.missing", "no"), ConfigError("kernel.plugin.unknown", "no")])
def test_what_a_person_must_mend_is_not_tried_again(error) -> None:
    ended = after(of_error(error), retries=9)
    assert (ended.state, ended.code, ended.ended_at) == ("failed", error.code, iso(NOW))


def test_work_of_another_process_is_waited_for_without_counting_a_try() -> None:
    ended = after(of_error(UserError("flows.subject.busy", "busy")), retries=0)
    assert (ended.state, ended.tries) == ("waiting", 0)
    assert 0 < seconds(ended) < 60


def test_a_task_told_to_end_is_queued_again() -> None:
    ended = after(Outcome(verdict="ended", rows=3, batches=1), job(trigger="continuous"))
    assert (ended.state, ended.rows, ended.ended_at, ended.worker) == ("queued", 3, None, None)


@pytest.mark.parametrize("error", [SourceError("a.b", "gone"), DataError("a.b", "bad")])
def test_a_continuous_task_never_fails_for_good(error) -> None:
    one = job(trigger="continuous", tries=50)
    ended = after(of_error(error), one, retries=0, wait_seconds=30)
    assert (ended.state, ended.tries) == ("waiting", 51)
    assert seconds(ended) == 600


def test_data_that_have_not_come_are_looked_for_until_they_are_late_and_after() -> None:
    nothing = Outcome(verdict="done", has_data=False)
    early = after(nothing, job(late_after=iso(NOW + timedelta(minutes=60))), late_minutes=60)
    assert (early.state, early.code, seconds(early)) == ("waiting", "jobs.data.awaited", 600)
    late = after(nothing, job(late_after=iso(NOW), late_at=iso(NOW)), late_minutes=60)
    assert (late.state, seconds(late)) == ("late", 900)
    there = after(Outcome(verdict="done", has_data=True), job(late_after=iso(NOW), late_at=iso(NOW)), late_minutes=60)
    assert there.state == "done"
    assert after(nothing, job()).state == "done"


def test_every_open_state_can_be_cancelled_and_every_pending_one_taken() -> None:
    for state in OPEN:
        assert moved(job(state=state), "cancel").state == "cancelled"
    for state in PENDING:
        assert moved(job(state=state), "take").state == "running"
    for state in set(JobState) - set(OPEN):
        with pytest.raises(UserError):
            moved(job(state=state), "take")
    assert {t.source for t in TRANSITIONS} == set(OPEN)
