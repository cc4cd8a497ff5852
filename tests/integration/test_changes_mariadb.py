"""A MariaDB table is followed by its binary log, come what may."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from tests.integration._changes import Place
from tests.integration._fire import (
    COLUMNS,
    Killed,
    changes,
    codes,
    edit,
    fire,
    killed,
    landed,
    newest_of,
    proved,
    refusal,
    require_whole,
    trouble,
    versions,
    wait_for,
)
from tests.servers.run import load

from cityloom.collect import landing
from cityloom.kernel.ids import new_id
from cityloom.model.run import StageResult

TABLE = """
CREATE TABLE {table} (id bigint PRIMARY KEY, version int NOT NULL, name varchar(60), amount decimal(12, 2), large longtext)
CHARACTER SET utf8mb4
"""
ROWS = "SELECT CAST(id AS CHAR), CAST(version AS CHAR), name, CAST(amount AS CHAR), large FROM house"


@pytest.fixture
def own(server: Callable[[str], str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server of this test's own: its address, and what makes it crash and come up again."""
    server("TEST_MARIADB_URL")
    module = load("mariadb")
    home = Path(tempfile.mkdtemp(prefix="maria"))
    home.chmod(0o755)
    url = module.start(home)["TEST_MARIADB_URL"]

    def kill() -> None:
        number = int((home / "mariadbd.pid").read_text())
        os.killpg(number, signal.SIGKILL)
        os.waitpid(number, 0)

    def crash() -> None:
        kill()
        module.run(home)

    yield url, crash
    kill()
    shutil.rmtree(home, ignore_errors=True)


class Connection:
    """A connection that commits each statement.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        at = sa.make_url(url)
        self.connection = pymysql.connect(
            host=at.host,
            port=at.port or 3306,
            user=at.username,
            password=at.password or "",
            database=at.database,
            autocommit=True,
            charset="utf8mb4",
        )

    def close(self) -> None:
        """Let go of it."""
        self.connection.close()

    def execute(self, *words: str) -> tuple[tuple[Any, ...], ...]:
        """Run statements; the answer of the last one."""
        with self.connection.cursor() as cursor:
            for one in words:
                cursor.execute(one)
            return cursor.fetchall()


@pytest.fixture
def url(server: Callable[[str], str]) -> Iterator[str]:
    """The address of a database of this test's own."""
    given = sa.make_url(server("TEST_MARIADB_URL"))
    name = new_id("changes")
    with closing(Connection(given.render_as_string(hide_password=False))) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield given.set(database=name).render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def source(url: str) -> Iterator[Connection]:
    """A connection to it, and a table of one hundred rows."""
    with closing(Connection(url)) as connection:
        connection.execute(
            TABLE.format(table="house"), "INSERT INTO house SELECT seq, 1, CONCAT('n', seq), seq, '' FROM mysql.seq_1_to_100"
        )
        yield connection


@pytest.fixture
def place(url: str, tmp_path: Path) -> Iterator[Place]:
    """A workspace that follows it."""
    made = Place(tmp_path / "w", "mariadb_changes", {"url": url, "table": "house"}, COLUMNS)
    yield made
    made.close()


def require_equal(place: Place, source: Connection, query: str = ROWS) -> None:
    """The lake's current rows are the source's."""
    place.collect()
    assert landed(place) == {row[0]: row for row in source.execute(query)}


def test_the_rows_that_are_there_and_every_change_land_in_order(place: Place, source: Connection) -> None:
    place.collect()
    assert [op for op, _ in changes(place)] == ["t"] + ["r"] * 100
    source.execute(
        "INSERT INTO house VALUES (101, 1, NULL, -0.5, '')",
        "UPDATE house SET version = 2, name = '' WHERE id = 101",
        "UPDATE house SET id = 102, version = 3 WHERE id = 101",
        "BEGIN",
        "DELETE FROM house",
        "ROLLBACK",
        "BEGIN",
        "SAVEPOINT a",
        "DELETE FROM house WHERE id = 2",
        "ROLLBACK TO a",
        "DELETE FROM house WHERE id = 1",
        "COMMIT",
    )
    require_equal(place, source)
    assert changes(place)[101:] == [("c", "101"), ("u", "101"), ("d", "101"), ("c", "102"), ("d", "1")]
    assert require_whole(place) == 106
    assert place.collect().summary["landed"] == 0


