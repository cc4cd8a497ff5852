"""SQLite: rows as text, missing tables, damaged files, and going on from a marker."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from cityloom.kernel.errors import DataError, SourceError


def fill(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def base(bench):
    path = bench.folder / "a.db"
    fill(
        path,
        "CREATE TABLE persons (id INTEGER, name TEXT, pay REAL, note)",
        "INSERT INTO persons VALUES (1, '甲', 1.5, NULL), (2, '', 0.1, 7), (10, '丙', 1e20, '007')",
    )
    return path


COLUMNS = ["id", "name", "pay", "note"]


def take(bench, **options):
    task = {"mode": options.pop("mode", "full")}
    return bench.run("sqlite", COLUMNS, {"path": "a.db", "table": "persons", **options}, **task)


def test_rows_are_text_as_they_stand(bench, base):
    before = base.read_bytes()
    result = take(bench)
    assert result.written == 3
    assert bench.rows(*COLUMNS, "_row") == [
        ("1", "甲", "1.5", None, 1),
        ("2", "", "0.1", "7", 2),
        ("10", "丙", "1e+20", "007", 3),
    ]
    assert base.read_bytes() == before
    assert take(bench).summary["skipped"] == 1


def test_a_changed_table_replaces_its_batch(bench, base):
    take(bench)
    fill(base, "DELETE FROM persons WHERE id = 2")
    bench.clock.at = bench.clock.at.replace(hour=3)
    assert take(bench).written == 2
    assert bench.rows("id") == [("1",), ("10",)]


def test_incremental_goes_on_from_the_marker(bench, base):
    assert take(bench, marker="id", mode="incremental").written == 3
    assert take(bench, marker="id", mode="incremental").read == 0
    bench.clock.at = bench.clock.at.replace(hour=3)
    fill(base, "INSERT INTO persons VALUES (11, '丁', 1, 1)", "INSERT INTO persons VALUES (12, '戊', 1, 1)")
    assert take(bench, marker="id", mode="incremental").written == 2
    assert sorted(bench.rows("id")) == [("1",), ("10",), ("11",), ("12",), ("2",)]


def test_a_row_without_marker_is_no_secret(bench, base):
    fill(base, "INSERT INTO persons VALUES (NULL, '丁', 1, 1)")
    with pytest.raises(DataError) as caught:
        take(bench, marker="id", mode="incremental")
    assert (caught.value.code, caught.value.details["count"]) == ("collect.marker.empty", 1)


def test_a_query_is_taken_in_its_order(bench, base):
    query = "SELECT id, name, pay, note FROM persons ORDER BY id DESC;"
    bench.run("sqlite", COLUMNS, {"path": "a.db", "query": query})
    assert bench.rows("id") == [("10",), ("2",), ("1",)]


def test_binary_columns_are_named(bench, base):
    fill(base, "UPDATE persons SET note = x'00ff' WHERE id = 10")
    with pytest.raises(DataError) as caught:
        take(bench)
    assert caught.value.code == "collect.column.binary"
    assert (caught.value.details["row"], caught.value.details["column"]) == (3, "note")


def test_a_missing_table_names_those_there_are(bench, base):
    with pytest.raises(DataError, match="persons") as caught:
        take(bench, table="person")
    assert caught.value.code == "collect.table.missing"


def test_no_database(bench):
    with pytest.raises(SourceError) as caught:
        take(bench)
    assert caught.value.code == "collect.source.unreachable"
    (bench.folder / "a.db").write_bytes(b"this is some other file" * 100)
    with pytest.raises(DataError) as damaged:
        take(bench)
    assert damaged.value.code == "collect.database.damaged"


def test_a_truncated_database_lands_nothing(bench, base):
    fill(base, "INSERT INTO persons SELECT a.id, b.name, 1, hex(randomblob(200)) FROM persons a, persons b, persons c, persons d")
    content = base.read_bytes()
    base.write_bytes(content[: len(content) // 2 // 4096 * 4096])
    with pytest.raises((DataError, SourceError)):
        take(bench)
    assert not bench.lake.exists("raw_ga__things")
