"""Table exchange without a server: lines and spools, foreign DuckDB files, markers, and the words said to each kind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from tests.unit.collect.conftest import ANY, make_resource

from cityloom.collect.base import build
from cityloom.collect.databases import dameng, oracle, postgresql, sqlserver
from cityloom.collect.databases import duckdb as duckdb_files
from cityloom.collect.databases.base import Column, Limits
from cityloom.collect.databases.lines import parse
from cityloom.collect.databases.spool import TextSpool
from cityloom.collect.databases.window import Position, load
from cityloom.kernel.errors import ConfigError, DataError, SourceError
from cityloom.model.source import Source
from cityloom.store import batches
from cityloom.store.database import Store


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """One is enough here: what the store does on each database is its own tests' matter."""
    made = Store(f"sqlite:///{tmp_path / 'control.db'}")
    yield made
    made.close()


# -- lines and spools ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (b"", []),
        (b"1,\n", [("1", None)]),
        (b'1,""\n', [("1", "")]),
        (b'"a""b,c","x\r\ny\n"\n', [('a"b,c', "x\r\ny\n")]),
        (b"NULL,\\N\n", [("NULL", "\\N")]),
        ("'\u3000',\U00020bb7\n".encode(), [("'\u3000'", "\U00020bb7")]),
        (b"a\0b,\t \n", [("a\0b", "\t ")]),
    ],
)
def test_lines_are_read_as_they_were_written(lines: bytes, wanted: list[tuple[str | None, ...]]) -> None:
    found = parse(lines, ["a", "a"], "there")
    assert list(zip(*(c.to_pylist() for c in found.columns), strict=True)) == wanted


def test_a_single_column_of_nothing_keeps_its_rows() -> None:
    assert parse(b'\n""\n\nx\n\n', ["a"], "there").column(0).to_pylist() == [None, "", None, "x", None]


def test_lines_that_are_no_text() -> None:
    with pytest.raises(DataError) as caught:
        parse(b"\xff\xfe,1\n", ["a", "b"], "there")
    assert caught.value.code == "collect.text.undecodable"


def _spool(*values: list[str | None]) -> TextSpool:
    spool = TextSpool(["a", "b"])
    for part in values:
        spool.add(pa.RecordBatch.from_arrays([pa.array(part, pa.string()), pa.array(part[::-1], pa.string())], names=["a", "b"]))
    return spool


def test_a_spool_gives_back_what_it_took() -> None:
    spool = _spool(["x", None], [], ["", "y"])
    for _ in range(2):
        rows = [row for batch in spool.batches() for row in batch.to_pylist()]
        assert [(r["a"], r["b"], r["_row"]) for r in rows] == [("x", None, 1), (None, "x", 2), ("", "y", 3), ("y", "", 4)]
    assert (spool.count, spool.size) == (4, 4)


def test_a_digest_is_of_the_values_however_they_were_cut() -> None:
    def digest(*values: list[str | None]) -> str:
        spool = TextSpool(["a"])
        for part in values:
            spool.add(pa.RecordBatch.from_arrays([pa.array(part, pa.string())], names=["a"]))
        return spool.digest()

    assert digest(["x", None, "yz"]) == digest(["x"], [None, "yz"])
    others = [["x", "", "yz"], [None, "x", "yz"], ["xy", None, "z"], ["x", None, "yz", None], ["yz", None, "x"]]
    assert len({digest(v) for v in [["x", None, "yz"], *others]}) == 6
    sliced = pa.RecordBatch.from_arrays([pa.array(["n", "x", None, "yz"], pa.string()).slice(1)], names=["a"])
    spool = TextSpool(["a"])
    spool.add(sliced)
    assert spool.digest() == digest(["x", None, "yz"])


# -- DuckDB files --------------------------------------------------------------------------------------

