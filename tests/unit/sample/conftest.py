"""One small city for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.sample import CityManifest, generate

PEOPLE = 3_000


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("city")


@pytest.fixture(scope="session")
def city(folder: Path, engine: DuckDBEngine) -> CityManifest:
    return generate(folder, people=PEOPLE, engine=engine)


@pytest.fixture(scope="session")
def population(city: CityManifest, folder: Path, engine: DuckDBEngine) -> dict[str, dict[str, object]]:
    """The true people by citizen_id."""
    rows = engine.records(f"SELECT * FROM read_parquet('{folder}/truth/population.parquet')")
    return {row["citizen_id"]: row for row in rows}


@pytest.fixture(scope="session")
def firms(city: CityManifest, folder: Path, engine: DuckDBEngine) -> dict[str, dict[str, object]]:
    """The true firms by uscc."""
    rows = engine.records(f"SELECT * FROM read_parquet('{folder}/truth/legal_person.parquet')")
    return {row["uscc"]: row for row in rows}
