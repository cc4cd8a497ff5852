"""What tests share: an engine, a lake, a control store on each database, a clock, and values that hurt.

Servers are named by the environment (``TEST_POSTGRESQL_URL``) or by ``.servers/env``, which ``make servers``
writes; with ``TEST_REQUIRE_SERVERS=1`` the lack of one is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings
from tests.real_data import REAL

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.i18n import use_language
from cityloom.kernel.ids import new_id
from cityloom.lake.tables import Lake
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

settings.register_profile("cityloom", deadline=None, derandomize=True, database=None)
settings.load_profile("cityloom")

HOSTILE = (
    None,
    "",
    " ",
    "\u3000",
    "44030119900101001x",
    "440301199001010010\n",
    "１２３４",
    "0",
    "00",
    "-0.0",
    "NaN",
    "1900-01-01",
    "2024-02-30",
    "9999-12-31",
    "👩‍👩‍👧",
    "𠮷野家",
    "=cmd|'/C calc'!A0",
    "' OR 1=1 --",
    "{name}",
    "<script>alert(1)</script>",
    "a" * 1_000_000,
)


def pytest_report_header() -> str:
    """Whether the tests of real data run."""
    return f"real data: {'there' if REAL.is_dir() else 'not there, their tests are skipped'}"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Messages in English, the language of the tests; what is said in Chinese asks for it."""
    with use_language("en"):
        yield


@pytest.fixture
def clock() -> FixedClock:
    """Monday 5 January 2026, 10 in the morning in China."""
    return FixedClock(datetime(2026, 1, 5, 2, 0, tzinfo=UTC))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    """The embedded engine, small."""
    engine = DuckDBEngine(tmp_path / "spill", memory_mb=256, threads=2)
    yield engine
    engine.close()


@pytest.fixture
def lake(tmp_path: Path, engine: DuckDBEngine) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "lake", engine)


@pytest.fixture
def hostile() -> tuple[str | None, ...]:
    """Texts that break careless code."""
    return HOSTILE


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A control store without tables, once on each database."""
    if request.param == "sqlite":
        store = Store(f"sqlite:///{tmp_path / 'control.db'}")
        yield store
        store.close()
    else:
        with postgresql_schema() as url:
            store = Store(url)
            yield store
            store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A control store with all tables, once on each database."""
    load_tables()
    with empty_store.write() as connection:
        metadata.create_all(connection)
    return empty_store


@contextmanager
def postgresql_schema() -> Iterator[str]:
    """The address of a fresh schema on the server, gone afterwards."""
    database = sa.create_engine(server("TEST_POSTGRESQL_URL"), poolclass=sa.NullPool)
    schema = new_id("test")
    with database.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    yield database.url.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
    with database.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))


def server(name: str) -> str:
    """What a name of the servers' environment stands for; without it the test is skipped, or fails where servers
    are required."""
    found = os.environ.get(name) or _started().get(name, "")
    if not found:
        reason = f"{name} names no server: start them with `make servers`"
        if os.environ.get("TEST_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(name="server")
def server_fixture() -> Callable[[str], str]:
    """:func:`server` for tests: ``server("TEST_MARIADB_URL")``."""
    return server


def _started() -> dict[str, str]:
    path = Path(__file__).parents[1] / ".servers" / "env"
    lines = path.read_text().splitlines() if path.is_file() else []
    return dict(line.split("=", 1) for line in lines if "=" in line)
