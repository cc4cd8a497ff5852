"""What the tests of the collect room share: a resource made from columns, and a run of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cityloom.collect import run as collect_stage
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.batch import Finding
from cityloom.model.resource import Item, Resource
from cityloom.model.run import StageResult
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store import findings as finding_store
from cityloom.store.database import Store

ANY = Title("例", "example")


def make_resource(columns: Sequence[str], *, required: Sequence[str] = (), **task: Any) -> Resource:
    """A resource whose items are the columns."""
    items = tuple(
        Item(name=f"c{n}", column=c, title=ANY, required=c in required) for n, c in enumerate(columns)
    )
    return Resource(
        name="things",
        department="ga",
        title=ANY,
        abstract=ANY,
        category="x",
        items=items,
        collect=CollectionTask(source="s", **task),
    )


class Bench:
    """A lake, a store and a folder of deliveries, and the stage over them."""

    def __init__(self, folder: Path, lake: Lake, store: Store, clock: FixedClock) -> None:
        self.folder, self.lake, self.store, self.clock = folder, lake, store, clock

    def run(self, connector: str, columns: Sequence[str], options: dict[str, Any], **task: Any) -> StageResult:
        """Collect into the resource ``things``."""
        source = Source(name="s", title=ANY, department="ga", connector=connector, options=options)
        return collect_stage.run(
            make_resource(columns, **task),
            source,
            lake=self.lake,
            store=self.store,
            clock=self.clock,
            base=self.folder,
        )

    def csv(self, columns: Sequence[str], options: dict[str, Any] | None = None, **task: Any) -> StageResult:
        """Collect the CSV files of the folder."""
        return self.run("csv_files", columns, {"folder": ".", **(options or {})}, **task)

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """What the raw table holds, by batch and row."""
        relation = self.lake.relation("raw_ga__things").sql(dialect="duckdb")
        picked = ", ".join(f'"{c}"' for c in columns)
        return self.lake.engine.rows(f'SELECT {picked} FROM {relation} ORDER BY "_batch", "_row"')

    def findings(self, kind: str = "collect") -> list[Finding]:
        """What the last run found."""
        with self.store.read() as connection:
            return finding_store.list_findings(connection, kind, "things")

    def write(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        """A delivery."""
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return path


@pytest.fixture
def bench(tmp_path: Path, lake: Lake, store: Store, clock: FixedClock) -> Bench:
    """An empty bench."""
    folder = tmp_path / "deliveries"
    folder.mkdir()
    return Bench(folder, lake, store, clock)


@pytest.fixture
def sink() -> Callable[..., None]:
    """Takes rejects and keeps them in ``sink.rows``."""

    def take(row: int, column: str, code: str, reason: str, content: object = None) -> None:
        take.rows.append((row, column, code, reason))  # type: ignore[attr-defined]

    take.rows = []  # type: ignore[attr-defined]
    return take
