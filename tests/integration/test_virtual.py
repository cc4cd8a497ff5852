"""Live queries of real databases: pushed down, refused when dear, cut off when slow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from cityloom.collect.virtual import Condition, Question, ask
from cityloom.kernel.errors import CityLoomError, ConfigError, SourceError, UserError
from cityloom.kernel.ids import new_id
from cityloom.model.resource import Item, Resource
from cityloom.model.source import Budget, CollectionTask, Source
from cityloom.model.text import Title

ANY = Title("例", "example")
ROWS = 5_000
KINDS = ("postgresql", "mysql", "sqlite", "duckdb_file")
NAMES = {1: "张伟", 2: "50%_off", 3: None}


def name_of(number: int) -> str | None:
    return NAMES.get(number, f"name{number}")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A table of people with an index on ``id`` and none on ``name``; gives connector and options."""
    table = new_id("people")
    data = [(n, name_of(n), f"2024-01-{n % 28 + 1:02}") for n in range(1, ROWS + 1)]
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", data)
        yield {"connector": "sqlite", "options": {"path": "a.db"}, "table": table}
        return
    if request.param == "duckdb_file":
        with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name VARCHAR, born DATE)")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", data[:200])
        yield {"connector": "duckdb_file", "options": {"path": "a.duckdb"}, "table": table}
        return
    url = server("TEST_POSTGRESQL_URL" if request.param == "postgresql" else "TEST_MARIADB_URL")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {table} (id integer PRIMARY KEY, name varchar(60), born date)")
        rows = [{"id": n, "name": name, "born": born} for n, name, born in data]
        connection.execute(sa.text(f"INSERT INTO {table} VALUES (:id, :name, :born)"), rows)
        connection.exec_driver_sql(f"ANALYZE {'TABLE ' if request.param == 'mysql' else ''}{table}")
    monkeypatch.setenv("PEOPLE_URL", url)
    yield {"connector": request.param, "options": {"url": "env:PEOPLE_URL"}, "table": table}
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")


def resource(place: dict[str, Any], budget: Budget | None = None, mode: str = "full") -> Resource:
    items = tuple(Item(name=c, column=c, title=ANY) for c in ("id", "name", "born"))
    task = CollectionTask(source="s", what={"table": place["table"]}, virtual=budget, mode=mode)
    return Resource(name="people", department="ga", title=ANY, abstract=ANY, category="x", items=items, collect=task)


def source(place: dict[str, Any]) -> Source:
    return Source(name="s", title=ANY, department="ga", connector=place["connector"], options=place["options"])


def asked(place: dict[str, Any], base: Path, question: Question, budget: Budget | None = None) -> list[dict[str, Any]]:
    budget = budget or Budget(scanned=ROWS)
    return ask(resource(place, budget), source(place), question, base=base).rows.to_pylist()


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (Condition("id", "=", ("7",)), ["7"]),
        (Condition("id", "in", ("7", "9")), ["7", "9"]),
        (Condition("id", "<=", ("2",)), ["1", "2"]),
        (Condition("name", "=", ("张伟",)), ["1"]),
        (Condition("name", "starts", ("50%_",)), ["2"]),
        (Condition("name", "missing"), ["3"]),
        (Condition("name", "=", ("' OR 1=1 --",)), []),
    ],
)
def test_conditions_are_answered_by_the_source(place, tmp_path: Path, condition: Condition, ids: list[str]) -> None:
    found = asked(place, tmp_path, Question(("id", "name"), (condition,), 10))
    assert sorted(row["id"] for row in found) == sorted(ids)
    assert all(set(row) == {"id", "name"} for row in found)


def test_values_are_text_as_they_are_collected(place, tmp_path: Path) -> None:
    (row,) = asked(place, tmp_path, Question((), (Condition("id", "=", ("1",)),), 10))
    assert row == {"id": "1", "name": "张伟", "born": "2024-01-02"}


def test_a_limit_is_kept_and_more_is_told(place, tmp_path: Path) -> None:
    found = ask(resource(place, Budget(scanned=ROWS)), source(place), Question((), (), 5), base=tmp_path)
    assert found.rows.num_rows == 5
    assert found.is_cut


def test_what_would_cost_too_much_is_refused_and_an_index_makes_it_cheap(place, tmp_path: Path) -> None:
    is_by_columns = place["connector"] == "duckdb_file"
    small = Budget(scanned=100 if is_by_columns else ROWS // 2)
    with pytest.raises(UserError) as caught:
        asked(place, tmp_path, Question((), (Condition("name", "=", ("name77",)),), 10), small)
    assert caught.value.code == "collect.virtual.dear"
    if not is_by_columns:  # a column store looks at whole columns, index or not
        assert len(asked(place, tmp_path, Question((), (Condition("id", "=", ("77",)),), 10), small)) == 1


def test_a_slow_query_is_cut_off(place, tmp_path: Path) -> None:
    slow = {
        "postgresql": "SELECT id, name, born FROM {t} CROSS JOIN (SELECT pg_sleep(20)) AS s",
        "mysql": "SELECT id, name, born FROM {t} CROSS JOIN (SELECT sleep(20)) AS s",
        "sqlite": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000) "
        "SELECT max(n) AS id, '' AS name, '' AS born FROM c",
        "duckdb_file": "SELECT sum(hash(a.range, b.range)) AS id, '' AS name, '' AS born FROM range(1000000) a, range(1000000) b",
    }[place["connector"]]
    given = resource(place, Budget(seconds=1, scanned=10**9))
    task = CollectionTask(source="s", what={"query": slow.format(t=place["table"])}, virtual=given.collect.virtual)
    given = Resource(**{**vars(given), "collect": task})
    with pytest.raises(SourceError) as caught:
        ask(given, source(place), Question((), (), 10), base=tmp_path)
    assert caught.value.code == "collect.virtual.cut"


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (Question(("nothing",), (), 10), "collect.virtual.column"),
        (Question((), (Condition("id", "~", ("1",)),), 10), "collect.virtual.condition"),
        (Question((), (Condition("id", "=", ()),), 10), "collect.virtual.condition"),
        (Question((), (), 100_000), "collect.virtual.rows"),
        (Question((), (Condition("id", "=", ("1; DROP TABLE x",)),), 10), "collect.virtual.value"),
    ],
)
def test_a_wrong_question_is_refused(place, tmp_path: Path, question: Question, code: str) -> None:
    with pytest.raises(CityLoomError) as caught:
        asked(place, tmp_path, question)
    assert caught.value.code == code


def test_only_what_is_allowed_is_asked_live(place, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="may not be asked live"):
        ask(resource(place), source(place), Question((), (), 1), base=tmp_path)
    assert ask(resource(place, mode="virtual"), source(place), Question((), (), 1), base=tmp_path).rows.num_rows == 1
    (tmp_path / "x.csv").write_text("a\n1\n")
    other = Source(name="s", title=ANY, department="ga", connector="csv_files", options={"folder": "."})
    given = resource(place, Budget())
    task = CollectionTask(source="s", virtual=Budget())
    with pytest.raises(ConfigError, match="cannot be asked live"):
        ask(Resource(**{**vars(given), "collect": task}), other, Question((), (), 1), base=tmp_path)
