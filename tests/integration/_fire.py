"""A table is changed while its collector is killed, over and over, and the server too; at the end all is equal."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from _changes import Place
from sqlglot import exp

from cityloom.lake.changes import current

SECONDS = float(os.environ.get("TEST_FIRE_SECONDS", "25"))
"""So long the table is changed; the longer, the harder."""
KILLS = 10
SERVERS = Path(__file__).parents[1] / "servers"
SCRIPT = Path(__file__).with_name("_changes.py")
COLUMNS = ("id", "version", "name", "amount", "large")


def own_server(name: str) -> ModuleType:
    """The file that starts a server."""
    sys.path.insert(0, str(SERVERS))
    spec = importlib.util.spec_from_file_location(f"own_{name}", SERVERS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fire(place: Place, url: str, table: str, *, crash: Callable[[], None], alter: Callable[[], None]) -> int:
    """Change, kill, and let it end in peace; gives how often the collector was killed."""
    writers = [
        subprocess.Popen([sys.executable, SCRIPT, "write", url, str(SECONDS), str(seed), table]) for seed in (1, 2)
    ]
    chance = random.Random(7)
    began = time.monotonic()
    kills = 0
    follower = start(place.folder)
    events = sorted([*(chance.uniform(0.02, 0.98) for _ in range(KILLS)), 0.35, 0.6])
    try:
        for moment in events:
            time.sleep(max(0.0, began + moment * SECONDS - time.monotonic()))
            if moment == 0.35:
                alter()
            elif moment == 0.6:
                crash()
            else:
                os.kill(follower.pid, signal.SIGKILL)
                follower.wait()
                kills += 1
                follower = start(place.folder)
        for writer in writers:
            assert writer.wait(SECONDS + 60) == 0
        time.sleep(1)
        (place.folder / "stop").touch()
        assert follower.wait(120) == 0
    finally:
        for process in (*writers, follower):
            process.kill()
            process.wait()
    print('left', place.collect().written)
    return kills


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A collector that follows."""
    return subprocess.Popen([sys.executable, SCRIPT, "follow", str(folder)])


def landed(place: Place, columns: Iterable[str] = COLUMNS) -> dict[str, tuple[Any, ...]]:
    """What the lake holds now, by key."""
    picks = [exp.column(c, quoted=True) for c in columns]
    rows = place.lake.engine.rows(exp.select(*picks).from_(current(place.lake, place.resource.raw_table, ["id"])))
    found = {row[0]: row for row in rows}
    assert len(found) == len(rows)
    return found


def require_whole(place: Place) -> int:
    """Check that each row's changes follow each other, none missing and none twice; gives how many there are."""
    relation = place.lake.relation(place.resource.raw_table)
    rows = place.lake.engine.rows(exp.select("id", "version", "_op", "_position").from_(relation))
    assert len({r[3] for r in rows}) == len(rows), "a change landed twice"
    last: dict[str, int] = {}
    for key, version, operation, _ in sorted(rows, key=lambda r: r[3]):
        if operation == "t":
            last.clear()
        elif operation == "r":
            last[key] = int(version)
        elif operation == "d":
            assert last.pop(key) == int(version), "a change is missing before a deletion"
        elif operation == "c":
            assert key not in last, "an insert for a row that is there"
            last[key] = int(version)
        else:
            assert int(version) == last[key] + 1, "an update is missing"
            last[key] = int(version)
    print('changes', len(rows), 'rows', len(last), 'files', len(place.lake.parts(place.resource.raw_table)))
    return len(rows)
