"""The same stages on both engines: the household register standardised, and assessed before and after.

Ours is the embedded engine; beside it a Spark Connect server of two local cores, which ``make servers NAMES=spark``
starts (without it that column stays empty). One small resource goes through first, unmeasured, so that the server's
compilers are warm. Its processor time is its own process's, and is not in the CPU seconds: compare wall seconds.
Both must give the same table.
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
STARTED = Path(__file__).parents[2] / ".servers" / "env"


def before(folder: Path, people: int) -> None:
    """Two resources in the raw layer, ready to be standardised."""
    prepare(folder, people, (chain.collect, chain.assess_raw, chain.pass_gate, chain.standardise), [REGISTER, SMALL])


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


def url() -> str:
    """The server's address; empty where there is none."""
    lines = STARTED.read_text().splitlines() if STARTED.is_file() else []
    started = dict(line.split("=", 1) for line in lines if "=" in line)
    return os.environ.get("TEST_SPARK_URL") or started.get("TEST_SPARK_URL", "")


def bench(stage: str) -> Bench:
    """The benchmark of a stage."""

    def ours(folder: Path, people: int, timer: Timer) -> Outcome:
        return work(folder, stage, timer)

    def spark(folder: Path, people: int, timer: Timer) -> Outcome:
        return work(folder, stage, timer, engine="spark", spark_url=url()) if url() else Outcome(0)

    peers = {"spark, two local cores": spark}
    return Bench(name=f"engines_{stage}", base=20_000, unit="people", prepare=before, ours=ours, peers=peers)


if __name__ == "__main__":
    run(*(bench(stage) for stage in WORK))
