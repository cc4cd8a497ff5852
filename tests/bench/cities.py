"""The example city brought as far as a benchmark needs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from cityloom.flows import chain
from cityloom.flows.accounts import make_accounts
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, example_content, open_workspace
from cityloom.flows.demo import ACTOR
from cityloom.flows.runner import Runner
from cityloom.flows.surroundings import CITY, example_interface
from cityloom.kernel.config import Settings
from cityloom.sample import generate

REGISTER = "hukou"
"""The resource that stages on one resource are measured on: the city's largest."""


@contextmanager
def workspace(folder: Path) -> Iterator[Workspace]:
    """A workspace with the settings it has by default."""
    opened = open_workspace(Settings(workspace=folder / "workspace"))
    try:
        yield opened
    finally:
        opened.close()


def prepare(folder: Path, people: int, stages: Sequence[chain.Stage] = (), names: Sequence[str] = ()) -> None:
    """Generate a city of so many people, and do the stages, on the named resources or on all."""
    with workspace(folder) as made:
        generate(made.folder / CITY, people=people, engine=made.engine)
        apply(made, example_content(), actor=ACTOR)
        make_accounts(made)
        with example_interface(made.folder):
            for stage in stages:
                runner = Runner(made)
                stage(made, runner, names) if names else stage(made, runner)  # type: ignore[call-arg]
                if runner.failed:
                    raise SystemExit(f"{stage.__name__} failed: {runner.failed[0].error_text}")


def sources(folder: Path) -> Path:
    """Where the departments' files of a prepared city are."""
    return folder / "workspace" / CITY / "sources"


def files(folder: Path, table: str) -> list[str]:
    """The files of a lake table that was written once or only appended to."""
    layer, _, rest = table.partition("_")
    return [str(path) for path in sorted((folder / "workspace" / "lake" / layer / rest).glob("*.parquet"))]


def engine(memory_mb: int = Settings().memory_mb) -> duckdb.DuckDBPyConnection:
    """A bare DuckDB with the limits that the platform sets itself."""
    made = duckdb.connect(config={"memory_limit": f"{memory_mb}MiB", "preserve_insertion_order": False})
    made.execute("SET TimeZone = 'UTC'")
    return made


def digest(connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]) -> str:
    """Rows of a relation as one number that does not depend on their order."""
    picked = ", ".join(f'"{name}"' for name in columns)
    query = f"SELECT count(*) || ':' || coalesce(sum(CAST(hash({picked}) AS HUGEINT)), 0) FROM {relation}"
    found = connection.execute(query).fetchone()
    return str(found[0]) if found else ""
