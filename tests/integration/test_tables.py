"""Table exchange against real servers: exact values, one snapshot, proof by the source, nothing lost, clear errors."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from tests.conftest import server
from tests.unit.collect.conftest import Bench, make_resource

from cityloom.collect import run as collect_stage
from cityloom.collect.base import build
from cityloom.collect.databases import exchange
from cityloom.collect.databases import mysql as my
from cityloom.collect.databases import postgresql as pg
from cityloom.collect.databases.base import Limits, Session
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import CityLoomError, ConfigError, DataError, SourceError
from cityloom.kernel.ids import new_id
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.model.text import Title
from cityloom.store import batches
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

ANY = Title("例", "example")


class Server:
    """A database of its own on a server, and the collect stage over it."""

    def __init__(self, kind: str, url: sa.URL, bench: Bench) -> None:
        self.kind, self.url, self.bench = kind, url, bench
        self.engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    @property
    def connector(self) -> str:
        return "postgresql" if self.kind == "postgresql" else "mysql"

    @property
    def session_class(self) -> type[Session]:
        return pg.PostgreSQL if self.kind == "postgresql" else my.MySQL

    def do(self, *statements: str) -> None:
        with self.engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace('%', '%%'))

    def ask(self, query: str) -> Any:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(query).all()

    def collect(self, columns: list[str], key: tuple[str, ...] = (), mode: str = "full", **options: Any) -> StageResult:
        self.bench.clock.at = self.bench.clock.at.replace(microsecond=self.bench.clock.at.microsecond + 1)
        path = self.bench.folder / "address"
        path.write_text(self.url.render_as_string(hide_password=False))
        given = {"url": "file:address", **options}
        source = Source(name="s", title=ANY, department="ga", connector=self.connector, options=given)
        return collect_stage.run(
            replace(make_resource(columns, mode=mode), key=key),
            source,
            lake=self.bench.lake,
            store=self.bench.store,
            clock=self.bench.clock,
            base=self.bench.folder,
        )

    def batches(self) -> list[Batch]:
        with self.bench.store.read() as connection:
            return batches.list_batches(connection, "things")

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        return self.bench.rows(*columns)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'control.db'}")
    load_tables()
    with made.write() as connection:
        metadata.create_all(connection)
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path, lake: Lake, store: Store, clock: FixedClock) -> Bench:
    folder = tmp_path / "base"
    folder.mkdir()
    return Bench(folder, lake, store, clock)


@pytest.fixture
def postgresql(bench: Bench) -> Iterator[Server]:
    yield from _served("postgresql", "TEST_POSTGRESQL_URL", bench)


@pytest.fixture
def mariadb(bench: Bench) -> Iterator[Server]:
    yield from _served("mariadb", "TEST_MARIADB_URL", bench)


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def _served(kind: str, variable: str, bench: Bench) -> Iterator[Server]:
    admin = sa.create_engine(server(variable), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = new_id("tables")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield Server(kind, admin.url.set(database=name), bench)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgresql' else ''}")


# -- values --------------------------------------------------------------------------------------------

POSTGRESQL_VALUES = {
    "id": ("bigint PRIMARY KEY", "9223372036854775807", "9223372036854775807"),
    "n": ("numeric(40,6)", "1234567890123456789012345678.100000", "1234567890123456789012345678.100000"),
    "free": ("numeric", "0.10", "0.10"),
    "nan": ("numeric", "'NaN'", "NaN"),
    "d": ("double precision", "0.1::float8 + 0.2::float8", "0.30000000000000004"),
    "f": ("real", "16777216.0", "1.6777216e+07"),
    "b": ("boolean", "true", "true"),
    "c": ("char(5)", "'ab'", "ab"),
    "v": ("varchar(20)", "'  两边 '", "  两边 "),
    "day": ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
    "at": ("timestamp(3)", "'2024-02-29 23:59:59.999'", "2024-02-29 23:59:59.999"),
    "zoned": ("timestamptz", "'2024-01-01 00:00:00.123456+08'", "2024-01-01 00:00:00.123456+08"),
    "forever": ("timestamp", "'infinity'", "infinity"),
    "clock": ("time", "'23:59:59.5'", "23:59:59.5"),
    "span": ("interval", "'1 day 2 hours'", "P1DT2H"),
    "j": ("json", """'{"b": 1,  "a": [1.10]}'""", '{"b": 1,  "a": [1.10]}'),
    "jb": ("jsonb", """'{"b": 1,  "a": [1.10]}'""", '{"a": [1.10], "b": 1}'),
    "list": ("text[]", """'{甲,"b,c",NULL}'""", '{甲,"b,c",NULL}'),
    "u": ("uuid", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
    "cash": ("money", "'1234.50'", "1234.50"),
    "net": ("inet", "'10.0.0.1/8'", "10.0.0.1/8"),
    "bits": ("bit(4)", "B'0101'", "0101"),
    "empty": ("text", "''", ""),
    "nothing": ("text", "NULL", None),
    "lines": ("text", "E'a\\r\\n\"b\",\\\\c\\t'", 'a\r\n"b",\\c\t'),
    "dot": ("text", "'\\.'", "\\."),
    "han": ("text", "'𠮷野家👩‍👩‍👧'", "𠮷野家👩‍👩‍👧"),
}
MARIADB_VALUES = {
    "id": ("bigint unsigned PRIMARY KEY", "18446744073709551615", "18446744073709551615"),
    "n": ("decimal(40,6)", "1234567890123456789012345678.1", "1234567890123456789012345678.100000"),
    "d": ("double", "0.1e0 + 0.2e0", "0.30000000000000004"),
    "f": ("float", "16777217", "16777216"),
    "tenth": ("float", "0.1", "0.10000000149011612"),
    "b": ("bool", "true", "1"),
    "bits": ("bit(9)", "b'100000001'", "257"),
    "y": ("year", "2024", "2024"),
    "c": ("char(5)", "'ab'", "ab"),
    "day": ("date", "'2024-02-29'", "2024-02-29"),
    "zero": ("date", "'0000-00-00'", "0000-00-00"),
    "part": ("datetime", "'2024-00-00 00:00:00'", "2024-00-00 00:00:00"),
    "at": ("datetime(3)", "'2024-02-29 23:59:59.999'", "2024-02-29 23:59:59.999"),
    "stamp": ("timestamp(6) NULL", "'2024-01-01 00:00:00.123456'", "2024-01-01 00:00:00.123456"),
    "clock": ("time(1)", "'-838:59:58.5'", "-838:59:58.5"),
    "e": ("enum('甲','乙')", "'乙'", "乙"),
    "s": ("set('x','y')", "'x,y'", "x,y"),
    "j": ("json", """'{"b": 1,  "a": [1.10]}'""", '{"b": 1,  "a": [1.10]}'),
    "u": ("uuid", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
    "mingzi": ("varchar(9) CHARACTER SET gbk", "'王小明'", "王小明"),
    "latin": ("varchar(9) CHARACTER SET latin1", "'é€'", "é€"),
    "empty": ("text", "''", ""),
    "nothing": ("text", "NULL", None),
    "none": ("text", "'NULL'", "NULL"),
    "lines": ("text", "'a\\r\\n\"b\",\\\\c\\t'", 'a\r\n"b",\\c\t'),
    "mark": ("text", "'\\\\N'", "\\N"),
    "han": ("longtext", "'𠮷野家👩‍👩‍👧'", "𠮷野家👩‍👩‍👧"),
}


def _make(database: Server, values: dict[str, tuple[str, str, Any]]) -> None:
    quote = '"' if database.kind == "postgresql" else "`"
    columns = ", ".join(f"{quote}{n}{quote} {words}" for n, (words, _, _) in values.items())
    database.do(f"CREATE TABLE odd ({columns})")
    relaxed = ["SET SESSION sql_mode = ''"] if database.kind == "mariadb" else []
    database.do(*relaxed, f"INSERT INTO odd VALUES ({', '.join(v for _, v, _ in values.values())})")


def test_postgresql_values_are_exact(postgresql: Server) -> None:
    _make(postgresql, POSTGRESQL_VALUES)
    postgresql.collect(list(POSTGRESQL_VALUES), table="odd", timezone="Asia/Shanghai")
    found = dict(zip(POSTGRESQL_VALUES, postgresql.rows(*POSTGRESQL_VALUES)[0], strict=True))
    assert found == {name: wanted for name, (_, _, wanted) in POSTGRESQL_VALUES.items()}
    receipt = postgresql.batches()[0].receipt
    assert receipt and receipt.proved_by == "source" and receipt.is_equal


def test_mariadb_values_are_exact(mariadb: Server) -> None:
    _make(mariadb, MARIADB_VALUES)
    mariadb.collect(list(MARIADB_VALUES), table="odd")
    found = dict(zip(MARIADB_VALUES, mariadb.rows(*MARIADB_VALUES)[0], strict=True))
    assert found == {name: wanted for name, (_, _, wanted) in MARIADB_VALUES.items()}
    receipt = mariadb.batches()[0].receipt
    assert receipt and receipt.proved_by == "source" and receipt.is_equal


def test_text_in_another_encoding_than_declared(mariadb: Server) -> None:
    mariadb.do("CREATE TABLE old (id int PRIMARY KEY, name varchar(20) CHARACTER SET latin1)")
    mariadb.do(f"INSERT INTO old VALUES (1, x'{'王小明'.encode('gbk').hex()}')")
    mariadb.collect(["id", "name"], table="old", held_as="gbk")
    assert mariadb.rows("name") == [("王小明",)]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_hostile_texts_come_as_they_are(kind: str, hostile: tuple[str | None, ...], request: pytest.FixtureRequest) -> None:
    database: Server = request.getfixturevalue(kind)
    words = "text" if kind == "postgresql" else "longtext"
    database.do(f"CREATE TABLE texts (id int PRIMARY KEY, a {words}, b varchar(100))")
    with database.engine.connect() as connection:
        for number, value in enumerate(hostile):
            short = value if value is None or len(value) <= 100 else "long"
            connection.execute(sa.text("INSERT INTO texts VALUES (:n, :a, :b)"), {"n": number, "a": value, "b": short})
    database.collect(["id", "a", "b"], table="texts")
    assert [r[0] for r in database.rows("a")] == list(hostile)


def test_a_row_of_many_megabytes(database: Server) -> None:
    words = "text" if database.kind == "postgresql" else "longtext"
    database.do(f"CREATE TABLE big (id int PRIMARY KEY, a {words}, b {words})")
    database.do("INSERT INTO big VALUES (1, repeat('字', 3000000), repeat('x', 9000000)), (2, '', NULL)")
    database.collect(["id", "a", "b"], table="big")
    assert database.rows("a", "b")[1] == ("", None)
    assert [len(r[0]) for r in database.rows("a")] == [3_000_000, 0]


def test_binary_columns_are_refused_or_hex(database: Server) -> None:
    words = "bytea" if database.kind == "postgresql" else "blob"
    value = "'\\x00ff'" if database.kind == "postgresql" else "x'00ff'"
    database.do(f"CREATE TABLE blobs (id int PRIMARY KEY, photo {words})", f"INSERT INTO blobs VALUES (1, {value})")
    with pytest.raises(DataError, match="photo") as caught:
        database.collect(["id", "photo"], table="blobs")
    assert caught.value.code == "collect.column.binary"
    database.collect(["id", "photo"], table="blobs", binary="hex")
    assert database.rows("photo") == [("00ff",)]


# -- names and shapes ----------------------------------------------------------------------------------


def test_names_that_need_quotes(database: Server) -> None:
    q = "`" if database.kind == "mariadb" else '"'
    names = ["order", "身份证号", "it's", 'say "x"', "back`tick", "完成率%", "a b", "UPPER"]
    quoted = [q + n.replace(q, q + q) + q for n in names]
    table = q + "人口 基本'信息" + q
    columns = ", ".join(f"{n} varchar(9)" for n in quoted)
    database.do(f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({quoted[1]}))")
    database.do(f"INSERT INTO {table} VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')")
    database.collect(names, table="人口 基本'信息", key=("c1",))
    found = database.bench.lake.engine.records(
        f"SELECT * FROM {database.bench.lake.relation('raw_ga__things').sql(dialect='duckdb')}"
    )[0]
    assert [found[n] for n in names] == list("abcdefgh")


def test_views_queries_and_other_schemas(database: Server) -> None:
    database.do("CREATE TABLE t (id int PRIMARY KEY, v varchar(9))", "INSERT INTO t VALUES (2, 'b'), (1, 'a')")
    database.do("CREATE VIEW w AS SELECT id, v FROM t WHERE id > 1")
    database.collect(["id", "v"], table="w", order=["id"])
    assert database.rows("id") == [("2",)]
    database.collect(["id", "twice"], query="SELECT id, id * 2.50 AS twice FROM t;", order=["id"])
    schema = "public" if database.kind == "postgresql" else database.url.database
    database.collect(["id", "v"], table="t", schema=schema, key=("c0", "c1"))
    states = {b.origin: b.state for b in database.batches()}
    assert states == {"w": "reconciled", "query": "reconciled", f"{schema}.t": "reconciled"}
    receipt = database.batches()[-1].receipt
    assert receipt and [f.column for f in receipt.source_columns] == ["id", "v", "[id, v]"]


def test_no_rows_one_column_and_two_hundred(database: Server) -> None:
    database.do("CREATE TABLE none (a varchar(5))", "CREATE TABLE one (a varchar(5))")
    database.do("INSERT INTO one VALUES (NULL), (''), ('x'), (NULL)")
    wide = [f"c{n}" for n in range(200)]
    database.do(f"CREATE TABLE wide ({', '.join(f'{n} varchar(9)' for n in wide)})")
    database.do(f"INSERT INTO wide VALUES ({', '.join(repr(n) for n in wide)})")
    assert database.collect(["a"], table="none").written == 0
    assert database.collect(["a"], table="one").written == 4
    assert [r[0] for r in database.rows("a")] == [None, "", "x", None]
    assert database.collect(wide, table="wide").written == 1


def test_rows_come_in_order_of_the_key(database: Server) -> None:
    database.do("CREATE TABLE t (a int, b int, c int, PRIMARY KEY (b, a))")
    database.do("INSERT INTO t VALUES (1, 2, 0), (2, 1, 0), (1, 1, 0)")
    database.collect(["a", "b", "c"], table="t")
    assert database.rows("a", "b", "_row") == [("1", "1", 1), ("2", "1", 2), ("1", "2", 3)]
    assert database.collect(["a", "b", "c"], table="t").summary["skipped"] == 1


def test_the_source_says_what_it_holds(database: Server) -> None:
    database.do("CREATE TABLE person (id int PRIMARY KEY, name varchar(9) NOT NULL)")
    if database.kind == "postgresql":
        database.do("COMMENT ON TABLE person IS '人口'", "COMMENT ON COLUMN person.name IS '姓名'")
    else:
        database.do("ALTER TABLE person COMMENT '人口', MODIFY name varchar(9) NOT NULL COMMENT '姓名'")
    with database.session_class(database.url, Limits()) as session:
        shape = next(iter(session.shapes()))
    assert (shape.name.split(".")[-1], shape.title, shape.key) == ("person", "人口", ("id",))
    assert [(c.name, c.title, c.is_required) for c in shape.columns] == [("id", "", True), ("name", "姓名", True)]


def test_kingbase_is_read_over_the_protocol_of_postgresql(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "connector", "kingbase")
    postgresql.do("CREATE TABLE t (id int PRIMARY KEY, v varchar(9))", "INSERT INTO t VALUES (1, '金'), (2, NULL)")
    assert postgresql.collect(["id", "v"], table="t").written == 2
    assert postgresql.rows("v") == [("金",), (None,)]


# -- one snapshot, and proof ---------------------------------------------------------------------------


def _fill(database: Server, rows: int = 3) -> None:
    database.do("CREATE TABLE person (id int PRIMARY KEY, name varchar(20), at timestamp NULL)")
    values = ", ".join(f"({n}, '人{n}', '2024-01-01 00:00:0{n % 10}')" for n in range(1, rows + 1))
    database.do(f"INSERT INTO person VALUES {values}")


COLUMNS = ["id", "name", "at"]


def _after_reading(database: Server, monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> None:
    """Do something at the source as soon as the rows were read, before it proves them."""
    original = exchange.prove

    def late(held: Any) -> Any:
        work()
        return original(held)

    monkeypatch.setattr(exchange, "prove", late)


def test_changes_while_reading_are_not_seen(database: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(database)
    change = ["UPDATE person SET name = '变' WHERE id = 2", "INSERT INTO person VALUES (9, '新', NULL)"]
    _after_reading(database, monkeypatch, lambda: database.do(*change))
    assert database.collect(COLUMNS, table="person").written == 3
    assert [r[0] for r in database.rows("name")] == ["人1", "人2", "人3"]


def test_a_source_without_snapshot_that_changes_does_not_land(database: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(database)
    if database.kind == "postgresql":
        monkeypatch.setattr(pg, "_BEGIN", "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED")
    else:
        database.do("ALTER TABLE person ENGINE = MyISAM")
    _after_reading(database, monkeypatch, lambda: database.do("UPDATE person SET name = '变2' WHERE id = 2"))
    with pytest.raises(DataError, match="name") as caught:
        database.collect(COLUMNS, table="person")
    assert caught.value.code == "collect.batch.unequal"
    assert not database.bench.lake.exists("raw_ga__things") or database.rows("id") == []


@pytest.mark.parametrize("defect", ["value", "swap", "null", "row"])
def test_a_defect_on_the_way_is_detected(database: Server, defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(database)
    original = database.session_class.stream

    def spoilt(self: Any, columns: Any, rest: str) -> Iterator[pa.RecordBatch]:
        for batch in original(self, columns, rest):
            rows = batch.to_pylist()
            if defect == "row":
                rows[2] = rows[1]
            elif defect == "swap":
                rows[0]["name"], rows[1]["at"] = rows[1]["name"], rows[0]["at"]
            else:
                rows[1]["name"] = "人9" if defect == "value" else None
            yield pa.RecordBatch.from_pylist(rows, schema=batch.schema)

    monkeypatch.setattr(database.session_class, "stream", spoilt)
    with pytest.raises(DataError) as caught:
        database.collect(COLUMNS, table="person")
    assert caught.value.code == "collect.batch.unequal"
    assert not database.bench.lake.exists("raw_ga__things") or database.rows("id") == []


def test_proof_from_the_stream(database: Server) -> None:
    _fill(database)
    database.collect(COLUMNS, table="person", proof="stream", key=("c0",))
    receipt = database.batches()[0].receipt
    assert receipt and receipt.proved_by == "stream" and receipt.source_rows == 3


# -- going on ------------------------------------------------------------------------------------------


def test_incremental_takes_ties_and_late_rows_within_the_overlap(database: Server) -> None:
    _fill(database)

    def more(**options: Any) -> int:
        key = ("c0", "c2")
        return database.collect(COLUMNS, key, mode="incremental", table="person", marker="at", **options).written

    assert more(overlap=3600) == 3
    assert more(overlap=3600) == 0
    database.do("INSERT INTO person VALUES (4, '平', '2024-01-01 00:00:03')")
    assert more(overlap=3600) == 1
    database.do("INSERT INTO person VALUES (5, '晚', '2023-12-31 23:30:00'), (6, '新', '2024-01-01 01:00:02')")
    assert more(overlap=3600) == 2
    assert sorted(r[0] for r in database.rows("id")) == ["1", "2", "3", "4", "5", "6"]
    assert all(b.receipt and b.receipt.is_equal for b in database.batches())


def test_rows_of_a_span_of_days(database: Server) -> None:
    _fill(database)
    source = Source(name="s", title=ANY, department="ga", connector=database.connector, options={"url": "file:address", "table": "person", "marker": "at"})
    (database.bench.folder / "address").write_text(database.url.render_as_string(hide_password=False))
    connector: Any = build(make_resource(COLUMNS), source, database.bench.folder)
    for start, wanted in ((date(2024, 1, 1), 3), (date(2024, 1, 2), 0)):
        assert [connector.count(piece) for piece in connector.between(start, date(2024, 1, 3))] == [wanted]


def test_rows_that_come_too_late_are_an_error_until_all_is_taken_anew(database: Server) -> None:
    _fill(database)

    def more(mode: str = "incremental") -> StageResult:
        return database.collect(COLUMNS, mode=mode, table="person", marker="id")

    assert more().written == 3
    database.do("INSERT INTO person VALUES (-1, '晚', NULL), (-2, '晚', NULL), (7, '新', NULL)")
    found = more()
    assert found.written == 1
    assert [e["code"] for e in found.summary["errors"]] == ["collect.marker.late"]
    with pytest.raises(DataError, match="2 rows") as caught:
        more()
    assert caught.value.code == "collect.marker.late"
    assert more("full").written == 6
    assert more().summary["errors"] == []
    database.do("INSERT INTO person VALUES (8, '新', NULL)")
    assert more().written == 1
    assert sorted(int(r[0]) for r in database.rows("id")) == [-2, -1, 1, 2, 3, 7, 8]


def test_rows_deleted_at_the_source_are_no_error(database: Server) -> None:
    _fill(database)

    def more() -> StageResult:
        return database.collect(COLUMNS, mode="incremental", table="person", marker="id")

    more()
    database.do("DELETE FROM person WHERE id < 3")
    assert more().summary["errors"] == []
    database.do("INSERT INTO person VALUES (1, '晚', NULL)")
    with pytest.raises(DataError) as caught:
        more()
    assert caught.value.code == "collect.marker.late"


def test_many_rows_with_the_last_marker_are_counted(database: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cityloom.collect.databases.window.LIMIT", 2)
    database.do("CREATE TABLE loads (id int PRIMARY KEY, day date NOT NULL)")
    database.do("INSERT INTO loads VALUES (1, '2024-01-01'), (2, '2024-01-01'), (3, '2024-01-01')")

    def more(**options: Any) -> StageResult:
        return database.collect(["id", "day"], mode="incremental", table="loads", marker="day", **options)

    assert more().written == 3
    assert more().written == 0
    database.do("INSERT INTO loads VALUES (4, '2024-01-01'), (5, '2024-01-02')")
    found = more()
    assert found.written == 1
    assert [e["code"] for e in found.summary["errors"]] == ["collect.marker.late"]
    with pytest.raises(DataError) as caught:
        database.collect(["id", "day"], mode="incremental", query="SELECT * FROM loads", marker="day", overlap=86400 * 2)
    assert caught.value.code == "collect.marker.crowded"


@pytest.mark.parametrize("words", ["numeric(20,3)", "varchar(20)", "date", "double precision", "bigint"])
def test_markers_of_many_types(database: Server, words: str) -> None:
    values = ["20240101", "20240102", "20240103"]
    shown = [f"'{v[:4]}-{v[4:6]}-{v[6:]}'" if words == "date" else f"'{v}'" for v in values]
    database.do(f"CREATE TABLE m (id int PRIMARY KEY, at {words} NOT NULL)")
    database.do(f"INSERT INTO m VALUES (1, {shown[0]}), (2, {shown[1]})")

    def more(**options: Any) -> int:
        return database.collect(["id", "at"], mode="incremental", table="m", marker="at", **options).written

    assert more() == 2
    database.do(f"INSERT INTO m VALUES (3, {shown[1]}), (4, {shown[2]})")
    assert more() == 2
    assert more() == 0
    if words == "varchar(20)":
        with pytest.raises(ConfigError):
            more(overlap=1)
    else:
        assert more(overlap=86400 * 5) == 0


# -- errors --------------------------------------------------------------------------------------------


def _error(database: Server, kind: type[CityLoomError] = SourceError, **options: Any) -> CityLoomError:
    with pytest.raises(kind) as caught:
        database.collect(COLUMNS, **{"table": "person", **options})
    assert "hush" not in str(caught.value) + repr(caught.value.details)
    return caught.value


def test_nobody_there(database: Server) -> None:
    database.url = database.url.set(port=1, password="hush")
    assert _error(database).code == "collect.source.unreachable"


def test_no_such_user_password_or_database(database: Server) -> None:
    url = database.url
    database.url = url.set(username="nobody", password="hush")
    assert _error(database).code == "collect.source.denied"
    if database.kind == "mariadb":
        database.url = url.set(password="hush")
        assert _error(database).code == "collect.source.denied"
    database.url = url.set(database="nowhere")
    assert _error(database).code == "collect.database.missing"
    database.url = url


def test_a_wrong_password_at_postgresql(postgresql: Server) -> None:
    user, rules = new_id("user"), Path(server("TEST_POSTGRESQL_DATA")) / "pg_hba.conf"
    before = rules.read_text()
    postgresql.do(f"CREATE ROLE {user} LOGIN PASSWORD 'right'", f"GRANT CONNECT ON DATABASE {postgresql.url.database} TO {user}")
    try:
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{before}")
        postgresql.do("SELECT pg_reload_conf()")
        url = postgresql.url
        for _ in range(50):
            postgresql.url = url.set(username=user, password="hush")
            with pytest.raises(CityLoomError) as caught:
                postgresql.collect(COLUMNS, table="person")
            if caught.value.code == "collect.source.denied":
                break
            threading.Event().wait(0.1)
        assert caught.value.code == "collect.source.denied"
        assert "hush" not in str(caught.value)
    finally:
        rules.write_text(before)
        postgresql.do("SELECT pg_reload_conf()", f"DROP OWNED BY {user}", f"DROP ROLE {user}")


def test_a_server_that_hangs_is_let_go(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg, "_GRACE_SECONDS", 0.2)
    with pg.PostgreSQL(postgresql.url, Limits(seconds=0.5)) as session:
        process = session._connection.info.backend_pid
        try:
            os.kill(process, signal.SIGSTOP)
        except PermissionError:
            pytest.skip("the server is another user's")
        try:
            with pytest.raises(SourceError) as caught:
                session.rows("SELECT 1")
        finally:
            os.kill(process, signal.SIGCONT)
    assert caught.value.code == "collect.source.cut"


def test_a_password_in_a_definition(database: Server) -> None:
    error = _error(database, ConfigError, url="mysql://u:hush@h/d")
    assert error.code == "collect.secret.plain"
    assert _error(database, ConfigError, url="no address").code == "collect.url.invalid"


def test_a_missing_table_and_a_wrong_query(database: Server) -> None:
    _fill(database)
    error = _error(database, DataError, table="persons")
    assert (error.code, error.details["known"].split(", ")[0]) == ("collect.table.missing", "person")
    assert _error(database, DataError, table="", query="SELECT nothing FROM person").code == "collect.query.wrong"
    assert _error(database, DataError, table="", query="SELEC 1").code == "collect.query.wrong"
    error = _error(database, ConfigError, marker="ids")
    assert (error.code, error.details["nearest"]) == ("collect.option.column", "id")


def test_no_right_to_read(database: Server) -> None:
    _fill(database)
    user, url = new_id("user"), database.url
    if database.kind == "postgresql":
        database.do(f"CREATE ROLE {user} LOGIN")
        database.url = url.set(username=user)
    else:
        database.do("CREATE TABLE open (id int)", f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'hush'")
        database.do(f"GRANT SELECT ON {url.database}.open TO {user}@'127.0.0.1'")
        database.url = url.set(username=user, password="hush")
    error = _error(database, CityLoomError)
    assert error.code == ("collect.source.forbidden" if database.kind == "postgresql" else "collect.table.missing")
    database.do(f"DROP ROLE {user}" if database.kind == "postgresql" else f"DROP USER {user}@'127.0.0.1'")


def test_too_slow(database: Server) -> None:
    _fill(database)
    sleep = "pg_sleep(3)::text" if database.kind == "postgresql" else "SLEEP(3)"
    error = _error(database, table="", query=f"SELECT id, {sleep} AS name, at FROM person", timeout_seconds=0.5)
    assert error.code == "collect.source.slow"


def test_others_hold_a_lock(database: Server) -> None:
    _fill(database)
    with database.engine.connect() as connection:
        if database.kind == "postgresql":
            connection = connection.execution_options(isolation_level="READ COMMITTED")
            connection.exec_driver_sql("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        else:
            connection.exec_driver_sql("LOCK TABLES person WRITE")
        assert _error(database, lock_seconds=1).code == "collect.source.locked"


def test_a_connection_that_breaks_lands_nothing_and_the_next_run_does(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, 4000)
    words = "text" if database.kind == "postgresql" else "longtext"
    database.do(f"ALTER TABLE person ADD note {words}")
    database.do("UPDATE person SET note = repeat('x', 3000)")
    columns = [*COLUMNS, "note"]
    original = database.session_class.stream

    def cut(self: Any, given: Any, rest: str) -> Iterator[pa.RecordBatch]:
        for batch in original(self, given, rest):
            yield batch
            if database.kind == "postgresql":
                database.do(f"SELECT pg_terminate_backend({self._connection.info.backend_pid})")
            else:
                with suppress(sa.exc.OperationalError):  # the first one has done it
                    database.do(f"KILL {self._connection.thread_id()}")

    with monkeypatch.context() as patch, pytest.raises(SourceError) as caught:
        patch.setattr(database.session_class, "stream", cut)
        database.collect(columns, table="person")
    assert caught.value.code == "collect.source.cut"
    assert not database.bench.lake.exists("raw_ga__things")
    assert database.collect(columns, table="person").written == 4000


def test_an_abandoned_read_leaves_nothing_running(database: Server) -> None:
    words = "text" if database.kind == "postgresql" else "longtext"
    database.do(f"CREATE TABLE big (id int PRIMARY KEY, a {words})")
    database.do("INSERT INTO big VALUES " + ", ".join(f"({n}, repeat('x', 3000000))" for n in range(12)))
    with database.session_class(database.url, Limits()) as session:
        stream = session.stream(session.describe("big"), "FROM big")
        next(stream)
        stream.close()
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cityloom' AND datname = current_database()"
        if database.kind == "postgresql"
        else "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    )
    for _ in range(100):
        if database.ask(query)[0][0] == 0:
            break
        threading.Event().wait(0.05)
    assert database.ask(query)[0][0] == 0
