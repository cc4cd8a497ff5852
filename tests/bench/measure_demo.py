"""The whole main job at several sizes: error of each attribute that has a lead, seconds, memory by stage.

One JSON line a figure: ``{"name": "demo", "set": "people=20000", "metric": ..., "value": ...}``. The job is
that of ``cityloom demo --no-serve``, in a fresh process for each size. ``peak_mb.<stage>`` is the most that
the process held during the stage, ``held_mb.<stage>`` what it still held at its end.

``--sizes 20000,2000000`` names the sizes; ``--folder`` where the workspaces go (default: a temporary folder
that is removed); ``--memory N`` the engine's limit in MiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import forget_peak, held_mb, peak_mb

from cityloom.cli.commands.city import DEFAULT_SEED
from cityloom.cli.server import call_service, free_port, server_beside
from cityloom.flows.bootstrap import Workspace, open_workspace
from cityloom.flows.demo import main_job
from cityloom.flows.use import Call
from cityloom.kernel.config import load_settings
from cityloom.kernel.errors import CityLoomError
from cityloom.model.run import Run


@dataclass
class Memory:
    """Looks on, and notes what each stage held."""

    peak: dict[str, float] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[None]:
        """A stage, from an empty peak."""
        forget_peak()
        try:
            yield
        finally:
            self.peak[name], self.held[name] = round(peak_mb(), 1), round(held_mb(), 1)

    def step(self, subject: str, share: float) -> None:
        """Nothing."""

    def told(self, run: Run) -> None:
        """Nothing."""


def one(folder: Path, people: int, memory_mb: int | None) -> dict[str, Any]:
    """The job in this process: the report's facts, and memory by stage."""
    workspace = open_workspace(load_settings(workspace=folder, memory_mb=memory_mb))
    watch = Memory()
    facts: dict[str, Any] = {"problem": None}
    try:
        with workspace.lock():
            facts |= main_job(workspace, people=people, seed=DEFAULT_SEED, watch=watch, server=lambda: services(workspace))
    except (CityLoomError, RuntimeError, MemoryError, OSError) as error:
        facts["problem"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        workspace.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {**facts, "cpu": round(used.ru_utime + used.ru_stime, 1), "peak": watch.peak, "held": watch.held}


@contextmanager
def services(workspace: Workspace) -> Iterator[Call]:
    """The services over HTTP, from a server in a process of its own."""
    host = workspace.settings.host
    with server_beside(workspace.folder, host, free_port(host, 0)) as url:

        def call(service: str, parameters: Mapping[str, str], key: str, purpose: str) -> Mapping[str, Any]:
            return call_service(url, service, parameters, key, purpose)

        yield call


def figures(facts: Mapping[str, Any]) -> dict[str, float]:
    """All figures of one run by metric."""
    found: dict[str, float] = {}
    if facts["problem"] is None:
        fusion = facts["fusion"]
        found |= {"rows": sum(s["read"] for s in facts["sources"]), "objects": fusion["people"] + fusion["firms"]}
        found |= {f"fusion_error.{name}": fusion["error"][name] for name in fusion["led"]}
        found |= {f"seconds.{stage}": seconds for stage, seconds in facts["seconds"].items()}
    found["cpu_seconds"] = facts["cpu"]
    found |= {f"peak_mb.{stage}": value for stage, value in facts["peak"].items()}
    found |= {f"held_mb.{stage}": value for stage, value in facts["held"].items()}
    found["peak_mb"] = max(facts["peak"].values(), default=0.0)
    return found


def tell(people: int, found: Mapping[str, float]) -> None:
    """One line a figure."""
    for metric, value in found.items():
        print(json.dumps({"name": "demo", "set": f"people={people}", "metric": metric, "value": value}), flush=True)


def measure(folder: Path, people: int, memory: int | None) -> dict[str, float]:
    """One size in a fresh process; prints its figures and returns them."""
    command = [sys.executable, sys.argv[0], "--one", str(folder), "--sizes", str(people)]
    command += ["--memory", str(memory)] if memory else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    found = figures(facts)
    tell(people, found)
    if facts["problem"]:
        raise SystemExit(f"The job ended early at {people} people: {facts['problem']}")
    return found


def growth(sizes: tuple[int, int], first: Mapping[str, float], last: Mapping[str, float]) -> None:
    """How much of a stage's memory comes with the size, and which stage sets the peak."""
    for metric in (m for m in last if m.startswith("peak_mb") and m in first):
        name = metric.removeprefix("peak_mb").lstrip(".") or "all"
        line = {"name": "demo", "set": f"people={sizes[0]}..{sizes[1]}", "metric": f"peak_growth.{name}"}
        print(json.dumps({**line, "value": round(last[metric] / first[metric], 2)}), flush=True)
    stages = {m: v for m, v in last.items() if m.startswith("peak_mb.")}
    worst = max(stages, key=lambda m: stages[m]).removeprefix("peak_mb.")
    print(json.dumps({"name": "demo", "set": f"people={sizes[1]}", "metric": "peak_stage", "value": worst}), flush=True)


def main() -> None:
    """Measure by the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="20000,200000", help="people, separated by commas")
    parser.add_argument("--folder", type=Path, help="where the workspaces go and stay")
    parser.add_argument("--memory", type=int, help="limit of the engine, MiB")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = [int(text) for text in given.sizes.split(",")]
    if given.one:
        print(json.dumps(one(given.one, sizes[0], given.memory)))
        return
    found = []
    for people in sizes:
        with tempfile.TemporaryDirectory(prefix="cityloom-demo-") as made:
            found.append(measure((given.folder or Path(made)) / f"people-{people}", people, given.memory))
    if len(sizes) > 1:
        growth((sizes[0], sizes[-1]), found[0], found[-1])


if __name__ == "__main__":
    main()
