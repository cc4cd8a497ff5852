"""Collects into a lake of its own, here or in a process that can be killed: ``collector.py FOLDER TASK [follow]``.

``TASK`` is JSON: ``connector``, ``options``, ``columns``. With ``follow`` it goes on until there is a file ``stop`` in the
folder. Prints the outcome as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cityloom.collect import run as stage
from cityloom.collect.landing import Landing
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.i18n import use_language
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

TABLE = "raw_ga__things"
_ANY = Title("例", "example")


class DeathError(BaseException):
    """The process ends here, as far as the code under test can tell."""


def main() -> None:
    """Collect as the arguments say."""
    folder, task, words = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
    with use_language("en"):
        print(json.dumps(collect(folder, task, is_following="follow" in words)))


def collect(folder: Path, task: dict[str, Any], *, is_following: bool = False) -> dict[str, Any]:
    """Collect into the lake of a folder; the counts and errors of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = DuckDBEngine(folder / f"spill{os.getpid()}", memory_mb=256, threads=2)
    store = Store(f"sqlite:///{folder / 'control.db'}")
    load_tables()
    with store.write() as connection:
        metadata.create_all(connection)
    lake = Lake(folder / "lake", engine)
    lake.sweep(TABLE)
    watch = stage.Watch(stop=(folder / "stop").exists if is_following else None)
    source = Source(name="s", title=_ANY, department="ga", connector=task["connector"], options=task["options"])
    try:
        done = stage.run(
            _resource(task["columns"]), source, lake=lake, store=store, clock=SystemClock(), base=folder, watch=watch
        )
    finally:
        engine.close()
        store.close()
    return {"written": done.written, "rejected": done.rejected, **done.summary}


@contextmanager
def dying(point: str, batch: int) -> Iterator[None]:
    """Within the block, collecting ends at a point of its so-manieth batch, and nothing after it is done: ``verified``
    (the file is complete and not committed), ``committed`` (not recorded), ``recorded`` (not settled), ``settled``."""
    points = {
        "verified": (Landing, "_reconcile"),
        "committed": (Lake, "append"),
        "recorded": (Landing, "_close"),
        "settled": (Landing, "_settle"),
    }
    left = [batch]
    owner, name = points[point]
    call = getattr(owner, name)

    def last(*given: Any, **named: Any) -> Any:
        found = call(*given, **named)
        left[0] -= 1
        if not left[0]:
            raise DeathError
        return found

    setattr(owner, name, last)
    try:
        yield
    except DeathError:
        return
    finally:
        setattr(owner, name, call)
    raise AssertionError("it came to its end")


def _resource(columns: list[str]) -> Resource:
    return Resource(
        name="things",
        department="ga",
        title=_ANY,
        abstract=_ANY,
        category="x",
        items=tuple(Item(name=f"c{n}", column=column, title=_ANY) for n, column in enumerate(columns)),
        collect=CollectionTask(source="s", mode="incremental"),
    )


if __name__ == "__main__":
    main()
