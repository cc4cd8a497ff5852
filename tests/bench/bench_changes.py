"""Following PostgreSQL and MariaDB by their logs: a snapshot, a backlog, one large transaction, and how soon a change lands.

Needs the servers of ``make servers NAMES="postgresql mariadb"``. The peers only read: a SELECT of all rows,
PostgreSQL's own SQL function for a slot's changes. For each server is printed:

- ``rows``: a table of that size as the snapshot; peer: a SELECT that is thrown away;
- ``changes``: that many changes in transactions of ten;
- ``transaction``: that many changes in one transaction: memory must not grow with it;
- ``latency``: seconds from before the commit until the slice's record says that it is in the lake, of changes ten times
  a second: median and the slowest of all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from harness import Timer

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from _changes import Place

from cityloom.lake.changes import current
from cityloom.store import batches
from conftest import server

COLUMNS = ("id", "version", "name", "amount", "large")
SERVERS = {"postgresql": "TEST_POSTGRESQL_URL", "mariadb": "TEST_MARIADB_URL"}
TABLE = "CREATE TABLE bench_house (id bigint PRIMARY KEY, version int NOT NULL, name varchar(60), amount decimal(12, 2), large {text})"


class Town:
    """A table on a server.

    Args:
        kind: of the server.
        folder: for the workspace.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.url = sa.make_url(server(SERVERS[kind]))
        self.engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.StaticPool)
        plain = self.url.set(drivername=kind if kind == "postgresql" else "mysql").render_as_string(hide_password=False)
        self.place = Place(folder, f"{kind}_changes", {"url": plain, "table": "bench_house"}, COLUMNS)

    def do(self, words: str) -> sa.CursorResult[Any]:
        """Run a statement."""
        with self.engine.connect() as connection:
            return connection.execute(sa.text(words))

    def make(self, rows: int) -> None:
        """Make the table."""
        self.drop()
        self.do(TABLE.format(text="text" if self.kind == "postgresql" else "longtext"))
        if self.kind == "postgresql":
            self.do("ALTER TABLE bench_house REPLICA IDENTITY FULL")
            self.do("CREATE PUBLICATION cityloom_bench_house FOR TABLE bench_house")
            self.do(f"INSERT INTO bench_house SELECT i, 1, 'name' || i, i, repeat('x', 40) FROM generate_series(1, {rows}) i")
        else:
            self.do(f"INSERT INTO bench_house SELECT seq, 1, CONCAT('name', seq), seq, REPEAT('x', 40) FROM seq_1_to_{rows}")

    def drop(self) -> None:
        """Remove it, and the slots."""
        self.do("DROP TABLE IF EXISTS bench_house")
        if self.kind == "postgresql":
            self.do("DROP PUBLICATION IF EXISTS cityloom_bench_house")
            self.do(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE slot_name LIKE 'cityloom_bench_house%' AND NOT active"
            )

    def change(self, rows: int, at_once: int) -> None:
        """So many changes, so many in a transaction."""
        for first in range(1, rows, at_once):
            self.do(f"UPDATE bench_house SET version = version + 1 WHERE id BETWEEN {first} AND {first + at_once - 1}")

    def peer(self, work: str) -> float:
        """Seconds that reading alone takes, where there is a way; otherwise 0."""
        began = time.perf_counter()
        if work == "rows":
            with sa.create_engine(self.url, poolclass=sa.NullPool).connect() as connection:
                for _ in connection.execution_options(stream_results=True).execute(sa.text("SELECT * FROM bench_house")):
                    pass
        elif self.kind == "postgresql":
            slot = self.do("SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'cityloom_bench_house%'").scalar_one()
            counted = "SELECT count(*), sum(length(data)) FROM pg_logical_slot_peek_binary_changes(:slot, NULL, NULL, 'proto_version', '1', 'publication_names', 'cityloom_bench_house')"
            with self.engine.connect() as connection:
                connection.execute(sa.text(counted), {"slot": slot}).all()
        else:
            return 0.0
        return time.perf_counter() - began


def measured(town: Town, work: str, size: int, prepare: Callable[[], None]) -> None:
    """Prepare, read as a peer does, collect, and print the line."""
    prepare()
    against = town.peer(work)
    timer = Timer()
    with timer:
        rows = town.place.collect().written
    line = {
        "name": f"changes_{town.kind}_{work}",
        "size": size,
        "unit": "rows",
        "rows": rows,
        "seconds": round(timer.seconds, 3),
        "cpu_seconds": round(timer.cpu_seconds, 3),
        "rows_per_second": round(rows / timer.seconds),
        "peak_mb": round(timer.peak_mb, 1),
        "against": {"read": round(against, 3)} if against else {},
    }
    print(json.dumps(line), flush=True)


def part(kind: str, work: str, size: int) -> None:
    """One figure, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="cityloom-bench-") as folder:
        town = Town(kind, Path(folder) / "w")
        try:
            town.make(size)
            if work == "rows":
                measured(town, work, size, lambda: None)
            else:
                town.place.collect()
                if work == "latency":
                    latency(town)
                else:
                    measured(town, work, size, lambda: town.change(size, 10 if work == "changes" else size))
            town.place.collect()
            seen = current(town.place.lake, town.place.resource.raw_table, ["id"])
            counted = town.place.lake.engine.rows(sa_count(seen))[0]
            assert counted == tuple(town.do("SELECT count(*), sum(version) FROM bench_house").one())
        finally:
            town.place.close()
            town.drop()


def sa_count(relation: Any) -> str:
    """A query for the rows and their versions."""
    return f"SELECT count(*), CAST(sum(CAST(version AS BIGINT)) AS BIGINT) FROM {relation.sql(dialect='duckdb')}"


def latency(town: Town, seconds: float = 15) -> None:
    """Change a row ten times a second and see when it landed."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: town.place.collect(stop.is_set))
    thread.start()
    time.sleep(2)
    told: list[datetime] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told.append(datetime.now(UTC))
        town.do(f"UPDATE bench_house SET version = version + 1 WHERE id = {len(told)}")
        time.sleep(0.1)
    time.sleep(2)
    stop.set()
    thread.join()
    with town.place.store.read() as connection:
        landed = {b.id: b.ended_at for b in batches.list_batches(connection, "t")}
    relation = town.place.lake.relation(town.place.resource.raw_table).sql(dialect="duckdb")
    rows = town.place.lake.engine.rows(f"SELECT CAST(id AS INT), _batch FROM {relation} WHERE _op = 'u'")
    waits = [(datetime.fromisoformat(str(landed[b])) - told[number - 1]).total_seconds() for number, b in rows]
    for metric, value in (("median", statistics.median(waits)), ("slowest", max(waits))):
        line = {"name": f"changes_{town.kind}_latency", "set": f"{len(waits)} changes", "metric": f"{metric} seconds", "value": round(value, 3), "published": {}}
        print(json.dumps(line), flush=True)


def main() -> None:
    """All figures: each in a fresh process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", type=int, default=100_000, help="size of the smallest run")
    parser.add_argument("--sizes", default="1,4", help="multiples of it")
    parser.add_argument("--part", nargs=3, metavar=("SERVER", "WORK", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        part(given.part[0], given.part[1], int(given.part[2]))
        return
    sizes = [given.base * int(factor) for factor in given.sizes.split(",")]
    for kind in SERVERS:
        for work in ("rows", "changes", "transaction"):
            for size in sizes:
                subprocess.run([sys.executable, __file__, "--part", kind, work, str(size)], check=True)
        subprocess.run([sys.executable, __file__, "--part", kind, "latency", "1000"], check=True)


if __name__ == "__main__":
    main()
