"""A PostgreSQL table is followed by its log, come what may."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from _changes import Place
from _fire import COLUMNS, fire, landed, own_server, require_whole

TABLE = """
CREATE TABLE {table} (id bigint PRIMARY KEY, version int NOT NULL, name text, amount numeric(12, 2), large text);
ALTER TABLE {table} REPLICA IDENTITY FULL;
CREATE PUBLICATION cityloom_{table} FOR TABLE {table};
"""


@pytest.fixture
def own(server: Callable[[str], str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server of this test's own: its address, and what makes it crash and come up again."""
    server("TEST_POSTGRESQL_URL")
    module = own_server("postgresql")
    home = Path(tempfile.mkdtemp(prefix="pg"))
    home.chmod(0o755)
    url = module.start(home)["TEST_POSTGRESQL_URL"]

    def crash() -> None:
        module.run(home / "data", "stop", "-m", "immediate")
        module.run(home / "data", "start")

    yield url, crash
    module.stop(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_under_fire(own: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    url, crash = own
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as source:
        source.execute(TABLE.format(table="house"))
        source.execute("INSERT INTO house SELECT -i, 1, 'n' || i, i, repeat('x', i % 5000) FROM generate_series(1, 20000) i")

        def alter() -> None:
            source.execute("ALTER TABLE house ADD COLUMN extra text")

        place = Place(tmp_path / "w", "postgresql_changes", {"url": plain, "table": "house", "slice_seconds": 0.3}, COLUMNS)
        kills = fire(place, url, "house", crash=crash, alter=alter)
    assert kills == 10
    with psycopg.connect(plain, autocommit=True) as source:
        rows = source.execute("SELECT id::text, version::text, name, amount::text, large FROM house").fetchall()
        slots = source.execute("SELECT count(*) FROM pg_replication_slots").fetchone()
    assert landed(place) == {row[0]: row for row in rows}
    assert require_whole(place) > len(rows)
    assert slots == (1,)
    place.close()
