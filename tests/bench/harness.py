"""Measures a piece of work and its peers, each size and each of them in a fresh process.

A script makes a :class:`Bench` and calls ``run``. Every part of it is a function of a folder, the size and a
:class:`Timer`; what it does inside ``with timer:`` is measured, what it does before and after is not. It
returns an :class:`Outcome`; a peer that is not there measures nothing, and is left out. Where ours and a peer
name a figure (counts, a digest), both must be equal, or the benchmark fails: nothing is compared that does not
give the same answer.

Printed is one JSON line a size, ``{"name", "size", "seconds", "rows_per_second", "peak_mb", "against":
{peer: seconds}}`` with ``rows``, ``cpu_seconds`` and ``against_cpu_seconds`` beside (trust these on a busy
machine), and at the end a line of growth: how much each grows from the smallest size to the largest,
divided by how much the rows grew (1.0 is linear).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SIZES = (1, 2, 4)


class Timer:
    """Wall and CPU seconds (all threads, and children that have ended) of a block, and the peak at its end."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.peak_mb = 0.0

    def __enter__(self) -> Timer:
        gc.collect()
        self._began = (time.perf_counter(), _cpu())
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu_seconds += _cpu() - self._began[1]
        self.peak_mb = peak_mb()


@dataclass(frozen=True)
class Outcome:
    """What a part did: rows it went through, and a figure that every part which gives one must share."""

    rows: int
    figure: Any = None


Part = Callable[[Path, int, Timer], Outcome]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One benchmark.

    Args:
        name: printed with every line.
        base: size of the smallest run.
        unit: what the size counts.
        prepare: makes what the parts need in an empty folder; not measured.
        ours: the work of the platform.
        peers: the same work done by hand, by name.
    """

    name: str
    base: int
    unit: str
    prepare: Callable[[Path, int], None]
    ours: Part
    peers: dict[str, Part] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A part's figures, from the process that ran it."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: int
    figure: Any = None


def run(*benches: Bench, arguments: Sequence[str] | None = None) -> None:
    """Run benchmarks by the command line: ``[--base N] [--sizes 1,2,4] [--only NAME ...]``; prints JSON lines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", type=int, help="size of the smallest run")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="multiples of it")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="benchmarks whose names end so")
    parser.add_argument("--part", nargs=4, metavar=("BENCH", "PART", "SIZE", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    known = {bench.name: bench for bench in benches}
    if given.part:
        name, part, size, folder = given.part
        print(json.dumps(_do(known[name], part, Path(folder), int(size))))
        return
    factors = [int(text) for text in given.sizes.split(",")]
    for bench in benches:
        if given.only and not bench.name.endswith(tuple(given.only)):
            continue
        base = given.base or bench.base
        lines = [measure(bench, base * factor) for factor in factors]
        if len(lines) > 1:
            print(json.dumps(growth(lines)), flush=True)


def measure(bench: Bench, size: int) -> dict[str, Any]:
    """Measure one size; prints its line and returns it."""
    with tempfile.TemporaryDirectory(prefix="cityloom-bench-") as text:
        folder = Path(text)
        _start(bench, "prepare", size, folder)
        ours = _start(bench, "ours", size, folder)
        peers = {name: _start(bench, name, size, folder) for name in bench.peers}
    peers = {name: peer for name, peer in peers.items() if peer.seconds}
    for name, peer in peers.items():
        if peer.figure is not None and ours.figure is not None and peer.figure != ours.figure:
            raise SystemExit(f"{bench.name}: {name} does not give the same: {peer.figure} instead of {ours.figure}")
    line: dict[str, Any] = {
        "name": bench.name,
        "size": size,
        "unit": bench.unit,
        "rows": ours.rows,
        "seconds": round(ours.seconds, 3),
        "cpu_seconds": round(ours.cpu_seconds, 3),
        "rows_per_second": round(ours.rows / ours.seconds) if ours.seconds else 0,
        "peak_mb": round(ours.peak_mb, 1),
        "against": {name: round(peer.seconds, 3) for name, peer in peers.items()},
        "against_cpu_seconds": {name: round(peer.cpu_seconds, 3) for name, peer in peers.items()},
        "against_peak_mb": {name: round(peer.peak_mb, 1) for name, peer in peers.items()},
    }
    print(json.dumps(line), flush=True)
    return line


def growth(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """From the first line to the last, each figure's growth divided by the growth of the rows."""
    first, last = lines[0], lines[-1]
    rows = last["rows"] / first["rows"]
    found = {key: round(last[key] / first[key] / rows, 2) for key in ("seconds", "cpu_seconds") if first[key]}
    found["peak_mb"] = round(last["peak_mb"] / first["peak_mb"], 2)
    return {"name": first["name"], "growth": {"rows": round(rows, 2), **found}}


def peak_mb() -> float:
    """The most memory this process held at once, MiB; since ``forget_peak`` when that was called."""
    for line in _status():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def held_mb() -> float:
    """The memory this process holds now, MiB."""
    return next((int(line.split()[1]) / 1024 for line in _status() if line.startswith("VmRSS:")), 0.0)


def forget_peak() -> None:
    """Let the peak begin anew at what is held now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status() -> list[str]:
    path = Path("/proc/self/status")
    return path.read_text(encoding="ascii").splitlines() if path.exists() else []


def _cpu() -> float:
    ended, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def _start(bench: Bench, part: str, size: int, folder: Path) -> Measured:
    command = [sys.executable, sys.argv[0], "--part", bench.name, part, str(size), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    if done.returncode:
        raise SystemExit(f"{bench.name}: {part} failed at {size}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _do(bench: Bench, part: str, folder: Path, size: int) -> dict[str, Any]:
    timer = Timer()
    if part == "prepare":
        bench.prepare(folder, size)
        outcome = Outcome(0)
    else:
        outcome = (bench.ours if part == "ours" else bench.peers[part])(folder, size, timer)
    found = Measured(timer.seconds, timer.cpu_seconds, timer.peak_mb, outcome.rows, outcome.figure)
    return asdict(found)
