"""Steps: done once for the same input, recorded with counts and versions, lost ones done again."""

import pytest

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner, Step
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import CityLoomError, DataError, SourceError
from cityloom.model.audit import EventKind
from cityloom.model.run import Run, StageResult
from cityloom.store import audit, runs

TABLE = "std_a__x"


@pytest.fixture
def workspace(tmp_path, engine, lake, store, clock):
    return Workspace(Settings(), tmp_path, engine, lake, store, clock, keys=None)


def make_step(workspace, calls, *, spec=("v1",), counts=(1, 1, 0), **more):
    def work():
        calls.append(1)
        workspace.lake.replace(TABLE, [f"SELECT {len(calls)} AS a"])
        return StageResult(read=counts[0], written=counts[1], rejected=counts[2])

    return Step(name="standard", subject="x", work=work, spec=spec, reads=("raw_a__x",), writes=(TABLE,), **more)


def test_a_step_is_done_once_for_the_same_input_and_spec(workspace) -> None:
    calls: list[int] = []
    first = Runner(workspace).do(make_step(workspace, calls))
    again = Runner(workspace).do(make_step(workspace, calls))
    assert calls == [1]
    assert again.id == first.id
    assert first.outputs == {TABLE: 0}


@pytest.mark.parametrize("change", ["spec", "input", "output", "force", "repeatable"])
def test_a_step_is_done_again_when_anything_it_depends_on_changed(workspace, change: str) -> None:
    calls: list[int] = []
    Runner(workspace).do(make_step(workspace, calls))
    if change == "input":
        workspace.lake.append("raw_a__x", "SELECT 1 AS a", part="b")
    if change == "output":
        workspace.lake.replace(TABLE, ["SELECT 'tampered' AS a"])
    step = make_step(
        workspace, calls, spec=("v2",) if change == "spec" else ("v1",), is_repeatable=change == "repeatable"
    )
    Runner(workspace, force=change == "force").do(step)
    assert len(calls) == 2


def test_counts_that_do_not_add_up_fail_the_run(workspace) -> None:
    with pytest.raises(DataError) as caught:
        Runner(workspace).do(make_step(workspace, [], counts=(10, 8, 1)))
    assert caught.value.code == "flows.counts.unequal"
    with workspace.store.read() as connection:
        assert [r.state for r in runs.list_runs(connection)] == ["failed"]


def test_a_failed_run_keeps_its_reason_and_is_tried_again(workspace) -> None:
    def broken() -> StageResult:
        raise SourceError("collect.source.unreachable", "gone", hint="wait")

    runner = Runner(workspace)
    with pytest.raises(SourceError):
        runner.do(Step(name="collect", subject="x", work=broken))
    assert [r.error_code for r in runner.failed] == ["collect.source.unreachable"]
    done = runner.do(Step(name="collect", subject="x", work=lambda: StageResult(read=0, written=0)))
    assert done.state == "done"


def test_what_a_dead_process_left_running_is_lost_and_done_again(workspace, clock) -> None:
    left = Run(id="r_dead", step="standard", subject="x", state="running", spec_digest="", started_at="2026-01-05T01:00:00.000000Z")
    with workspace.store.write() as connection:
        runs.open_run(connection, left)
    runner = Runner(workspace)
    assert runner.recover() == 1
    calls: list[int] = []
    runner.do(make_step(workspace, calls))
    with workspace.store.read() as connection:
        assert {r.id: r.state for r in runs.list_runs(connection)}["r_dead"] == "lost"
    assert calls == [1]


def test_what_lives_is_not_lost(workspace) -> None:
    runner = Runner(workspace, wait=0)
    seen: list[int] = []

    def work() -> StageResult:
        seen.append(Runner(workspace).recover())
        return StageResult(read=0, written=0)

    assert runner.do(Step(name="collect", subject="x", work=work)).state == "done"
    assert seen == [0]


def test_the_same_subject_is_not_worked_on_twice_at_once_and_others_are(workspace) -> None:
    from cityloom.kernel.errors import UserError

    runner = Runner(workspace, wait=0)
    nothing = StageResult(read=0, written=0)

    def work() -> StageResult:
        for name, subject, writes in (("collect", "x", ()), ("upload", "y", (TABLE,))):
            with pytest.raises(UserError) as caught:
                runner.do(Step(name=name, subject=subject, work=lambda: nothing, writes=writes))
            assert caught.value.code == "flows.subject.busy"
        assert runner.do(Step(name="collect", subject="y", work=lambda: nothing)).state == "done"
        return nothing

    assert runner.do(Step(name="collect", subject="x", work=work, writes=(TABLE,))).state == "done"
    assert [r.error_code for r in runner.failed] == ["flows.subject.busy"] * 2


def test_a_table_that_was_written_stands_in_the_audit_log_once(workspace) -> None:
    calls: list[int] = []
    Runner(workspace).do(make_step(workspace, calls))
    Runner(workspace).do(make_step(workspace, calls))
    with workspace.store.read() as connection:
        events = audit.list_events(connection, kind=EventKind.TABLE_WRITTEN)
    assert [(e.event.subject, e.event.details["version"]) for e in events] == [(TABLE, 0)]


def test_the_listener_is_told_of_start_and_end(workspace) -> None:
    told: list[str] = []
    Runner(workspace, lambda run: told.append(run.state)).do(make_step(workspace, []))
    assert told == ["running", "done"]


def test_a_second_writer_is_turned_away_while_the_first_is_at_work(workspace) -> None:
    from cityloom.kernel.errors import UserError

    with workspace.lock(), pytest.raises(UserError) as caught, workspace.lock():
        pass
    assert caught.value.code == "flows.workspace.busy"
    with workspace.lock():
        pass


def test_a_defect_fails_its_run_alone_and_tells_no_value(workspace) -> None:
    def work():
        raise ValueError("王小明 is no number")

    runner = Runner(workspace)
    with pytest.raises(CityLoomError) as caught:
        runner.do(Step(name="standard", subject="x", work=work))
    assert caught.value.code == "flows.step.defect"
    with workspace.store.read() as connection:
        (run,) = runs.list_runs(connection)
    assert (run.state, run.error_code) == ("failed", "flows.step.defect")
    assert "ValueError" in run.error_text
    assert "王小明" not in run.error_text
