"""Legacy databases moved whole: every table, every value, proven by the command and again by own queries here."""

from __future__ import annotations

import csv
import json
import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pymysql
import pytest
from ruamel.yaml import YAML
from tests.real_data import REAL, needs_real
from tests.unit.collect.dbase_files import memo_three, table
from typer.testing import CliRunner

from cityloom.cli.main import build
from cityloom.flows.bootstrap import example_content
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.log import configure_log

NASTY = (
    ["select", "order", "group by", 'a"b', "it's", "x;drop table y", "表 一", "人员信息", "人员-信息", "人员_信息", "1st", "2024"]
    + ["  lead", "trail ", "a.b", "a/b", "a\\b", "..", "UPPER", "upper2", "Ünï", "ß", "SS", "emoji🎉", "tab\tname", "new\nline"]
    + ["%s", "{x}", "[br]", "*", "?", "null", "raw_x", "_batch", "long" * 40, "long" * 41, "a b", "a_b", "a-b", "＿全角", "１２"]
    + ["ключ", "テーブル", "sqlitex", "$", "#", "@home", "-dash", "--x", "t50"]
)
COLUMNS = ['姓名 "x"', "a,b;{}()=", "Größe\n", "when", "blob", "no type", "ID"]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the example's definitions in force."""
    folder = tmp_path_factory.mktemp("prepared") / "ws"
    assert CliRunner().invoke(build(), ["apply", str(example_content()), "-w", str(folder)]).exit_code == 0
    return folder


@pytest.fixture
def run(tmp_path: Path, prepared: Path) -> Run:
    """``cityloom`` in a workspace of its own; gives its JSON, its exit code as ``exit`` and its errors."""
    shutil.copytree(prepared, tmp_path / "ws")
    configure_log("warning")

    def call(*words: object, json_wanted: bool = True) -> dict[str, Any]:
        given = [*map(str, words), "-w", str(tmp_path / "ws"), *(["--json"] if json_wanted else [])]
        done = CliRunner().invoke(build(), given)
        error = done.exception
        told = {"exit": done.exit_code, "errors": done.stderr}
        if isinstance(error, CityLoomError):
            told = {"exit": error.exit_code, "errors": f"{error.code}: {error}"}
        elif error is not None and not isinstance(error, SystemExit):
            raise error
        out = json.loads(done.stdout) if json_wanted and done.stdout.startswith("{") else {"text": done.stdout}
        return {**out, **told}

    return call


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "CITYLOOM_WORKSPACE": str(tmp_path / "ws"), "CITYLOOM_LANGUAGE": "en"}


def raw(tmp_path: Path, resource: str, columns: list[str]) -> Counter[tuple[str | None, ...]]:
    """What the lake's files hold, read with nothing of the platform but the table's log."""
    folder = tmp_path / "ws" / "lake" / "raw" / f"zj__{resource}"
    log = [json.loads(line) for file in sorted((folder / "_delta_log").glob("*.json")) for line in file.read_text().splitlines()]
    gone = {one["remove"]["path"] for one in log if "remove" in one}
    paths = [str(folder / one["add"]["path"]) for one in log if "add" in one and one["add"]["path"] not in gone]
    quoted = ", ".join('"' + c.replace('"', '""') + '"' for c in columns)
    with duckdb.connect() as connection:
        return Counter(connection.execute(f"SELECT {quoted} FROM read_parquet(?)", [paths]).fetchall())


def nasty_database(path: Path, sizes: tuple[int, ...] = (0, 1, 7, 300, 900)) -> dict[str, int]:
    """A table for each nasty name; how many rows each has."""
    dice = random.Random(1)
    kinds = ["TEXT", "NUMERIC(10,2)", "REAL", "DATETIME", "BLOB", "", "INTEGER PRIMARY KEY"]
    counts = {}
    with closing(sqlite3.connect(path)) as connection, connection:
        for place, name in enumerate(NASTY):
            body = ", ".join(f"{quote(c)} {k}" for c, k in zip(COLUMNS, kinds, strict=True))
            connection.execute(f"CREATE TABLE {quote(name)} ({body})")
            counts[name] = sizes[place % len(sizes)]
            rows = [(*values(dice, place % 3 == 0), n) for n in range(counts[name])]
            connection.executemany(f"INSERT INTO {quote(name)} VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE VIEW seen AS SELECT 1 AS a")
    return counts


