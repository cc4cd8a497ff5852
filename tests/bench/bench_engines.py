"""The same stages on both engines: the household register standardised, and assessed after.

Ours is the embedded engine; beside it a Spark Connect server of two local cores, which
``TEST_SPARK_JAVA=-Xmx4g make servers NAMES=spark`` starts (without a server that column stays empty). One small resource
goes through first, unmeasured; the server's compilers get warm over the sizes. Of Spark, CPU seconds are those of this
process and of the server's together, and the peak is the most that the server ever held. Both must give the same table
and the same counts.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cities import REGISTER, digest, engine, prepare
from harness import Bench, Outcome, Timer, run

from cityloom.flows import chain
from cityloom.flows.bootstrap import open_workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.model.run import Run

SMALL = "marriage"
WORK = {"standard": chain.standardise, "quality": chain.assess_standard}
LANDED = (chain.collect, chain.assess_raw, chain.pass_gate)
STARTED = Path(__file__).parents[2] / ".servers" / "env"


def work(folder: Path, stage: str, timer: Timer, **settings: str) -> Outcome:
    """A stage over the register, forced, by the engine of the settings."""
    made = open_workspace(replace(Settings(workspace=folder / "workspace"), **settings))  # type: ignore[arg-type]
    try:

        def do(name: str) -> Run:
            (done,) = WORK[stage](made, Runner(made, force=True), [name])
            return done

        do(SMALL)
        with timer:
            done = do(REGISTER)
        relation = made.lake.relation(made.city.resources[REGISTER].std_table).sql(dialect="duckdb")
        columns = made.lake.columns(made.city.resources[REGISTER].std_table)
        summary = sorted(done.result.summary.get("broken", {}).items()) if done.result else []
        return Outcome(done.result.read if done.result else 0, f"{digest(engine(), relation, columns)} {summary}")
    finally:
        made.close()


def of_server(name: str) -> str:
    """What the server's start has told of it; empty where there is none."""
    lines = STARTED.read_text().splitlines() if STARTED.is_file() else []
    started = dict(line.split("=", 1) for line in lines if "=" in line)
    return os.environ.get(name) or started.get(name, "")


class WithServer(Timer):
    """A timer that counts the server's process in (where the system tells of it: Linux)."""

    def __init__(self, inner: Timer, process: str) -> None:
        super().__init__()
        self._inner, self._folder = inner, Path("/proc") / process

    def __enter__(self) -> Timer:
        self._began_at = self._used()
        self._inner.__enter__()
        return self

    def __exit__(self, *given: object) -> None:
        self._inner.__exit__(*given)
        self._inner.cpu_seconds += self._used() - self._began_at
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self._inner.peak_mb = int(line.split()[1]) / 1024

    def _used(self) -> float:
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench(stage: str) -> Bench:
    """The benchmark of a stage."""

    def before(folder: Path, people: int) -> None:
        stages = LANDED if stage == "standard" else (*LANDED, chain.standardise)
        prepare(folder, people, stages, [REGISTER, SMALL])

    def ours(folder: Path, people: int, timer: Timer) -> Outcome:
        return work(folder, stage, timer)

    def spark(folder: Path, people: int, timer: Timer) -> Outcome:
        url, process = of_server("TEST_SPARK_URL"), of_server("TEST_SPARK_PID")
        if not url:
            return Outcome(0)
        return work(folder, stage, WithServer(timer, process) if process else timer, engine="spark", spark_url=url)

    peers = {"spark, two local cores": spark}
    return Bench(name=f"engines_{stage}", base=200_000, unit="people", prepare=before, ours=ours, peers=peers)


if __name__ == "__main__":
    run(*(bench(stage) for stage in WORK))
