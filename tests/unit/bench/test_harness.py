"""The harness of the benchmarks prints whole lines, and refuses to compare what is not the same work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"
SCRIPT = """
import sys
sys.path.insert(0, {bench!r})
from harness import Bench, Outcome, run

def ours(folder, size, timer):
    with timer:
        total = sum(range(size))
    return Outcome(size, total)

def peer(folder, size, timer):
    with timer:
        total = size * (size - 1) // 2 + {wrong}
    return Outcome(size, total)

run(Bench(name="sum", base=1000, unit="numbers", prepare=lambda folder, size: None, ours=ours, peers={{"formula": peer}}))
"""


def _run(tmp_path: Path, wrong: int) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "bench_sum.py"
    script.write_text(SCRIPT.format(bench=str(BENCH), wrong=wrong), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script), "--sizes", "1,2"], capture_output=True, text=True, check=False
    )


def test_a_line_for_each_size_and_one_of_growth(tmp_path: Path) -> None:
    done = _run(tmp_path, wrong=0)
    assert done.returncode == 0, done.stderr
    first, second, growth = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["name"], first["size"], second["size"]) == ("sum", 1000, 2000)
    assert first.keys() >= {"seconds", "rows_per_second", "peak_mb", "against"}
    assert first["against"].keys() == {"formula"}
    assert first["peak_mb"] > 0
    assert growth["growth"]["rows"] == 2.0


def test_another_answer_is_not_compared(tmp_path: Path) -> None:
    done = _run(tmp_path, wrong=1)
    assert done.returncode != 0
    assert "does not give the same" in done.stderr
    assert not done.stdout