def values(dice: random.Random, has_bytes: bool) -> tuple[object, ...]:
    return (
        dice.choice(["张三", None, "", " ", "a\0b", "line\nbreak", "🎉" * 3, "NULL", "\\N"]),
        dice.choice([1, 2.5, None, "abc", -0.0, 1e300, 2**62]),
        dice.random() * 10 ** dice.randint(-5, 20),
        dice.choice(["2024-01-01", None, "0000-00-00 00:00:00", 5]),
        dice.choice([None, b"\0\xff", "text"]) if has_bytes else None,
        dice.choice([1, "1", 1.0, None]),
    )


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def truth(path: Path, name: str) -> Counter[tuple[str | None, ...]]:
    """The rows of a SQLite table as text."""

    def text(value: object) -> str | None:
        if isinstance(value, bytes):
            return value.hex()
        return value if value is None or isinstance(value, str) else repr(value)

    with closing(sqlite3.connect(path)) as connection:
        return Counter(tuple(map(text, row)) for row in connection.execute(f"SELECT * FROM {quote(name)}"))


def test_fifty_tables_with_nasty_names_and_values(run, tmp_path):
    counts = nasty_database(tmp_path / "old.db")
    done = run("migrate", tmp_path / "old.db", "-d", "zj")
    assert (done["exit"], done["proven"]) == (0, True), done["errors"]
    assert {t["table"]: t["lake_rows"] for t in done["tables"]} == counts
    for one in done["tables"]:
        assert one["state"] == "equal"
        assert all(c["equal"] for c in one["columns"]) and len(one["columns"]) == len(COLUMNS) + 1
        assert raw(tmp_path, one["resource"], COLUMNS) == truth(tmp_path / "old.db", one["table"]), one["table"]
    assert done["rows"] == sum(counts.values())
    assert done["size"] == (tmp_path / "old.db").stat().st_size


def test_the_proof_is_kept_as_files(run, tmp_path):
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection, connection:
        connection.execute("CREATE TABLE 人员 (编号 TEXT PRIMARY KEY, 姓名 TEXT)")
        connection.executemany("INSERT INTO 人员 VALUES (?, ?)", [("1", "甲"), ("2", None)])
    done = run("migrate", tmp_path / "old.db", "-d", "zj")
    page, data, lines = map(Path, done["files"])
    assert "<td>人员</td>" in page.read_text(encoding="utf-8")
    assert json.loads(data.read_text(encoding="utf-8"))["tables"][0]["source_rows"] == 2
    rows = list(csv.DictReader(lines.open(encoding="utf-8-sig")))
    assert [(r["column"], r["source_filled"], r["lake_filled"], r["equal"]) for r in rows] == [
        ("编号", "2", "2", "1"),
        ("姓名", "1", "1", "1"),
        ("[编号]", "2", "2", "1"),
    ]
    assert rows[0]["source_digest"] == rows[0]["lake_digest"] != rows[1]["source_digest"]


def test_definitions_are_for_review_and_stay_as_people_leave_them(run, tmp_path):
    nasty_database(tmp_path / "old.db", sizes=(3,))
    planned = run("migrate", tmp_path / "old.db", "-d", "zj", "--plan", "--table", "人员信息", "--table", "a b")
    assert [(t["table"], t["rows"]) for t in planned["tables"]] == [("a b", 3), ("人员信息", 3)]
    folder = Path(planned["definitions"])
    assert run("collect", "batches", json_wanted=False)["text"].count("old_") == 0
    name = planned["tables"][1]["resource"]
    path = folder / f"{name}.yml"
    path.write_text(path.read_text(encoding="utf-8").replace(f"name: {name}", "name: people", 1), encoding="utf-8")
    done = run("migrate", tmp_path / "old.db", "-d", "zj", "--table", "人员信息")
    assert [(t["resource"], t["lake_rows"]) for t in done["tables"]] == [("people", 3)]
    assert done["left_out"] == sorted(set(NASTY) - {"人员信息"})
    again = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    assert [i["column"] for i in again["items"]] == COLUMNS
    assert again["key"] == ["id"]
    assert again["items"][1]["steps"] == [{"step": "number"}]


def test_definitions_go_to_the_citys_own_folder_where_it_is_named(run, tmp_path):
    shutil.copytree(example_content(), tmp_path / "city")
    nasty_database(tmp_path / "old.db", sizes=(2,))
    words = ("migrate", tmp_path / "old.db", "-d", "zj", "--into", tmp_path / "city", "--table", "ß")
    assert run(*words)["exit"] == 0
    assert len(list((tmp_path / "city" / "migrations" / "old").glob("*.yml"))) == 2
    assert "Nothing to change" in run("apply", tmp_path / "city", json_wanted=False)["text"]


