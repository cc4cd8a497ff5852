"""What the tests of following a log share: a small workspace, its collector and a writer as programs of their own.

``_changes.py follow FOLDER`` collects what ``FOLDER/task.json`` describes until ``FOLDER/stop`` is there;
``_changes.py write KIND URL SECONDS SEED TABLE`` changes a table for so long, come what may to the server.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cityloom.collect import run as collect
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.errors import SourceError
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.run import StageResult
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

NAMED = Title("表", "Table")


@dataclass
class Place:
    """A workspace with one followed table.

    Args:
        folder: where lake and store are.
        connector: its name.
        options: of the source and the task.
        columns: those declared as items, the first of them the key.
        drift: the policy.
    """

    folder: Path
    connector: str
    options: dict[str, Any]
    columns: tuple[str, ...]
    drift: str = "quarantine"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.options["url"].startswith("file:"):
            (self.folder / "address").write_text(self.options["url"])
            self.options = self.options | {"url": "file:address"}
        content = {"connector": self.connector, "options": self.options, "columns": self.columns, "drift": self.drift}
        (self.folder / "task.json").write_text(json.dumps(content))
        self.engine = DuckDBEngine(self.folder / "spill", memory_mb=256, threads=2)
        self.lake = Lake(self.folder / "lake", self.engine)
        self.store = Store(f"sqlite:///{self.folder / 'control.db'}")
        load_tables()
        with self.store.write() as connection:
            metadata.create_all(connection)

    @staticmethod
    def of(folder: Path) -> Place:
        """The workspace that another program made."""
        content = json.loads((folder / "task.json").read_text())
        return Place(folder, content["connector"], content["options"], tuple(content["columns"]), content["drift"])

    @property
    def resource(self) -> Resource:
        """The followed table."""
        items = tuple(Item(name=c, column=c, title=NAMED, required=i == 0) for i, c in enumerate(self.columns))
        task = CollectionTask(source="s", what={}, mode="cdc", drift=self.drift)
        return Resource(
            name="t",
            department="x",
            title=NAMED,
            abstract=NAMED,
            category="x",
            key=self.columns[:1],
            items=items,
            collect=task,
        )

    def collect(self, stop: Callable[[], bool] | None = None, *, again: bool = False) -> StageResult:
        """Take in what the log has; until ``stop()`` when given."""
        source = Source(name="s", title=NAMED, department="x", connector=self.connector, options=self.options)
        return collect.run(
            self.resource,
            source,
            lake=self.lake,
            store=self.store,
            clock=SystemClock(),
            base=self.folder,
            watch=collect.Watch(stop=stop, again=again),
        )

    def close(self) -> None:
        """Let go of engine and store."""
        self.engine.close()
        self.store.close()


def follow(folder: Path) -> None:
    """Collect until told to stop; a run that failed is followed by another, as a schedule does it."""
    place = Place.of(folder)
    (folder / "up").touch()
    stop = folder / "stop"
    while not stop.exists():
        try:
            place.collect(stop.exists)
        except SourceError:
            time.sleep(0.5)
    place.close()


class Writer:
    """Changes a table at random; each row counts in ``version`` how often it was changed.

    Args:
        url: of the database.
        table: its name.
        seed: of the chance.
    """

    def __init__(self, url: str, table: str, seed: int) -> None:
        self.table = table
        self.chance = random.Random(seed)
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.is_mysql = self.engine.dialect.name == "mysql"
        self.base = seed * 10_000_000
        self.next = self.base
        self.is_wide = False

    def run(self, seconds: float) -> None:
        """Change for so long."""
        end = time.monotonic() + seconds
        connection = None
        while time.monotonic() < end:
            try:
                connection = connection or self.engine.connect()
                self.transaction(connection)
            except sa.exc.DBAPIError:
                connection = None
                self.next += 100_000
                time.sleep(0.3)
        if connection is not None:
            connection.close()

    def transaction(self, connection: sa.Connection) -> None:
        """One, of one to some thousand changes; some are taken back."""
        size = self.chance.choice((1, 1, 2, 5, 20, 200)) if self.chance.random() < 0.995 else 5000
        moves = (self.insert, self.insert, self.update, self.update, self.update, self.delete, self.rename)
        with connection.begin() as transaction:
            if size >= 200:
                self.many(connection, size)
            else:
                for _ in range(size):
                    self.chance.choice(moves)(connection)
            if self.chance.random() < 0.1:
                transaction.rollback()

    def insert(self, connection: sa.Connection) -> None:
        """A new row."""
        self.next += 1
        values = {"i": self.next, "n": f"名{self.next}", "l": "长" * self.chance.choice((0, 3, 3000))}
        connection.execute(sa.text(f"INSERT INTO {self.table} (id, version, name, amount, large) VALUES (:i, 1, :n, 1.5, :l)"), values)

    def update(self, connection: sa.Connection) -> None:
        """Some rows near a number; the large column stays as it was."""
        first = self.some()
        words = f"UPDATE {self.table} SET version = version + 1, amount = amount + 0.25 WHERE id BETWEEN :a AND :b"
        connection.execute(sa.text(words), {"a": first, "b": first + 3})

    def delete(self, connection: sa.Connection) -> None:
        """A row."""
        connection.execute(sa.text(f"DELETE FROM {self.table} WHERE id = :i"), {"i": self.some()})

    def rename(self, connection: sa.Connection) -> None:
        """Another key for a row."""
        self.next += 1
        words = f"UPDATE {self.table} SET id = :n, version = version + 1, name = NULL WHERE id = :i"
        connection.execute(sa.text(words), {"n": self.next, "i": self.some()})

    def many(self, connection: sa.Connection, size: int) -> None:
        """Many new rows and changes of them in one transaction."""
        numbers = range(self.next + 1, self.next + size + 1)
        self.next += size
        rows = [{"i": n} for n in numbers]
        connection.execute(sa.text(f"INSERT INTO {self.table} (id, version, name, amount) VALUES (:i, 1, '', -0.01)"), rows)
        words = f"UPDATE {self.table} SET version = version + 1 WHERE id BETWEEN :a AND :b"
        connection.execute(sa.text(words), {"a": numbers[0], "b": numbers[-1]})

    def some(self) -> int:
        """The number of a row of this writer that was there once."""
        return self.chance.randint(self.base, max(self.next, self.base))


if __name__ == "__main__":
    if sys.argv[1] == "follow":
        follow(Path(sys.argv[2]))
    else:
        Writer(sys.argv[2], sys.argv[5], int(sys.argv[4])).run(float(sys.argv[3]))