def test_a_transaction_is_never_split(place: Place, source: Connection) -> None:
    place.options = place.options | {"slice_rows": 100}
    place.collect()
    source.execute("INSERT INTO house SELECT seq, 1, 'n', 0, '' FROM mysql.seq_1001_to_3000")
    for i in range(120):
        source.execute(f"UPDATE house SET version = version + 1 WHERE id = {i + 1001}")
    result = place.collect()
    assert [b["rows"] for b in result.summary["batches"]] == [2000, 100, 20]
    require_equal(place, source)


EMPTYING = (
    "TRUNCATE house",
    "TRUNCATE TABLE `{database}`.`house`",
    "/* c */ TRUNCATE /* TABLE other */ TABLE house -- x",
)


@pytest.mark.parametrize("words", EMPTYING)
def test_a_truncate_takes_all_rows_away(place: Place, source: Connection, url: str, words: str) -> None:
    place.collect()
    words = words.format(database=sa.make_url(url).database)
    source.execute("INSERT INTO house VALUES (900, 1, '', 0, '')", words, "INSERT INTO house VALUES (901, 1, '', 0, '')")
    require_equal(place, source)
    assert changes(place)[101:] == [("c", "900"), ("t", None), ("c", "901")]


KINDS = """
CREATE TABLE kinds (
  id char(5) CHARACTER SET gbk PRIMARY KEY, t1 tinyint, t2 tinyint unsigned, s1 smallint, m1 mediumint, m2 mediumint unsigned,
  i1 int, i2 int unsigned, b1 bigint, b2 bigint unsigned, z int(6) zerofill, n decimal(30,10), nz decimal(8,3) zerofill,
  n0 decimal(5,0), f float, d double, df double(10,3), bi bit(12), da date, ti time, ti6 time(6), dt datetime, dt3 datetime(3),
  ts timestamp NULL, ts6 timestamp(6) NULL, y year, v varchar(300), vb varchar(20) CHARACTER SET latin1, c char(60),
  g varchar(9) CHARACTER SET gbk, u varchar(9) CHARACTER SET utf16, tx text, mt mediumtext, bl blob, bb binary(4),
  vbb varbinary(300), e enum('甲','b') CHARACTER SET gbk, st set('x','y','丙'), j json, po point,
  stored int AS (t1 + 1) STORED, virt int AS (t1 + 2) VIRTUAL
) CHARACTER SET utf8mb4
"""
VALUES = (
    "'甲', -128, 255, -32768, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615, 42,"
    " -12345678901234567890.1234567891, 1.5, -99999, 16777217, 1e15, 1234.5, b'101010101010', '2024-02-29', '-838:59:59',"
    " '-00:00:00.000001', '9999-12-31 23:59:59', '1000-01-01 00:00:00.999', '2001-02-03 04:05:06', '2037-12-31 23:59:59.123456', 1901,"
    " 'a\\tb\\n\\\\N\\\"\\'', 'café', 'x  ', '中文', '𠮷', '👩‍👩‍👧', REPEAT('长', 70000), x'00ff', x'01', x'', '甲', 'x,丙',"
    " '{\"a\": 1}', POINT(1,2)",
    "'b'" + ", NULL" * 39,
    "'c', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.0, 1e-300, -0.001, b'0', '0000-00-00', '00:00:00', '00:00:00', '0000-00-00 00:00:00',"
    " '2024-00-00', '0000-00-00 00:00:00', '1970-01-01 12:00:01', 0, '', '', '', '', '', '', '', '', '', '', 'b', '', 'null', NULL",
    "'d', 1, 1, 1, -1, 1, 1, 1, 1, 1, 1, 0.0000000001, 99999.999, 7, 0.1, 123456789012345680, 3, b'1', '1000-01-01', '838:59:59',"
    " '12:34:56.7', NOW(), NOW(), NOW(), NOW(), 2155, 'v', 'v', 'v', 'v', 'v', 'v', 'v', 'v', 'v', REPEAT('v', 300), 'b', 'x', '[]', NULL",
)


