"""Generating the example city: seven departments' files and the truth. No peer makes the same."""

from __future__ import annotations

from pathlib import Path

from cities import workspace
from harness import Bench, Outcome, Timer, run

from cityloom.flows.surroundings import CITY
from cityloom.sample import generate


def ours(folder: Path, people: int, timer: Timer) -> Outcome:
    """All files of a city."""
    with workspace(folder) as made:
        with timer:
            manifest = generate(made.folder / CITY, people=people, engine=made.engine)
        return Outcome(sum(manifest.records.values()))


if __name__ == "__main__":
    run(Bench(name="generate", base=20_000, unit="people", prepare=lambda folder, people: None, ours=ours))
