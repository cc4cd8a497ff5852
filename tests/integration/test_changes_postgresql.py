"""A PostgreSQL table is followed by its log, come what may."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
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
from cityloom.collect.base import build
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.ids import new_id
from cityloom.model.run import StageResult
from cityloom.model.source import Source

TABLE = """
CREATE TABLE {table} (id bigint PRIMARY KEY, version int NOT NULL, name text, amount numeric(12, 2), large text);
ALTER TABLE {table} REPLICA IDENTITY FULL;
CREATE PUBLICATION cityloom_{table} FOR TABLE {table};
"""
ADVANCE = "SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())"
ROWS = "SELECT id::text, version::text, name, amount::text, large FROM house"


@pytest.fixture
def own(server: Callable[[str], str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server of this test's own: its address, and what makes it crash and come up again."""
    server("TEST_POSTGRESQL_URL")
    module = load("postgresql")
    home = Path(tempfile.mkdtemp(prefix="pg"))
    home.chmod(0o755)
    url = module.start(home)["TEST_POSTGRESQL_URL"]

    def crash() -> None:
        module.run(home / "data", "stop", "-m", "immediate")
        module.run(home / "data", "start")

    yield url, crash
    module.stop(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def url(server: Callable[[str], str]) -> Iterator[str]:
    """The address of a database of this test's own."""
    given = sa.make_url(server("TEST_POSTGRESQL_URL")).set(drivername="postgresql")
    name = new_id("changes")
    with psycopg.connect(given.render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield given.set(database=name).render_as_string(hide_password=False)
        admin.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s", (name,))
        for (slot,) in admin.execute("SELECT slot_name FROM pg_replication_slots WHERE database = %s", (name,)).fetchall():
            drop(admin, slot)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def source(url: str) -> Iterator[Any]:
    """A connection to it that commits each statement, and a table of one hundred rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE.format(table="house"))
        connection.execute("INSERT INTO house SELECT i, 1, 'n' || i, i, '' FROM generate_series(1, 100) i")
        yield connection


@pytest.fixture
def place(url: str, tmp_path: Path) -> Iterator[Place]:
    """A workspace that follows it."""
    made = Place(tmp_path / "w", "postgresql_changes", {"url": url, "table": "house"}, COLUMNS)
    yield made
    made.close()


def drop(connection: Any, slot: str, words: str = "SELECT pg_drop_replication_slot(%s)") -> None:
    """Drop a slot, or do something else with it, as soon as nobody uses it."""
    for _ in range(100):
        try:
            connection.execute(words, (slot,))
            return
        except psycopg.errors.ObjectInUse:
            time.sleep(0.05)


def require_equal(place: Place, source: Any, query: str = ROWS) -> None:
    """The lake's current rows are the source's."""
    place.collect()
    assert landed(place) == {row[0]: row for row in source.execute(query).fetchall()}


def test_the_rows_that_are_there_and_every_change_land_in_order(place: Place, source: Any) -> None:
    place.collect()
    assert [op for op, _ in changes(place)] == ["t"] + ["r"] * 100
    source.execute("INSERT INTO house VALUES (101, 1, NULL, -0.5, '')")
    source.execute("UPDATE house SET version = 2, name = '' WHERE id = 101")
    source.execute("UPDATE house SET id = 102, version = 3 WHERE id = 101")
    with source.transaction(force_rollback=True):
        source.execute("DELETE FROM house")
    source.execute("DELETE FROM house WHERE id = 1")
    require_equal(place, source)
    assert changes(place)[101:] == [("c", "101"), ("u", "101"), ("d", "101"), ("c", "102"), ("d", "1")]
    assert require_whole(place) == 106
    assert place.collect().summary["landed"] == 0


def test_a_transaction_is_never_split(place: Place, source: Any) -> None:
    place.options = place.options | {"slice_rows": 100}
    place.collect()
    source.execute("INSERT INTO house SELECT i, 1, 'n', 0, '' FROM generate_series(1001, 3000) i")
    for i in range(120):
        source.execute("UPDATE house SET version = version + 1 WHERE id = %s", (i + 1001,))
    result = place.collect()
    assert [b["rows"] for b in result.summary["batches"]] == [2000, 100, 20]
    require_equal(place, source)


def test_a_large_value_that_did_not_change_stays(place: Place, source: Any) -> None:
    source.execute("ALTER TABLE house ALTER COLUMN large SET STORAGE EXTERNAL")
    source.execute("INSERT INTO house VALUES (500, 1, 'n', 0, repeat('large', 100000))")
    place.collect()
    source.execute("UPDATE house SET version = 2 WHERE id = 500")
    source.execute("UPDATE house SET id = 501, version = 3 WHERE id = 500")
    require_equal(place, source)
    assert landed(place)["501"][4] == "large" * 100_000


def test_a_truncate_takes_all_rows_away(place: Place, source: Any) -> None:
    place.collect()
    source.execute("BEGIN; INSERT INTO house VALUES (900, 1, '', 0, ''); TRUNCATE house; INSERT INTO house VALUES (901, 1, '', 0, ''); COMMIT")
    require_equal(place, source)
    assert changes(place)[101:] == [("c", "900"), ("t", None), ("c", "901")]


TYPES = """
CREATE TYPE mood AS ENUM ('好', 'bad'); CREATE DOMAIN yes AS boolean;
CREATE TABLE kinds (
    id char(5) PRIMARY KEY, b boolean, y yes, s smallint, r real, d double precision, n numeric, m money, c char(8), v varchar(9),
    t text, x bytea, da date, ti time(3), ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, a int[], ip inet,
    ci cidr, mo mood, bi bit(3), p point, ra int4range);
ALTER TABLE kinds REPLICA IDENTITY FULL; CREATE PUBLICATION cityloom_kinds FOR TABLE kinds;
INSERT INTO kinds VALUES
 ('a', true, false, -1, 0.1, 1e-300, 12345678901234567890.123456789, 1234567.89, 'x ', ' v ', E'a\tb\n\\N"', '\\x00ff', '2024-02-29',
  '23:59:59.999', '0044-03-15 01:02:03 BC', '2024-06-01 12:00:00.123456+08', '1 year -2 mons 3 days 04:05:06.7',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"b":  [1, null]}', '{1,NULL,3}', '10.0.0.1', '10.0.0.0/8', '好', '101', '(1,2)', '[1,5)'),
 ('b', NULL, NULL, NULL, 'NaN', '-Infinity', 'NaN', -0.05, '', '', '', '', 'infinity', NULL, 'infinity', '-infinity', '00:00:00',
  NULL, 'null', 'null', '{}', '::1', '::/0', 'bad', '000', NULL, 'empty'),
 ('c', false, true, 32767, -0.0, 1e22, 0, 0, '中文', '👩‍👩‍👧', '𠮷', NULL, '0001-01-01', '24:00:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  '192.168.1.5/24', NULL, NULL, NULL, NULL, NULL);
"""


def test_a_change_shows_values_as_the_snapshot_does(url: str, source: Any, tmp_path: Path) -> None:
    source.execute(TYPES)
    source.execute("CREATE TABLE copy AS SELECT * FROM kinds")
    place = Place(tmp_path / "k", "postgresql_changes", {"url": url, "table": "kinds"}, ("id",))
    place.collect()
    columns = [r[0] for r in source.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 0 ORDER BY attnum")]
    before = landed(place, columns)
    source.execute("DELETE FROM kinds; INSERT INTO kinds SELECT * FROM copy")
    place.collect()
    assert landed(place, columns) == before
    source.execute("UPDATE kinds SET s = s")
    place.collect()
    assert landed(place, columns) == before
    assert proved(place).summary["is_equal"]
    assert len(before) == 3 and before["a"][1] == "true"
    place.close()


def test_a_new_column_lands_and_is_told(place: Place, source: Any) -> None:
    place.collect()
    source.execute("ALTER TABLE house ADD COLUMN extra text")
    source.execute("UPDATE house SET extra = 'e' WHERE id = 7")
    place.collect()
    assert landed(place, (*COLUMNS, "extra"))["7"][5] == "e"
    assert landed(place, (*COLUMNS, "extra"))["8"][5] is None
    assert "collect.column.unknown" in codes(place)
    assert proved(place).summary["is_equal"]


def test_a_dropped_column_is_told_and_ends_the_run_where_the_policy_is_stop(place: Place, source: Any) -> None:
    place.drift = "stop"
    place.collect()
    source.execute("UPDATE house SET version = 5 WHERE id = 1")
    source.execute("ALTER TABLE house DROP COLUMN large")
    source.execute("UPDATE house SET version = 6 WHERE id = 1")
    assert place.collect().summary["errors"][0]["code"] == "collect.column.missing"
    assert refusal(place).code == "collect.column.missing"
    place.drift = "quarantine"
    place.collect()
    place.collect()
    assert "collect.column.missing" in codes(place)
    place.drift, place.columns = "stop", COLUMNS[:-1]
    source.execute("UPDATE house SET version = 7 WHERE id = 1")
    place.collect()
    assert landed(place, COLUMNS[:-1])["1"][1] == "7"
    assert versions(place, "1") == ["1", "5", "6", "7"]
    assert codes(place) == set()


ALTERATIONS = (
    "ALTER TABLE house ADD COLUMN extra text DEFAULT 'given'",
    "ALTER TABLE house ADD COLUMN extra text DEFAULT md5(random()::text)",
    "ALTER TABLE house RENAME COLUMN amount TO sum",
    "ALTER TABLE house ALTER COLUMN version TYPE text USING 'v' || version",
    "ALTER TABLE house ALTER COLUMN name TYPE text USING upper(name)",
)


@pytest.mark.parametrize(("words", "is_written"), [*((words, True) for words in ALTERATIONS), (ALTERATIONS[0], False)])
def test_rows_altered_beside_the_log_are_taken_anew(place: Place, source: Any, words: str, is_written: bool) -> None:
    place.columns = ("id", "name")
    place.collect()
    source.execute("UPDATE house SET name = 'earlier' WHERE id = 1")
    source.execute(words)
    if is_written:
        source.execute("UPDATE house SET name = 'later' WHERE id = 2")
    place.collect()
    assert ("u", "1") in changes(place)
    assert newest_of(place).generation == 2
    assert proved(place).summary["is_equal"]
    assert "collect.log.rewritten" in codes(place)
    assert source.execute("SELECT count(*) FROM pg_replication_slots WHERE database = current_database() AND NOT temporary").fetchone() == (1,)


NEUTRAL = (
    "VACUUM FULL house",
    "CREATE INDEX ON house (name)",
    "ALTER TABLE house ALTER COLUMN name SET STATISTICS 50",
    "ALTER TABLE house ALTER COLUMN amount SET DEFAULT 3",
    "ALTER TABLE house ALTER COLUMN amount TYPE numeric(14, 2)",
    "ALTER TABLE house ADD COLUMN extra int",
)


@pytest.mark.parametrize("words", NEUTRAL)
def test_what_leaves_the_rows_alone_begins_nothing_anew(place: Place, source: Any, words: str) -> None:
    place.collect()
    source.execute(words)
    source.execute("UPDATE house SET version = 9 WHERE id = 3")
    require_equal(place, source)
    assert newest_of(place).generation == 1


def test_with_the_policy_stop_altered_rows_are_an_error(place: Place, source: Any) -> None:
    place.drift = "stop"
    place.collect()
    source.execute("UPDATE house SET name = 'earlier' WHERE id = 1")
    source.execute(ALTERATIONS[2])
    assert "collect.log.rewritten" in place.collect().summary["errors"][0]["code"]
    assert ("u", "1") in changes(place)
    assert refusal(place).code == "collect.log.rewritten"
    place.columns = ("id", "version", "name", "large", "sum")
    place.collect(again=True)
    assert proved(place).summary["is_equal"]


def other_server(place: Place) -> None:
    """Let the state tell of another server."""
    edit(place, system="1")


def older_server(place: Place) -> None:
    """Let the state be further than the server."""
    edit(place, place="7FFFFFFF00000000")


def slot_of(place: Place) -> str:
    """The slot that is followed."""
    return str(newest_of(place).facts["slot"])


LOSSES: dict[str, Callable[[Place, Any], None]] = {
    "slot dropped": lambda p, s: drop(s, slot_of(p)),
    "slot moved": lambda p, s: drop(s, slot_of(p), ADVANCE),
    "table dropped": lambda p, s: s.execute("DROP TABLE house") and None,
    "table made anew": lambda p, s: s.execute("DROP TABLE house; DROP PUBLICATION cityloom_house;" + TABLE.format(table="house")) and None,
    "publication changed": lambda p, s: s.execute(
        "ALTER PUBLICATION cityloom_house DROP TABLE house; INSERT INTO house VALUES (99999, 1, '', 0, '');"
        "ALTER PUBLICATION cityloom_house ADD TABLE house"
    )
    and None,
    "publication narrowed": lambda p, s: s.execute(
        "ALTER PUBLICATION cityloom_house SET (publish = 'insert'); DELETE FROM house WHERE id = 50;"
        "ALTER PUBLICATION cityloom_house SET (publish = 'insert, update, delete, truncate')"
    )
    and None,
    "another server": lambda p, s: other_server(p),
    "server set back": lambda p, s: older_server(p),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_log_that_was_lost_is_an_error_and_never_a_gap(place: Place, source: Any, name: str) -> None:
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
        source.execute("DELETE FROM house WHERE id IN (2, 3)")
        place.collect(again=True)
        require_equal(place, source)
        assert "2" not in landed(place)


UNFIT: dict[str, tuple[str, str]] = {
    "no publication": ("DROP PUBLICATION cityloom_house", "collect.log.unfit"),
    "not in it": ("ALTER PUBLICATION cityloom_house DROP TABLE house", "collect.log.unfit"),
    "no deletes": ("ALTER PUBLICATION cityloom_house SET (publish = 'insert, update')", "collect.log.unfit"),
    "some rows": ("ALTER PUBLICATION cityloom_house SET TABLE house WHERE (id > 5)", "collect.log.unfit"),
    "large values": ("ALTER TABLE house REPLICA IDENTITY DEFAULT", "collect.log.unfit"),
    "no old rows": ("ALTER TABLE house REPLICA IDENTITY NOTHING", "collect.log.unfit"),
    "no key": ("ALTER TABLE house DROP CONSTRAINT house_pkey", "collect.log.key"),
    "a key that may repeat for a moment": (
        "ALTER TABLE house DROP CONSTRAINT house_pkey; ALTER TABLE house ADD PRIMARY KEY (id) DEFERRABLE",
        "collect.log.key",
    ),
    "a system column": ("ALTER TABLE house RENAME name TO _op", "collect.column.ambiguous"),
    "unlogged": ("DROP PUBLICATION cityloom_house; ALTER TABLE house SET UNLOGGED", "collect.log.unfit"),
    "no table": ("DROP TABLE house", "collect.table.missing"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_table_whose_log_would_not_tell_all_is_refused(place: Place, source: Any, name: str) -> None:
    words, code = UNFIT[name]
    source.execute(words)
    assert refusal(place).code == code
    assert source.execute("SELECT count(*) FROM pg_replication_slots WHERE database = current_database() AND NOT temporary").fetchone() == (0,)


def test_without_large_values_the_key_is_enough(url: str, source: Any, tmp_path: Path) -> None:
    source.execute("CREATE TABLE small (id int PRIMARY KEY, n int); CREATE PUBLICATION cityloom_small FOR TABLE small; INSERT INTO small VALUES (1, 1)")
    place = Place(tmp_path / "s", "postgresql_changes", {"url": url, "table": "small"}, ("id", "n"))
    place.collect()
    source.execute("UPDATE small SET n = 2; UPDATE small SET id = 3; INSERT INTO small VALUES (4, 4); DELETE FROM small WHERE id = 4")
    place.collect()
    assert landed(place, ("id", "n")) == {"3": ("3", "2")}
    place.close()


@pytest.mark.parametrize("name", ["_close", "_settle"])
def test_a_process_that_dies_between_lake_and_record_doubles_nothing(
    place: Place, source: Any, monkeypatch: pytest.MonkeyPatch, name: str
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


@pytest.mark.parametrize("name", ["_close", "_settle", "_ended"])
def test_what_fails_after_the_commit_doubles_nothing(
    place: Place, source: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place.collect()
    source.execute("UPDATE house SET version = 2 WHERE id <= 10")
    with monkeypatch.context() as patch:
        patch.setattr(landing.Landing, name, broken)
        assert trouble(place)[0] == "collect.slice.broken"
    source.execute("UPDATE house SET version = version + 1 WHERE id <= 20")
    require_equal(place, source)
    assert require_whole(place) == 101 + 10 + 20


def broken(*_: Any, **__: Any) -> None:
    """What happens when a disk breaks."""
    raise OSError(5, "Input/output error")


def test_a_process_that_dies_in_the_snapshot_leaves_no_slot_behind(
    place: Place, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr("cityloom.collect.changes.snapshot.Snapshot.rows", killed)
            with pytest.raises(Killed):
                place.collect()
    source.execute("DELETE FROM house WHERE id = 9")
    require_equal(place, source)
    assert source.execute("SELECT count(*) FROM pg_replication_slots WHERE database = current_database() AND NOT temporary").fetchone() == (1,)


def test_following_goes_on_after_a_broken_link_and_is_prompt(place: Place, source: Any) -> None:
    place.options = place.options | {"slice_seconds": 0.2}
    place.collect()
    stop = threading.Event()
    results: list[StageResult] = []
    thread = threading.Thread(target=lambda: results.append(place.collect(stop.is_set)))
    thread.start()
    try:
        for number in range(3):
            source.execute("UPDATE house SET version = version + 1")
            wait_for(lambda: version_of(place) == str(number + 2))  # noqa: B023 - waited for at once
            source.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", (slot_of(place),)
            )
        source.execute("UPDATE house SET version = version + 1 WHERE id = 1")
        assert proved(place, is_followed=True).summary["is_equal"]
    finally:
        stop.set()
        thread.join(30)
    assert results[0].summary["reconciled"]
    require_equal(place, source)
    assert require_whole(place) == 101 + 300 + 1


def version_of(place: Place) -> str:
    """Of a row in the lake."""
    return str(landed(place)["1"][1])


def test_the_server_can_be_stopped_while_it_is_followed(own: tuple[str, Callable[[], None]], tmp_path: Path) -> None:
    plain = sa.make_url(own[0]).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as source:
        source.execute(TABLE.format(table="house"))
    place = Place(tmp_path / "w", "postgresql_changes", {"url": plain, "table": "house"}, COLUMNS)
    place.collect()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: place.collect(stop.is_set))
    thread.start()
    time.sleep(1)
    with psycopg.connect(plain, autocommit=True) as source:
        data = source.execute("SHOW data_directory").fetchone()[0]  # type: ignore[index]
    module = load("postgresql")
    began = time.monotonic()
    module.run(Path(data), "stop", "-m", "fast")
    assert time.monotonic() - began < 20
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    module.run(Path(data), "start")
    place.close()


def test_a_reconciliation_tells_which_rows_differ_and_no_value(place: Place, source: Any) -> None:
    place.collect()
    source.execute("UPDATE house SET name = 'x' WHERE id = 4")
    assert proved(place).summary["is_equal"]
    source.execute("ALTER TABLE house DISABLE TRIGGER ALL")
    hide(source, "UPDATE house SET name = 'secret' WHERE id = 4; DELETE FROM house WHERE id IN (5, 6); INSERT INTO house VALUES (777, 1, 's', 0, '')", place)
    result = proved(place)
    assert not result.summary["is_equal"]
    part = result.summary["difference"]
    assert (part["missing"], part["surplus"], part["changed"]) == (1, 2, 1)
    assert set(result.summary["columns"]) == {*COLUMNS, "[id]"}
    assert {p[1] for p in part["places"]} >= {6, 7}
    assert "secret" not in repr(result)
    assert (result.read, result.written) == (99, 97)
    assert codes(place) >= {"collect.reconcile.unequal"}


def hide(source: Any, words: str, place: Place) -> None:
    """Change rows so that the log is not told: it is moved past them, and the state says that it was read."""
    source.execute(words)
    end = source.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0]
    drop(source, slot_of(place), ADVANCE)
    edit(place, place=f"{int(end):016X}")


def test_another_table_in_the_task_needs_an_express_renewal(place: Place, source: Any) -> None:
    place.collect()
    source.execute(TABLE.format(table="other") + "INSERT INTO other VALUES (1, 1, '', 0, '')")
    place.options = place.options | {"table": "other"}
    assert refusal(place).code == "collect.log.other"
    place.collect(again=True)
    assert set(landed(place)) == {"1"}
    slots = source.execute("SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND NOT temporary").fetchall()
    assert [s[0][:14] for s in slots] == ["cityloom_other"]


def test_log_of_other_tables_is_let_go_of(place: Place, source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cityloom.collect.changes.journal.HEARTBEAT", 100_000)
    place.collect()
    before = newest_of(place).place
    source.execute("CREATE TABLE noise AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i")
    assert place.collect().summary["landed"] == 1
    assert newest_of(place).place > before + 100_000
    kept = "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = %s"
    wait_for(lambda: source.execute(kept, (slot_of(place),)).fetchone()[0] >= newest_of(place).place)
    source.execute("UPDATE house SET version = 2 WHERE id = 1")
    require_equal(place, source)


def test_the_grants_that_are_documented_are_enough_and_needed(place: Place, source: Any, url: str) -> None:
    user = new_id("follower")
    source.execute(f"CREATE ROLE {user} LOGIN")
    (place.folder / "address").write_text(sa.make_url(url).set(username=user).render_as_string(hide_password=False))
    try:
        source.execute(f"GRANT USAGE ON SCHEMA public TO {user}")
        assert trouble(place)[0] == "collect.log.refused"
        source.execute(f"ALTER ROLE {user} REPLICATION")
        assert trouble(place)[0] == "collect.source.forbidden"
        source.execute(f"GRANT SELECT ON house TO {user}")
        place.collect()
        source.execute("UPDATE house SET version = 2")
        require_equal(place, source)
        assert proved(place).summary["is_equal"]
    finally:
        place.close()
        source.execute("DROP PUBLICATION cityloom_house; DROP TABLE house")
        source.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


def test_a_check_tells_whether_the_table_can_be_followed(place: Place, source: Any) -> None:
    connector = build(place.resource, Source(name="s", title=place.resource.title, department="x", connector=place.connector, options=place.options), place.folder)
    connector.check()
    source.execute("DROP PUBLICATION cityloom_house")
    with pytest.raises(CityLoomError, match="publication"):
        connector.check()



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