def test_a_table_that_cannot_be_moved_is_named_and_the_others_are_done(run, tmp_path):
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection, connection:
        connection.execute("CREATE TABLE good (a TEXT)")
        connection.execute("INSERT INTO good VALUES ('x')")
        connection.execute('CREATE TABLE bad (a TEXT, "_batch" TEXT)')
        connection.execute("CREATE TABLE worse (a TEXT)")
        connection.execute("INSERT INTO worse VALUES (CAST(x'ff' AS TEXT))")
    done = run("migrate", tmp_path / "old.db", "-d", "zj")
    assert {t["table"]: t["state"] for t in done["tables"]} == {"good": "equal", "bad": "failed", "worse": "failed"}
    assert done["exit"] == 5
    assert "2 of 3 tables are not proven" in done["errors"]
    reasons = {t["table"]: t["reason"] for t in done["tables"]}
    assert "_batch" in reasons["bad"] and "UTF-8" in reasons["worse"]


def test_rows_that_cannot_be_taken_are_counted_and_the_exit_code_says_so(run, tmp_path):
    (tmp_path / "dbf").mkdir()
    rows = [(b" ", [b"1", b"20240101"]), (b" ", [b"2", b"20249999"]), (b"*", [b"3", b""])]
    table(tmp_path / "dbf" / "people.dbf", [("ID", "C", 3, 0), ("BORN", "D", 8, 0)], rows)
    memo_three(tmp_path / "dbf" / "notes.dbt", "备注".encode("gb18030"))
    memo = [(b" ", [b"1", b"1".rjust(10)])]
    table(tmp_path / "dbf" / "notes.dbf", [("ID", "C", 3, 0), ("NOTE", "M", 10, 0)], memo, version=0x83, language=0x4D)
    done = run("migrate", tmp_path / "dbf", "-d", "zj")
    found = {t["table"]: (t["state"], t["source_rows"], t["lake_rows"], t["rejected_rows"]) for t in done["tables"]}
    assert found == {"people": ("set_apart", 2, 1, 1), "notes": ("equal", 1, 1, 0)}
    assert done["exit"] == 5
    assert raw(tmp_path, "dbf_notes", ["ID", "NOTE"]) == Counter([("1", "备注")])


@needs_real
@pytest.mark.parametrize(
    ("file", "tables", "rows"),
    [
        ("mdbtools/data/nwind.mdb", 9, 4032),
        ("mdbtools/data/ASampleDatabase.accdb", 1, 65),
        ("jackcess/V2000/testIndexPropertiesV2000.mdb", 6, 42),
        ("jackcess/V2000/testV2000.mdb", 4, 2),
    ],
)
def test_real_databases_of_access(run, tmp_path, file, tables, rows):
    done = run("migrate", REAL / "messy_mdb" / file, "-d", "zj", "--name", "old")
    assert (done["exit"], len(done["tables"]), done["rows"]) == (0, tables, rows), done["errors"]