def test_a_change_shows_values_as_the_snapshot_does(url: str, source: Connection, tmp_path: Path) -> None:
    source.execute("SET sql_mode = ''", KINDS)
    names = [c[0] for c in source.execute("SHOW COLUMNS FROM kinds") if c[0] not in ("stored", "virt")]
    for values in VALUES:
        source.execute(f"INSERT INTO kinds ({', '.join(names)}) VALUES ({values})")
    source.execute("CREATE TABLE twin LIKE kinds", f"INSERT INTO twin ({', '.join(names)}) SELECT {', '.join(names)} FROM kinds")
    place = Place(tmp_path / "k", "mariadb_changes", {"url": url, "table": "kinds"}, ("id",))
    place.collect()
    before = landed(place, [*names, "stored"])
    assert len(before) == 4 and before["甲"][14] == "16777216" and "virt" not in place.lake.columns("raw_x__t")
    source.execute("DELETE FROM kinds", f"INSERT INTO kinds ({', '.join(names)}) SELECT {', '.join(names)} FROM twin")
    place.collect()
    assert landed(place, [*names, "stored"]) == before
    source.execute("UPDATE kinds SET t2 = 7")
    place.collect()
    assert {row[2] for row in landed(place, names).values()} == {"7"}
    assert proved(place).summary["is_equal"]
    place.close()


