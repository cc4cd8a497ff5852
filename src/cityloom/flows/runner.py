"""Runs a step of the chain: opens a run, checks its counts, records versions read and written, and time.

A step that is done already on the same definitions and the same input versions is not done again. A step
whose process died is found as lost and done again; whatever it had written without committing is not there.
A step holds the locks of its subject and of the tables it writes: different steps go on at the same time in
one workspace, the same one waits for the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any

import sqlalchemy as sa

from cityloom.content.load import digest_of
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError, DataError, UserError
from cityloom.kernel.ids import new_id
from cityloom.kernel.log import get_log
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.run import Run, StageResult
from cityloom.store import audit, runs

SYSTEM = "system"
"""Who acts when the platform works by itself."""
Listener = Callable[[Run], None]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step on one subject.

    ``reads`` and ``writes`` name lake tables; ``spec`` are the definitions (dataclasses, texts, numbers)
    that decide the outcome; ``is_repeatable`` steps look at the outside and are done at every call.
    """

    name: str
    subject: str
    work: Callable[[], StageResult]
    spec: tuple[Any, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    is_repeatable: bool = False

    @property
    def locks(self) -> tuple[str, ...]:
        """What is held while it is done: its subject, and the tables it writes."""
        return (lock_of(self.name, self.subject), *self.writes)


def lock_of(step: str, subject: str) -> str:
    """Name of the lock that a step's runs on a subject hold."""
    return f"{step}:{subject}"


class Runner:
    """Does steps one after another in a workspace.

    Args:
        workspace: where.
        listener: told of each run when it starts and when it ends.
        force: do each step even when it is up to date.
        wait: seconds to wait for another process that works on the same; default: the setting ``busy_seconds``.
    """

    def __init__(
        self, workspace: Workspace, listener: Listener | None = None, *, force: bool = False, wait: float | None = None
    ) -> None:
        self.workspace = workspace
        self.force = force
        self.wait = workspace.settings.busy_seconds if wait is None else wait
        self.failed: list[Run] = []
        self._tell = listener or (lambda run: None)

    def recover(self) -> int:
        """Mark as lost what processes that died left as running: their locks are free. Returns how many."""
        with self.workspace.store.read() as connection:
            left = runs.running(connection)
        return sum(self._lose(step, subject) for step, subject in left)

    def _lose(self, step: str, subject: str) -> int:
        try:
            with self.workspace.lock(lock_of(step, subject)), self.workspace.store.write() as connection:
                return runs.lose_runs(connection, step, subject, now=iso(self.workspace.clock.now()))
        except UserError:
            return 0

    def do(self, step: Step) -> Run:
        """Do a step, or return its last run when nothing it depends on has changed.

        Raises:
            CityLoomError: what the step raised, after the run is recorded as failed.
            CityLoomError: ``flows.step.defect`` for what nobody foresaw: others go on.
            UserError: ``flows.subject.busy`` when another process works on the same for too long.
            DataError: ``flows.counts.unequal`` when rows read are not rows written and rejected.
        """
        with ExitStack() as held:
            self._hold(step, held)
            return self._do(step)

    def _hold(self, step: Step, held: ExitStack) -> None:
        began = self.workspace.clock.tick()
        try:
            held.enter_context(self.workspace.lock(*step.locks, wait=self.wait))
        except UserError as busy:
            run = self._opened(step)
            with self.workspace.store.write() as connection:
                runs.open_run(connection, run)
            self._fail(run, busy, began)
            raise

    def _do(self, step: Step) -> Run:
        run = self._opened(step)
        earlier = None if step.is_repeatable or self.force else self._up_to_date(step, run)
        if earlier is not None:
            self._tell(earlier)
            return earlier
        return self._execute(step, run)

    def _opened(self, step: Step) -> Run:
        lake = self.workspace.lake
        return Run(
            id=new_id("r"),
            step=step.name,
            subject=step.subject,
            state="running",
            spec_digest=digest_of({"spec": [_plain(part) for part in step.spec]}),
            started_at=iso(self.workspace.clock.now()),
            inputs={table: lake.version(table) for table in step.reads},
        )

    def _execute(self, step: Step, run: Run) -> Run:
        workspace = self.workspace
        with workspace.store.write() as connection:
            runs.lose_runs(connection, step.name, step.subject, now=run.started_at)
            runs.open_run(connection, run)
        self._tell(run)
        began = workspace.clock.tick()
        for table in step.writes:
            workspace.lake.sweep(table)
        stood = {table: workspace.lake.version(table) for table in step.writes}
        try:
            with self._alive(run):
                result = step.work()
            _check_counts(step, result)
            outputs = {table: workspace.lake.version(table) for table in step.writes}
            ended = replace(run, state="done", outputs=outputs, result=result)
        except CityLoomError as error:
            self._fail(run, error, began)
            raise
        except Exception as error:
            fault = _defect(step, error)
            self._fail(run, fault, began)
            raise fault from error
        written = [table for table, version in ended.outputs.items() if version != stood[table]]
        return self._close(ended, began, written)

    def _fail(self, run: Run, error: CityLoomError, began: float) -> None:
        ended = replace(run, state="failed", error_code=error.code, error_text=str(error))
        self.failed.append(self._close(ended, began))

    def _close(self, run: Run, began: float, written: Sequence[str] = ()) -> Run:
        clock = self.workspace.clock
        ended = replace(run, ended_at=iso(clock.now()), seconds=round(clock.tick() - began, 3))
        with self.workspace.store.write() as connection:
            runs.close_run(connection, ended)
            audit.append_all(connection, [_written(ended, table) for table in written], clock)
        get_log("flows").info("flows.run.ended", step=run.step, subject=run.subject, state=run.state)
        self._tell(ended)
        return ended

    def _up_to_date(self, step: Step, run: Run) -> Run | None:
        with self.workspace.store.read() as connection:
            last = runs.last_done(connection, step.name, step.subject)
        if last is None or last.spec_digest != run.spec_digest or dict(last.inputs) != dict(run.inputs):
            return None
        stands = all(self.workspace.lake.version(t) == v for t, v in last.outputs.items())
        return last if stands else None

    @contextmanager
    def _alive(self, run: Run) -> Iterator[None]:
        """Show that the run is alive, three times in a lease, until the block ends."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self.workspace.settings.lease_seconds / 3):
                with suppress(sa.exc.SQLAlchemyError), self.workspace.store.write() as connection:
                    runs.beat(connection, run.id, iso(self.workspace.clock.now()))

        thread = threading.Thread(target=beat, name=f"beat-{run.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _written(run: Run, table: str) -> AuditEvent:
    details: dict[str, str | int] = {"version": run.outputs[table], "run": run.id, "step": run.step}
    return AuditEvent(kind=EventKind.TABLE_WRITTEN, actor=SYSTEM, subject=table, details=details)


def _defect(step: Step, error: Exception) -> CityLoomError:
    """An error that nobody foresaw, by kind and place only: its text may hold a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"
    get_log("flows").error("flows.step.failed", step=step.name, subject=step.subject, kind=type(error).__name__, place=place)
    return CityLoomError(
        "flows.step.defect",
        "{step} on {subject} stopped at a defect of CityLoom: {kind} in {place}.",
        hint="Nothing was kept of it, and what stood before stands. Report this sentence.",
        step=step.name,
        subject=step.subject,
        kind=type(error).__name__,
        place=place,
    )


def _check_counts(step: Step, result: StageResult) -> None:
    if result.read != result.written + result.rejected:
        raise DataError(
            "flows.counts.unequal",
            "{step} on {subject} read {read} rows, and wrote {written} and rejected {rejected}.",
            hint="Rows were lost or doubled: the result does not count. This is a defect of the step.",
            step=step.name,
            subject=step.subject,
            read=result.read,
            written=result.written,
            rejected=result.rejected,
        )


def _plain(part: Any) -> Any:
    if is_dataclass(part) and not isinstance(part, type):
        return asdict(part)
    if isinstance(part, dict):
        return {str(k): _plain(v) for k, v in part.items()}
    if isinstance(part, (list, tuple)):
        return [_plain(v) for v in part]
    return part