def test_killed_in_the_middle_it_goes_on_and_doubles_nothing(run, tmp_path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        for n in range(12):
            connection.execute(f"CREATE TABLE t{n} (a INTEGER, b TEXT)")
            connection.executemany(f"INSERT INTO t{n} VALUES (?, ?)", [(k, f"{n} {k}") for k in range(30_000)])
    command = [sys.executable, "-m", "cityloom", "migrate", str(path), "-d", "zj", "--json"]
    killed = 0
    for wait in (2.5, 3.5):
        process = subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(wait)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert killed
    done = run("migrate", path, "-d", "zj")
    assert (done["exit"], done["rows"]) == (0, 12 * 30_000), done["errors"]
    for n in range(12):
        assert raw(tmp_path, f"old_t{n}", ["a", "b"]) == Counter((str(k), f"{n} {k}") for k in range(30_000))
    assert all(len(t["batches"]) == 1 for t in done["tables"])
    again = run("migrate", path, "-d", "zj")
    assert [t["batches"] for t in again["tables"]] == [t["batches"] for t in done["tables"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nothing.mdb", "-d", "zj"], "flows.migration.unknown"),
        (["plain.txt", "-d", "zj"], "flows.migration.unknown"),
        (["old.db", "-d", "nobody"], "flows.migration.department"),
        (["old.db", "-d", "zj", "--table", "zz"], "flows.migration.empty"),
        (["old.db", "-d", "zj", "--name", "A B"], "flows.migration.unnamed"),
        (["source.yml", "-d", "zj"], "collect.listing.unsupported"),
        (["old.db", "-d", "zj", "--as", "nobody"], "flows.role.missing"),
    ],
)
def test_wrong_input_is_told_before_anything_moves(run, tmp_path, words, code):
    (tmp_path / "plain.txt").write_text("x")
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection, connection:
        connection.execute("CREATE TABLE good (a TEXT)")
    text = "kind: source\nname: s\ntitle: {zh: 甲, en: a}\ndepartment: zj\nconnector: csv_files\noptions: {folder: x}\n"
    (tmp_path / "source.yml").write_text(text, encoding="utf-8")
    done = run("migrate", tmp_path / words[0], *words[1:])
    assert done["exit"] != 0
    assert code in done["errors"]


def test_a_source_that_a_definition_describes(run, tmp_path):
    nasty_database(tmp_path / "old.db", sizes=(5,))
    text = f"kind: source\nname: land\ntitle: {{zh: 旧库, en: Old}}\ndepartment: ga\nconnector: sqlite\noptions: {{path: '{tmp_path / 'old.db'}'}}\n"
    (tmp_path / "source.yml").write_text(text, encoding="utf-8")
    done = run("migrate", tmp_path / "source.yml", "-d", "zj", "--table", "ключ", "--table", "..")
    assert (done["exit"], done["name"], done["rows"]) == (0, "land", 10), done["errors"]


MARIADB = {
    "人员 信息": (
        "id INT AUTO_INCREMENT PRIMARY KEY COMMENT '编号', 姓名 VARCHAR(40) NOT NULL COMMENT '公民姓名', amount DECIMAL(30,10), at DATETIME(6), "
        "day DATE, born YEAR, dur TIME(3), flag BIT(3), doc JSON, kind ENUM('甲','乙'), marks SET('x','y'), big BIGINT UNSIGNED",
        "NULL, '张𠮷', -12345678901234567890.1234567890, '2024-02-29 08:00:00.123456', '0000-00-00', 2024, '-36:00:01.5', b'101', "
        "'{\"a\": 1.10}', '乙', 'x,y', 18446744073709551615",
    ),
    "order": ("`select` TEXT, `a.b` LONGTEXT, `x``y` CHAR(10), PRIMARY KEY (`x``y`)", "'a\\0b\\n', REPEAT('长', 50000), uuid_short() % 1000000000"),
    "no_key": ("a INT, b TEXT CHARACTER SET gbk, c VARCHAR(20) CHARACTER SET latin1", "floor(rand() * 5), '汉字', 'é'"),
    "pairs": ("a INT, b INT, blobs LONGBLOB, PRIMARY KEY (b, a)", "floor(rand() * 1000000), 7, x'00ff'"),
    "empty": ("a INT PRIMARY KEY", ""),
}


@pytest.fixture
def mariadb(server: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    """A database of its own on the server: its address, and a connection that leaves values as the server shows them."""
    parts = urlsplit(server("TEST_MARIADB_URL"))
    name = f"old_{secrets.token_hex(4)}"
    login = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password or ""}
    connection = pymysql.connect(**login, charset="utf8mb4", conv={}, autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {name}")
        cursor.execute("SET SESSION sql_mode = ''")
        try:
            yield f"mysql://{parts.username}:{parts.password or ''}@{parts.hostname}:{parts.port}/{name}", cursor
        finally:
            cursor.execute(f"DROP DATABASE {name}")


def test_a_database_on_a_server_whose_password_is_nowhere_written(run, tmp_path, mariadb, monkeypatch):
    url, cursor = mariadb
    monkeypatch.setenv("OLD_URL", url)
    for name, (columns, row) in MARIADB.items():
        cursor.execute(f"CREATE TABLE `{name}` ({columns})")
        for _ in range(300 if row else 0):
            cursor.execute(f"INSERT IGNORE INTO `{name}` VALUES ({row})")
    text = "kind: source\nname: hr\ntitle: {zh: 人事, en: HR}\ndepartment: zj\nconnector: mysql\noptions: {url: 'env:OLD_URL'}\n"
    (tmp_path / "source.yml").write_text(text, encoding="utf-8")
    done = run("migrate", tmp_path / "source.yml", "-d", "zj")
    assert (done["exit"], done["proven"]) == (0, True), done["errors"]
    tables = {t["table"]: t for t in done["tables"]}
    assert set(tables) == set(MARIADB)
    for name, one in tables.items():
        columns = [c["column"] for c in one["columns"] if not c["column"].startswith("[")]
        quoted = ", ".join(f"LOWER(HEX({quoted_sql(c)}))" if c == "blobs" else shown_sql(c) for c in columns)
        cursor.execute(f"SELECT {quoted} FROM `{name}`")
        assert raw(tmp_path, one["resource"], columns) == Counter(cursor.fetchall()), name
        assert one["proved_by"] == "source"
    definition = YAML(typ="safe").load((Path(done["definitions"]) / f"{tables['人员 信息']['resource']}.yml").read_text())
    assert definition["items"][1]["title"]["zh"] == "公民姓名"
    assert definition["key"] == ["id"]
    for path in [*Path(done["definitions"]).iterdir(), *map(Path, done["files"])]:
        assert url.partition("@")[0] not in path.read_text(encoding="utf-8")


def quoted_sql(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def shown_sql(name: str) -> str:
    """A column as the server shows it; bits as a number."""
    return f"CAST({quoted_sql(name)} + 0 AS CHAR)" if name == "flag" else quoted_sql(name)
