"""A table is changed while its collector is killed, over and over, and the server too; at the end all is equal."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp
from tests.integration._changes import Place

from cityloom.collect import reconcile
from cityloom.collect.changes.state import State, newest
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.changes import current
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.store import batches, findings

SECONDS = float(os.environ.get("TEST_FIRE_SECONDS", "15"))
"""So long the table is changed; the longer, the harder."""
KILLS = 10
SCRIPT = Path(__file__).with_name("_changes.py")
COLUMNS = ("id", "version", "name", "amount", "large")


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
    place.collect()
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
    return len(rows)


def changes(place: Place) -> list[tuple[str, str | None]]:
    """Operations and keys in the order of the log."""
    relation = place.lake.relation(place.resource.raw_table)
    query = "SELECT _op, id FROM {} ORDER BY _position".format(relation.sql(dialect="duckdb"))
    return [(str(o), k) for o, k in place.lake.engine.rows(query)]


def versions(place: Place, key: str) -> list[str]:
    """The versions of a row, in order."""
    relation = place.lake.relation(place.resource.raw_table).sql(dialect="duckdb")
    return [r[0] for r in place.lake.engine.rows(f"SELECT version FROM {relation} WHERE id = '{key}' ORDER BY _position")]


def refusal(place: Place, **more: Any) -> CityLoomError:
    """Why a run ends without success."""
    with pytest.raises(CityLoomError) as caught:
        place.collect(**more)
    return caught.value


def proved(place: Place, *, is_followed: bool = False) -> StageResult:
    """What a reconciliation says; while another process follows the table, it waits for that one."""
    source = Source(name="s", title=place.resource.title, department="x", connector=place.connector, options=place.options)

    def catch_up() -> bool:
        if not is_followed:
            place.collect()
        return not is_followed

    return reconcile.run(
        place.resource,
        source,
        lake=place.lake,
        store=place.store,
        clock=SystemClock(),
        base=place.folder,
        catch_up=catch_up,
    )


def trouble(place: Place) -> tuple[str, str]:
    """Code and hint of what went wrong, whether something landed before or not."""
    try:
        found = place.collect().summary["errors"][0]
    except CityLoomError as error:
        return error.code, error.hint
    return str(found["code"]), str(found["hint"])


def newest_of(place: Place) -> State:
    """How far it was followed."""
    with place.store.read() as connection:
        found = newest(batches.last_positions(connection, "t"))
    assert found
    return found[1]


def codes(place: Place) -> set[str]:
    """Codes of the findings."""
    with place.store.read() as connection:
        return {f.code for f in findings.list_findings(connection)}


def edit(workspace: Place, **more: Any) -> None:
    """Change the last position."""
    with workspace.store.write() as connection:
        last = batches.list_batches(connection, "t")[-1]
        assert last.position
        batches.put_batch(connection, replace(last, position=json.dumps(json.loads(last.position) | more)))


class Killed(BaseException):
    """The process is gone."""


def killed(*_: Any, **__: Any) -> None:
    """What a process does that is killed."""
    raise Killed


def wait_for(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Look until it is so."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it never was"
        time.sleep(0.1)