VALUES = {
    "n": ("DECIMAL(38,6)", "12345678901234567890123456789012.100000", "12345678901234567890123456789012.100000"),
    "h": ("HUGEINT", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    "d": ("DOUBLE", "0.1::DOUBLE + 0.2::DOUBLE", "0.30000000000000004"),
    "b": ("BOOLEAN", "true", "true"),
    "day": ("DATE", "'2024-02-29'", "2024-02-29"),
    "moment": ("TIMESTAMP", "'2024-02-29 23:59:59.999999'", "2024-02-29 23:59:59.999999"),
    "list": ("VARCHAR[]", "['a', NULL]", "[a, NULL]"),
    "empty": ("VARCHAR", "''", ""),
    "none": ("VARCHAR", "NULL", None),
    "u": ("UUID", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
}


@pytest.fixture
def vehicles(bench: Any) -> Any:
    with duckdb.connect(str(bench.folder / "v.duckdb")) as connection:
        connection.execute("CREATE TABLE vehicle (id INTEGER PRIMARY KEY, plate VARCHAR, seen TIMESTAMP NOT NULL)")
        connection.execute("INSERT INTO vehicle VALUES (2, '粤B', '2024-01-02'), (1, '', '2024-01-01'), (3, NULL, '2024-02-01')")
    return bench


COLUMNS = ["id", "plate", "seen"]


def drive(bench: Any, columns: list[str] = COLUMNS, mode: str = "full", **options: Any) -> Any:
    bench.clock.at = bench.clock.at.replace(microsecond=bench.clock.at.microsecond + 1)
    return bench.run("duckdb_file", columns, {"path": "v.duckdb", **options}, mode=mode)


def test_values_of_a_duckdb_file_are_exact(bench: Any) -> None:
    with duckdb.connect(str(bench.folder / "v.duckdb")) as connection:
        connection.execute(f"CREATE TABLE odd ({', '.join(f'{n} {t}' for n, (t, _, _) in VALUES.items())})")
        connection.execute(f"INSERT INTO odd VALUES ({', '.join(v for _, v, _ in VALUES.values())})")
    drive(bench, list(VALUES), table="odd")
    assert dict(zip(VALUES, bench.rows(*VALUES)[0], strict=True)) == {n: w for n, (_, _, w) in VALUES.items()}
    with bench.store.read() as connection:
        receipt = batches.list_batches(connection, "things")[0].receipt
    assert (receipt.proved_by, receipt.is_equal) == ("source", True)


def test_rows_of_a_duckdb_file_come_in_order_of_the_key(vehicles: Any) -> None:
    assert drive(vehicles, table="vehicle").written == 3
    assert vehicles.rows("id", "plate") == [("1", ""), ("2", "粤B"), ("3", None)]
    assert drive(vehicles, table="vehicle", proof="stream").summary["skipped"] == 1


def test_a_duckdb_file_cannot_reach_beyond_itself(vehicles: Any) -> None:
    vehicles.write("secret.csv", "a\n1\n")
    path = vehicles.folder / "secret.csv"
    for query in (f"SELECT * FROM read_csv('{path}')", "SELECT * FROM nothing", f"COPY vehicle TO '{path}'"):
        with pytest.raises(DataError) as caught:
            drive(vehicles, ["a"], query=query)
        assert caught.value.code == "engine.query.wrong"


def test_a_duckdb_file_that_is_missing_damaged_or_in_use(vehicles: Any) -> None:
    def code() -> str:
        with pytest.raises(SourceError) as caught:
            drive(vehicles, table="vehicle")
        return caught.value.code + caught.value.details.get("problem", "")

    path = vehicles.folder / "v.duckdb"
    content = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    assert code().startswith("engine.file.closed")
    path.unlink()
    assert "no such file" in code()
    path.write_bytes(content)
    with pytest.raises(DataError, match="vehicle") as caught:
        drive(vehicles, table="vehicles")
    assert caught.value.code == "collect.table.missing"


def test_a_wrong_value_from_a_duckdb_file_is_detected(vehicles: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = duckdb_files.DuckDB.stream

    def spoilt(self: Any, columns: Any, rest: str) -> Iterator[pa.RecordBatch]:
        for batch in original(self, columns, rest):
            rows = [{**r, "plate": r["plate"] and "粤C"} for r in batch.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=batch.schema)

    monkeypatch.setattr(duckdb_files.DuckDB, "stream", spoilt)
    with pytest.raises(DataError, match="plate") as caught:
        drive(vehicles, table="vehicle")
    assert caught.value.code == "collect.batch.unequal"


# -- going on ------------------------------------------------------------------------------------------


def _insert(bench: Any, *rows: str) -> None:
    with duckdb.connect(str(bench.folder / "v.duckdb")) as connection:
        connection.execute(f"INSERT INTO vehicle VALUES {', '.join(rows)}")


def test_late_rows_within_the_overlap_come_in_once(vehicles: Any) -> None:
    def more() -> int:
        return int(drive(vehicles, mode="incremental", table="vehicle", marker="seen", overlap=86400).written)

    assert more() == 3
    _insert(vehicles, "(4, '晚', '2024-01-31 12:00:00')", "(5, '平', '2024-02-01')")
    assert [more(), more()] == [2, 0]
    _insert(vehicles, "(6, '新', '2024-03-01')")
    assert more() == 1
    assert sorted(r[0] for r in vehicles.rows("id")) == ["1", "2", "3", "4", "5", "6"]


def test_equal_rows_are_counted_one_by_one(bench: Any) -> None:
    path = bench.folder / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("CREATE TABLE t (n INTEGER, a TEXT); INSERT INTO t VALUES (1, 'x'), (1, 'x')")

    def more() -> int:
        bench.clock.at = bench.clock.at.replace(microsecond=bench.clock.at.microsecond + 1)
        return int(bench.run("sqlite", ["n", "a"], {"path": "a.db", "table": "t", "marker": "n"}, mode="incremental").written)

    assert more() == 2
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO t VALUES (1, 'x'), (1, 'y')")
    assert [more(), more()] == [2, 0]
    assert sorted(r[0] for r in bench.rows("a")) == ["x", "x", "x", "y"]


def test_all_is_taken_anew_in_the_place_of_what_there_was(vehicles: Any) -> None:
    def more(mode: str) -> int:
        return int(drive(vehicles, mode=mode, table="vehicle", marker="id").written)

    assert more("incremental") == 3
    _insert(vehicles, "(5, 'e', '2024-01-01')")
    assert more("incremental") == 1
    _insert(vehicles, "(4, 'd', '2024-01-01')")
    with pytest.raises(DataError) as caught:
        more("incremental")
    assert caught.value.code == "collect.marker.late"
    assert [more("full"), more("incremental")] == [5, 0]
    assert [r[0] for r in vehicles.rows("id")] == ["1", "2", "3", "4", "5"]


def _connector(bench: Any, name: str, **options: Any) -> Any:
    source = Source(name="s", title=ANY, department="ga", connector=name, options=options)
    return build(make_resource(COLUMNS), source, bench.folder)


def test_rows_of_a_span_of_days(vehicles: Any, sink: Any) -> None:
    connector = _connector(vehicles, "duckdb_file", path="v.duckdb", table="vehicle", marker="seen")
    for piece in connector.between(date(2024, 1, 2), date(2024, 2, 1)):
        assert (piece.origin, piece.position) == ("vehicle@2024-01-02/2024-02-01", None)
        assert [b.column("id").to_pylist() for b in connector.read(piece, sink)] == [["2"]]
        assert connector.count(piece) == 1
    with pytest.raises(ConfigError) as caught:
        list(_connector(vehicles, "duckdb_file", path="v.duckdb", table="vehicle", marker="id").between(date(2024, 1, 1), date(2024, 2, 1)))
    assert caught.value.code == "collect.period.marker"


def test_a_position_is_kept_as_text() -> None:
    position = Position("2024-01-01", "2023-12-31", 5, "abc")
    assert load(position.dump()) == position
    assert load(None) is None


def test_a_source_says_which_tables_it_holds(vehicles: Any) -> None:
    shape = next(_connector(vehicles, "duckdb_file", path="v.duckdb").tables())
    assert (shape.name, dict(shape.what), shape.key, shape.rows) == ("vehicle", {"table": "vehicle"}, ("id",), 3)
    assert [(c.name, c.kind) for c in shape.columns] == [("id", "INTEGER"), ("plate", "VARCHAR"), ("seen", "TIMESTAMP")]


def test_either_a_table_or_a_query(vehicles: Any) -> None:
    for options in ({}, {"table": "vehicle", "query": "SELECT 1"}):
        with pytest.raises(ConfigError) as caught:
            drive(vehicles, **options)
        assert caught.value.code == "collect.database.what"


# -- words for databases that are not here --------------------------------------------------------------


class Stub:
    """A driver that writes down what it is told and answers from a list."""

    class Error(Exception):
        """Any error."""

    ISO_LEVEL_SERIALIZABLE, DSQL_MODE_READ_ONLY = 8, 1
    DB_TYPE_CLOB, DB_TYPE_NCLOB, DB_TYPE_LONG = "clob", "nclob", "long"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.answers: list[list[tuple[Any, ...]]] = []
        self.description: list[tuple[Any, ...]] = []
        self.given: dict[str, Any] = {}
        self.fault: Exception | None = None

    def connect(self, **given: Any) -> Stub:
        self.given = given
        if self.fault:
            raise self.fault
        return self

    def cursor(self) -> Stub:
        return self

    def execute(self, words: str) -> None:
        self.said.append(words)
        if self.fault:
            raise self.fault

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.answers.pop(0)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        return self.answers.pop(0) if self.answers else []

    def close(self) -> None:
        pass


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    made = Stub()
    for module in (oracle, dameng, sqlserver):
        monkeypatch.setattr(module, "require", lambda *_, **__: made)
    return made


URL = sa.make_url("any://someone:hush@db.example/CITY")


def _texts(session: Any, *kinds: tuple[str, str]) -> list[str]:
    return [session.text(Column("A", kind, words)) for kind, words in kinds]


def test_words_for_oracle(stub: Stub) -> None:
    session = oracle.Oracle(URL, Limits(seconds=5))
    assert (stub.given["host"], stub.given["port"], stub.given["service_name"]) == ("db.example", 1521, "CITY")
    assert stub.said[-1] == "SET TRANSACTION READ ONLY"
    assert _texts(session, ("text", "VARCHAR"), ("decimal", "NUMBER"), ("moment", "DATE"), ("moment", "TIMESTAMP_TZ")) == [
        'src."A"',
        "REGEXP_REPLACE(TO_CHAR(src.\"A\", 'TM9'), '^(-?)\\.', '\\10.')",
        "TO_CHAR(src.\"A\", 'YYYY-MM-DD HH24:MI:SS')",
        "TO_CHAR(src.\"A\", 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM')",
    ]
    at = Column("A", "moment", "DATE")
    assert session.literal(at, "2024-01-01 00:00:00") == "TO_DATE('2024-01-01 00:00:00', 'YYYY-MM-DD HH24:MI:SS')"
    assert session.less(at, "x", 60) == "(x - NUMTODSINTERVAL(60, 'SECOND'))"
    assert session.literal(Column("A", "text", "VARCHAR"), "it's") == "'it''s'"
    assert session.scalar("1") == "SELECT 1 FROM dual"


def test_words_for_sql_server(stub: Stub) -> None:
    stub.answers = [[(1,)]]
    session = sqlserver.SQLServer(URL, Limits(lock_seconds=2))
    assert stub.said[0] == "SET LOCK_TIMEOUT 2000"
    assert stub.said[-2:] == ["SET TRANSACTION ISOLATION LEVEL SNAPSHOT", "BEGIN TRANSACTION"]
    assert session.quote("a]b") == "[a]]b]"
    assert _texts(session, ("text", "varchar"), ("real", "float"), ("moment", "datetime2"), ("decimal", "money")) == [
        "CONVERT(nvarchar(max), src.[A])",
        "CONVERT(nvarchar(max), src.[A], 3)",
        "CONVERT(nvarchar(max), src.[A], 121)",
        "CONVERT(nvarchar(max), src.[A], 2)",
    ]
    assert session.literal(Column("A", "moment", "datetime2"), "2024") == "CAST(N'2024' AS datetime2)"
    assert session.less(Column("A", "date", "date"), "x", 90_000) == "DATEADD(day, -2, x)"
    stub.answers = [[("a", "decimal(10,2)", False, None), ("b", "varbinary(max)", True, None)]]
    assert session.describe("t") == [Column("a", "decimal", "decimal", True), Column("b", "binary", "varbinary")]


def test_words_for_dameng(stub: Stub) -> None:
    session = dameng.Dameng(URL, Limits())
    assert (stub.given["server"], stub.given["port"], stub.given["txn_isolation"]) == ("db.example", 5236, 8)
    assert _texts(session, ("text", "STRING"), ("decimal", "NUMBER")) == ['src."A"', 'CAST(src."A" AS VARCHAR(8188))']
    at = Column("A", "moment", "TIMESTAMP")
    assert session.literal(at, "2024-01-01") == "CAST('2024-01-01' AS TIMESTAMP(9))"
    assert session.less(at, "x", 60) == "DATEADD(SECOND, -60, x)"


def test_rows_of_a_plain_driver_become_text(stub: Stub) -> None:
    session = oracle.Oracle(URL, Limits())
    stub.answers = [[("1", None), ("2", "乙")], []]
    columns = [Column("A", "decimal", "NUMBER"), Column("B", "text", "VARCHAR")]
    found = pa.Table.from_batches(session.stream(columns, "FROM t src"))
    assert found.to_pydict() == {"A": ["1", "2"], "B": [None, "乙"]}
    assert stub.said[-1].endswith(', src."B" FROM t src')


class _OracleFault:
    def __init__(self, code: int, full_code: str = "") -> None:
        self.code, self.full_code = code, full_code


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (_OracleFault(1017), "collect.source.denied"),
        (_OracleFault(12514), "collect.database.missing"),
        (_OracleFault(12541), "collect.source.unreachable"),
    ],
)
def test_faults_of_connecting_to_oracle(stub: Stub, fault: Any, code: str) -> None:
    stub.fault = stub.Error(fault)
    with pytest.raises(SourceError) as caught:
        oracle.Oracle(URL, Limits())
    assert caught.value.code == code
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "fault", "code"),
    [
        (oracle.Oracle, _OracleFault(942), "collect.source.forbidden"),
        (oracle.Oracle, _OracleFault(904), "collect.query.wrong"),
        (oracle.Oracle, _OracleFault(0, "DPY-4024"), "collect.source.slow"),
        (oracle.Oracle, _OracleFault(3113), "collect.source.cut"),
        (dameng.Dameng, "[CODE:-6407]", "collect.source.locked"),
        (dameng.Dameng, "[CODE:-2106]", "collect.query.wrong"),
        (sqlserver.SQLServer, 229, "collect.source.forbidden"),
        (sqlserver.SQLServer, (1222, b"x"), "collect.source.locked"),
        (sqlserver.SQLServer, 20003, "collect.source.slow"),
        (sqlserver.SQLServer, 12345, "collect.source.failed"),
    ],
)
def test_faults_while_asking(stub: Stub, kind: Any, fault: Any, code: str) -> None:
    stub.answers = [[(0,)]]
    session = kind(URL, Limits())
    stub.fault = stub.Error(fault)
    with pytest.raises((SourceError, DataError)) as caught:
        session.rows("SELECT 1")
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["oracle", "sqlserver", "dameng", "kingbase"])
def test_nobody_there(bench: Any, name: str) -> None:
    pytest.importorskip({"oracle": "oracledb", "sqlserver": "pymssql", "dameng": "dmPython", "kingbase": "psycopg"}[name])
    bench.write("url", "any://someone:hush@127.0.0.1:1/CITY")
    with pytest.raises(SourceError) as caught:
        _connector(bench, name, url="file:url", table="T").check()
    assert caught.value.code == "collect.source.unreachable"
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("28P01", "collect.source.denied"),
        ("42501", "collect.source.forbidden"),
        ("53300", "collect.source.busy"),
        ("57P01", "collect.source.cut"),
        ("22012", "collect.source.failed"),
    ],
)
def test_faults_of_postgresql_by_their_state(state: str, code: str) -> None:
    session = object.__new__(postgresql.PostgreSQL)
    session.place, session._limits, session._is_open = "h:1/d", Limits(), True
    error = type("Fault", (Exception,), {"sqlstate": state})("a value: 张三")
    found = session._failure(error)
    assert found.code == code
    assert "张三" not in str(found)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('password authentication failed for user "x"', "collect.source.denied"),
        ("sorry, too many clients already", "collect.source.busy"),
        ('database "x" does not exist', "collect.database.missing"),
        ("connection timeout expired", "collect.source.unreachable"),
    ],
)
def test_faults_of_connecting_to_postgresql(words: str, code: str) -> None:
    session = object.__new__(postgresql.PostgreSQL)
    session.place, session._limits, session._is_open = "h:1/d", Limits(), False
    assert session._failure(Exception(words)).code == code