def test_values_are_read_from_a_packed_log_too(own: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    with closing(Connection(own[0])) as source:
        source.execute("SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10", "CREATE DATABASE town", "USE town")
        source.execute(TABLE.format(table="house"))
        place = Place(tmp_path / "w", "mariadb_changes", {"url": own[0], "schema": "town", "table": "house"}, COLUMNS)
        place.collect()
    with closing(Connection(own[0])) as source:
        source.execute("USE town", "INSERT INTO house SELECT seq, 1, 'n', 0, REPEAT('x', 100) FROM mysql.seq_1_to_500")
        source.execute("UPDATE house SET version = 2", "TRUNCATE TABLE house", "INSERT INTO house VALUES (1, 1, 'n', 1, 'large')")
        require_equal(place, source)
        assert [op for op, _ in changes(place)].count("u") == 500
    place.close()


def test_a_new_column_lands_and_is_told(place: Place, source: Connection) -> None:
    place.collect()
    source.execute("ALTER TABLE house ADD COLUMN extra text", "UPDATE house SET extra = 'e' WHERE id = 7")
    place.collect()
    assert landed(place, (*COLUMNS, "extra"))["7"][5] == "e"
    assert "collect.column.unknown" in codes(place)
    assert proved(place).summary["is_equal"]


ALTERATIONS = (
    "ALTER TABLE house ADD COLUMN extra varchar(9) DEFAULT 'given'",
    "ALTER TABLE house ADD COLUMN extra int NOT NULL",
    "ALTER TABLE house RENAME COLUMN amount TO sum",
    "ALTER TABLE house CHANGE amount sum decimal(12, 2)",
    "ALTER TABLE house MODIFY amount decimal(12, 1)",
)


@pytest.mark.parametrize(("words", "is_written"), [*((words, True) for words in ALTERATIONS), (ALTERATIONS[0], False)])
def test_rows_altered_beside_the_log_are_taken_anew(place: Place, source: Connection, words: str, is_written: bool) -> None:
    place.columns = ("id", "name")
    place.collect()
    source.execute("UPDATE house SET name = 'earlier' WHERE id = 1", words)
    if is_written:
        source.execute("UPDATE house SET name = 'later' WHERE id = 2")
    place.collect()
    assert ("u", "1") in changes(place)
    assert newest_of(place).generation == 2
    assert proved(place).summary["is_equal"]
    assert "collect.log.rewritten" in codes(place)


REPLACED = (
    ("CREATE TABLE fresh LIKE house", "INSERT INTO fresh VALUES (1, 1, 'new', 1, '')", "RENAME TABLE house TO old, fresh TO house"),
    ("CREATE TABLE fresh LIKE house", "ALTER TABLE house RENAME TO old", "ALTER TABLE fresh RENAME TO house"),
)


@pytest.mark.parametrize("words", REPLACED)
def test_a_table_that_another_replaces_is_taken_anew(place: Place, source: Connection, words: tuple[str, ...]) -> None:
    place.collect()
    source.execute(*words)
    require_equal(place, source)
    assert newest_of(place).generation == 2


NEUTRAL = (
    "CREATE INDEX i ON house (name)",
    "ALTER TABLE house ADD INDEX (name), ALTER COLUMN amount SET DEFAULT 3",
    "OPTIMIZE TABLE house",
    "ALTER TABLE house FORCE",
    "ALTER TABLE house ADD COLUMN extra int",
    "CREATE VIEW seen AS SELECT * FROM house",
    "CREATE TABLE other LIKE house",
    "CREATE TRIGGER t BEFORE INSERT ON house FOR EACH ROW SET NEW.name = 'truncate table house'",
)


@pytest.mark.parametrize("words", NEUTRAL)
def test_what_leaves_the_rows_alone_begins_nothing_anew(place: Place, source: Connection, words: str) -> None:
    place.collect()
    source.execute(words, "UPDATE house SET version = 9 WHERE id = 3")
    require_equal(place, source)
    assert newest_of(place).generation == 1


def test_with_the_policy_stop_altered_rows_are_an_error(place: Place, source: Connection) -> None:
    place.drift = "stop"
    place.collect()
    source.execute("UPDATE house SET name = 'earlier' WHERE id = 1", ALTERATIONS[2])
    assert trouble(place)[0] == "collect.log.rewritten"
    assert ("u", "1") in changes(place)
    assert refusal(place).code == "collect.log.rewritten"
    place.columns = ("id", "version", "name", "large", "sum")
    place.collect(again=True)
    assert proved(place).summary["is_equal"]


def reset(place: Place, source: Connection) -> None:
    """Let the file be another one of the same name."""
    edit(place, file=[newest_of(place).place >> 32, 1])


def purged(place: Place, source: Connection) -> None:
    """Let the file be gone."""
    edit(place, place=f"{0:016X}", file=[0, 1])


LOSSES: dict[str, Callable[[Place, Connection], Any]] = {
    "file gone": purged,
    "log begun anew": reset,
    "table dropped": lambda p, s: s.execute("DROP TABLE house"),
    "table made anew": lambda p, s: s.execute("DROP TABLE house", TABLE.format(table="house")),
    "table replaced": lambda p, s: s.execute(TABLE.format(table="house").replace("CREATE", "CREATE OR REPLACE")),
    "another server": lambda p, s: edit(p, system="1"),
    "server set back": lambda p, s: edit(p, place=f"{newest_of(p).place + (1 << 30):016X}"),
    "a statement": lambda p, s: s.execute("SET binlog_format = STATEMENT", "DELETE FROM house WHERE id = 4"),
    "parts of rows": lambda p, s: s.execute("SET binlog_row_image = MINIMAL", "UPDATE house SET version = 4 WHERE id = 4"),
    "a distributed transaction": lambda p, s: s.execute(
        "XA START 'x'", "UPDATE house SET version = 4 WHERE id = 4", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_log_that_was_lost_is_an_error_and_never_a_gap(place: Place, source: Connection, name: str) -> None:
    place.collect()
    source.execute("UPDATE house SET version = 2 WHERE id = 1")
    place.collect()
    source.execute("INSERT INTO house VALUES (8888, 1, '', 0, '')")
    LOSSES[name](place, source)
    before = changes(place)
    code, hint = trouble(place)
    assert code == "collect.log.lost" and "renew" in hint
    assert changes(place)[: len(before)] == before
    assert refusal(place).code == "collect.log.lost"
    if name != "table dropped":
        source.execute("SET binlog_format = ROW", "DELETE FROM house WHERE id IN (2, 3)")
        place.collect(again=True)
        require_equal(place, source)
        assert "2" not in landed(place)


def test_the_database_dropped_is_an_error(place: Place, source: Connection, url: str) -> None:
    place.options = place.options | {"schema": sa.make_url(url).database}
    place.collect()
    (place.folder / "address").write_text(sa.make_url(url).set(database="mysql").render_as_string(hide_password=False))
    source.execute(f"DROP DATABASE {sa.make_url(url).database}")
    assert refusal(place).code == "collect.log.lost"


UNFIT: dict[str, tuple[tuple[str, ...], str]] = {
    "no key": (("ALTER TABLE house DROP PRIMARY KEY",), "collect.log.key"),
    "no transactions": (("ALTER TABLE house ENGINE = MyISAM",), "collect.log.unfit"),
    "a cascade": (
        (
            "CREATE TABLE street (id bigint PRIMARY KEY)",
            "INSERT INTO street SELECT id FROM house",
            "ALTER TABLE house ADD FOREIGN KEY (id) REFERENCES street (id) ON DELETE CASCADE",
        ),
        "collect.log.unfit",
    ),
    "a view": (("RENAME TABLE house TO h", "CREATE VIEW house AS SELECT * FROM h"), "collect.log.unfit"),
    "an unknown type": (("ALTER TABLE house ADD COLUMN u uuid",), "collect.log.unfit"),
    "a system column": (("ALTER TABLE house RENAME COLUMN name TO _Op",), "collect.column.ambiguous"),
    "no table": (("DROP TABLE house",), "collect.table.missing"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_table_whose_log_would_not_tell_all_is_refused(place: Place, source: Connection, name: str) -> None:
    words, code = UNFIT[name]
    source.execute(*words)
    assert refusal(place).code == code


def test_a_server_whose_log_tells_too_little_is_refused(own: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    place = Place(tmp_path / "w", "mariadb_changes", {"url": own[0], "schema": "town", "table": "house"}, COLUMNS)
    with closing(Connection(own[0])) as source:
        source.execute("CREATE DATABASE town", TABLE.format(table="town.house"), "SET GLOBAL binlog_row_metadata = 'MINIMAL'")
        error = refusal(place)
        assert error.code == "collect.log.unfit" and "binlog_row_metadata" in str(error)
        source.execute("SET GLOBAL binlog_row_metadata = 'FULL'")
        place.collect()
        source.execute("RESET MASTER", "INSERT INTO town.house VALUES (1, 1, '', 1, '')")
        assert refusal(place).code == "collect.log.lost"
    place.close()


@pytest.mark.parametrize("name", ["_close", "_settle"])
def test_a_process_that_dies_between_lake_and_record_doubles_nothing(
    place: Place, source: Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place.collect()
    source.execute("UPDATE house SET version = 2 WHERE id <= 10")
    with monkeypatch.context() as patch:
        patch.setattr(landing.Landing, name, killed)
        with pytest.raises(Killed):
            place.collect()
    source.execute("UPDATE house SET version = version + 1 WHERE id <= 20")
    require_equal(place, source)
    assert require_whole(place) == 101 + 10 + 20
    assert versions(place, "1") == ["1", "2", "3"]


def test_following_goes_on_after_a_broken_link_and_a_new_file(place: Place, source: Connection) -> None:
    place.options = place.options | {"slice_seconds": 0.2}
    place.collect()
    stop = threading.Event()
    results: list[StageResult] = []
    thread = threading.Thread(target=lambda: results.append(place.collect(stop.is_set)))
    thread.start()
    try:
        for number in range(3):
            source.execute("UPDATE house SET version = version + 1", "FLUSH BINARY LOGS")
            wait_for(lambda: landed(place)["1"][1] == str(number + 2))  # noqa: B023 - waited for at once
            for one, *_ in source.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'"):
                with contextlib.suppress(pymysql.err.OperationalError):  # it has ended meanwhile
                    source.execute(f"KILL {one}")
    finally:
        stop.set()
        thread.join(30)
    assert results[0].summary["reconciled"]
    require_equal(place, source)
    assert require_whole(place) == 101 + 300


def test_a_reconciliation_tells_which_rows_differ_and_no_value(place: Place, source: Connection) -> None:
    place.collect()
    source.execute("UPDATE house SET name = 'x' WHERE id = 4")
    assert proved(place).summary["is_equal"]
    source.execute(
        "SET sql_log_bin = 0",
        "UPDATE house SET name = 'secret' WHERE id = 4",
        "DELETE FROM house WHERE id IN (5, 6)",
        "INSERT INTO house VALUES (777, 1, 's', 0, '')",
    )
    result = proved(place)
    part = result.summary["difference"]
    assert not result.summary["is_equal"]
    assert (part["missing"], part["surplus"], part["changed"]) == (1, 2, 1)
    assert "secret" not in repr(result)
    assert codes(place) >= {"collect.reconcile.unequal"}
    place.collect(again=True)
    assert proved(place).summary["is_equal"]
    assert "collect.reconcile.unequal" not in codes(place)


def test_the_grants_that_are_documented_are_enough_and_needed(place: Place, source: Connection, url: str) -> None:
    given = sa.make_url(url)
    user = new_id("f")
    source.execute(f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'p'", f"GRANT SELECT ON {given.database}.house TO {user}@'127.0.0.1'")
    address = given.set(username=user, password="p").render_as_string(hide_password=False)
    (place.folder / "address").write_text(address)
    try:
        assert trouble(place)[0] == "collect.source.forbidden"
        source.execute(f"GRANT BINLOG MONITOR ON *.* TO {user}@'127.0.0.1'")
        assert trouble(place)[0] in ("collect.source.forbidden", "collect.source.denied")
        source.execute(f"GRANT REPLICATION SLAVE ON *.* TO {user}@'127.0.0.1'")
        place.collect()
        source.execute("UPDATE house SET version = 2")
        require_equal(place, source)
        assert proved(place).summary["is_equal"]
        source.execute(*UNFIT["a cascade"][0])
        assert trouble(place)[0] == "collect.log.unfit"
    finally:
        source.execute(f"DROP USER {user}@'127.0.0.1'")


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_under_fire(own: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    url, crash = own
    with closing(Connection(url)) as source:
        source.execute("CREATE DATABASE town")
        source.execute(TABLE.format(table="town.house"))
        source.execute(
            "INSERT INTO town.house SELECT -seq, 1, CONCAT('n', seq), seq, REPEAT('x', seq % 5000) FROM mysql.seq_1_to_20000"
        )
    town = sa.make_url(url).set(database="town").render_as_string(hide_password=False)

    def alter() -> None:
        with closing(Connection(url)) as source:
            source.execute("ALTER TABLE town.house ADD COLUMN extra text")

    place = Place(tmp_path / "w", "mariadb_changes", {"url": url, "schema": "town", "table": "house", "slice_seconds": 0.3}, COLUMNS)
    kills = fire(place, town, "house", crash=crash, alter=alter)
    assert kills == 10
    with closing(Connection(url)) as source:
        rows = source.execute("SELECT CAST(id AS CHAR), CAST(version AS CHAR), name, CAST(amount AS CHAR), large FROM town.house")
    assert landed(place) == {row[0]: row for row in rows}
    assert require_whole(place) > len(rows)
    place.close()
