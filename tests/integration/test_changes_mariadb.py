"""A MariaDB table is followed by its binary log, come what may."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from _changes import Place
from _fire import COLUMNS, fire, landed, own_server, require_whole

TABLE = """
CREATE TABLE {table} (id bigint PRIMARY KEY, version int NOT NULL, name varchar(60), amount decimal(12, 2), large longtext)
CHARACTER SET utf8mb4
"""


@pytest.fixture
def own(server: Callable[[str], str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server of this test's own: its address, and what makes it crash and come up again."""
    server("TEST_MARIADB_URL")
    module = own_server("mariadb")
    home = Path(tempfile.mkdtemp(prefix="maria"))
    home.chmod(0o755)
    url = module.start(home)["TEST_MARIADB_URL"]

    def crash() -> None:
        os.killpg(int((home / "mariadbd.pid").read_text()), signal.SIGKILL)
        module.run(home)

    yield url, crash
    module.stop(home)
    shutil.rmtree(home, ignore_errors=True)


def connect(url: str) -> pymysql.Connection:
    """A connection that commits each statement."""
    at = sa.make_url(url)
    return pymysql.connect(
        host=at.host, port=at.port or 3306, user=at.username, password=at.password or "", autocommit=True, charset="utf8mb4"
    )


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_under_fire(own: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    url, crash = own
    with closing(connect(url)) as source, source.cursor() as cursor:
        cursor.execute("CREATE DATABASE town")
        cursor.execute(TABLE.format(table="town.house"))
        cursor.execute(
            "INSERT INTO town.house SELECT -seq, 1, CONCAT('n', seq), seq, REPEAT('x', seq % 5000) FROM mysql.seq_1_to_20000"
        )
    town = sa.make_url(url).set(database="town").render_as_string(hide_password=False)

    def alter() -> None:
        with closing(connect(url)) as source, source.cursor() as cursor:
            cursor.execute("ALTER TABLE town.house ADD COLUMN extra text")

    place = Place(tmp_path / "w", "mariadb_changes", {"url": url, "schema": "town", "table": "house", "slice_seconds": 0.3}, COLUMNS)
    kills = fire(place, town, "house", crash=crash, alter=alter)
    assert kills == 10
    with closing(connect(url)) as source, source.cursor() as cursor:
        cursor.execute("SELECT CAST(id AS CHAR), CAST(version AS CHAR), name, CAST(amount AS CHAR), large FROM town.house")
        rows = cursor.fetchall()
    assert landed(place) == {row[0]: row for row in rows}
    assert require_whole(place) > len(rows)
    place.close()
