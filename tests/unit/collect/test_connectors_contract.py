"""What every connector keeps to, whoever wrote it."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from tests.unit.collect.conftest import ANY, make_resource
from tests.unit.collect.dbase_files import table

from cityloom.collect.base import PACKAGE, ROW, build
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugins
from cityloom.model.source import Source

KNOWN = plugins(PACKAGE)
ROWS = [("1", "甲"), ("2", "乙"), ("3", "")]


def _csv(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    (folder / "a.csv").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8")
    return {"folder": "."}


def _excel(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    with xlsxwriter.Workbook(folder / "a.xlsx") as book:
        page = book.add_worksheet()
        for number, row in enumerate([("a", "b"), *rows]):
            page.write_row(number, 0, row)
    return {"folder": "."}


def _sqlite(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    (folder / "a.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE t (a TEXT, b TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    return {"path": "a.db", "table": "t"}


def _duckdb(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    (folder / "a.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(folder / "a.duckdb")) as connection:
        connection.execute("CREATE TABLE t (a VARCHAR PRIMARY KEY, b VARCHAR)")
        for row in rows:
            connection.execute("INSERT INTO t VALUES (?, ?)", row)
    return {"path": "a.duckdb", "table": "t"}


def _xml(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    records = "".join(f"<r><a>{a}</a><b>{b}</b></r>" for a, b in rows)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.xml"), f"<rs>{records}</rs>")
    return {"folder": ".", "record": "r"}


def _lines(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    (folder / "a.jsonl").write_text("".join(f'{{"a": "{a}", "b": "{b}"}}\n' for a, b in rows), encoding="utf-8")
    return {"folder": "."}


def _parquet(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    table = pa.table({"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows], pa.string())})
    pq.write_table(table, folder / "a.parquet")
    return {"folder": "."}


def _dbf(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    records = [(b" ", [value.encode("utf-8") for value in row]) for row in rows]
    table(folder / "a.dbf", [("a", "C", 6, 0), ("b", "C", 6, 0)], records)
    return {"folder": "."}


def _document(folder: Path, rows: list[tuple[str, str]]) -> dict[str, str]:
    records = ", ".join(f'{{"a": "{a}", "b": "{b}"}}' for a, b in rows)
    (folder / "a.json").write_text(f'{{"records": [{records}]}}', encoding="utf-8")
    return {"folder": ".", "records_path": "records"}


MAKERS = {
    "json_files": _document,
    "csv_files": _csv,
    "dbf": _dbf,
    "duckdb_file": _duckdb,
    "excel": _excel,
    "json_lines": _lines,
    "parquet": _parquet,
    "sqlite": _sqlite,
    "xml_zip": _xml,
}
ELSEWHERE = {
    "access",  # real files, for nothing here writes such files
    "http_json",  # its server
    "http_xml",  # its server
    "coap",  # its server
    "http_device",  # its server
    "kafka",  # its server
    "mariadb_changes",  # its server
    "mqtt",  # its server
    "nats",  # its server
    "postgresql_changes",  # its server
    "rabbitmq",  # its server
    "documents",  # files of any kind: features instead of rows
    "dameng",  # a server that is not here: its words only
    "kingbase",  # a server that is not here: tested against PostgreSQL
    "mysql",  # its server
    "oracle",  # a server that is not here: its words only
    "postgresql",  # its server
    "push",  # what waits in the inbox
    "sqlserver",  # a server that is not here: its words only
}
"""Connectors with a test of their own alone, and what is in it."""


def connect(name, folder, options):
    source = Source(name="s", title=ANY, department="ga", connector=name, options=options)
    known = KNOWN[name].capabilities
    mode = "full" if "full" in known else sorted(known)[0]
    return build(make_resource(["a", "b"], mode=mode), source, folder)


def content(connector, sink):
    for piece in connector.slices({}):
        batches = list(connector.read(piece, sink))
        return piece, connector.count(piece), pa.Table.from_batches(batches)
    raise AssertionError("no slice")


def test_every_connector_is_under_contract():
    assert set(KNOWN) - ELSEWHERE == set(MAKERS)


@pytest.mark.parametrize("name", KNOWN)
def test_it_says_what_it_is(name):
    cls = KNOWN[name]
    assert cls.title.zh
    assert cls.title.en
    assert cls.standard
    assert cls.capabilities <= {"full", "incremental", "cdc", "push", "virtual"}
    assert all(line.strip() for line in cls.__doc__.splitlines()[:1])
    for case in cls.cases:
        connect(name, Path(), case)


@pytest.mark.parametrize("name", KNOWN)
def test_a_wrong_option_names_the_valid_ones(name):
    cls = KNOWN[name]
    with pytest.raises(ConfigError) as caught:
        connect(name, Path(), {**cls.cases[0], "passwort": "very secret"})
    assert "passwort" in str(caught.value)
    assert all(key in caught.value.hint for key in cls.cases[0])
    assert "very secret" not in str(caught.value)
    assert "base" not in caught.value.details["valid"].split(", ")


@pytest.mark.parametrize("name", MAKERS)
def test_rows_are_text_with_their_place_and_its_count_is_its_own(name, tmp_path, sink):
    connector = connect(name, tmp_path, MAKERS[name](tmp_path, ROWS))
    connector.check()
    piece, count, table = content(connector, sink)
    assert count == table.num_rows == 3
    assert table.column("a").to_pylist() == ["1", "2", "3"]
    assert [v or "" for v in table.column("b").to_pylist()] == ["甲", "乙", ""]
    rows = table.column(ROW).to_pylist()
    assert rows == sorted(set(rows))
    assert rows[0] >= 1
    assert {f.type for f in table.schema if f.name != ROW} == {pa.string()}
    assert table.schema.field(ROW).type == pa.int64()
    assert str(tmp_path) not in piece.origin


@pytest.mark.parametrize("name", MAKERS)
def test_the_digest_is_the_contents(name, tmp_path, sink):
    digests = []
    for folder, rows in (("one", ROWS), ("two", ROWS), ("three", ROWS[:2])):
        (tmp_path / folder).mkdir()
        connector = connect(name, tmp_path / folder, MAKERS[name](tmp_path / folder, rows))
        digests.append(next(iter(connector.slices({}))).digest)
    again = next(iter(connector.slices({}))).digest
    assert again == digests[2] != digests[0]
    if name != "excel":
        assert digests[0] == digests[1]


@pytest.mark.parametrize("name", MAKERS)
def test_reading_leaves_the_source_as_it_is(name, tmp_path, sink):
    options = MAKERS[name](tmp_path, ROWS)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()}
    content(connect(name, tmp_path, options), sink)
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", MAKERS)
def test_an_empty_source_is_no_rows_and_no_error(name, tmp_path, sink):
    _, count, table = content(connect(name, tmp_path, MAKERS[name](tmp_path, [])), sink)
    assert count == table.num_rows == 0
    assert sink.rows == []
