"""Health of sources: asked at once, noted by every collection, with what changed in their columns."""

import socket
import sqlite3

import pytest

from cityloom.flows import health
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.chain import collect_step
from cityloom.flows.runner import Runner
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import SourceError, UserError
from cityloom.model.city import City
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store import findings

ANY = Title("例", "example")


def source(name: str, connector: str, **options) -> Source:
    return Source(name=name, title=ANY, department="ga", connector=connector, options=options)


def task(name: str, source: str, **what) -> Resource:
    items = (Item(name="id", column="id", title=ANY),)
    collect = CollectionTask(source=source, what=what)
    return Resource(name=name, department="ga", title=ANY, abstract=ANY, category="c", items=items, collect=collect)


@pytest.fixture
def workspace(tmp_path, engine, lake, store):
    made = Workspace(Settings(), tmp_path, engine, lake, store, SystemClock(), keys=None)
    change(made, "CREATE TABLE t (id TEXT, text TEXT)")
    change(made, "INSERT INTO t VALUES ('1', 'x')")
    made.__dict__["city"] = City(
        sources={
            "base": source("base", "sqlite", path="t.db"),
            "gone": source("gone", "csv_files", folder="nowhere"),
            "idle": source("idle", "csv_files", folder="."),
        },
        resources={"t": task("t", "base", table="t"), "g": task("g", "gone")},
    )
    return made


def change(workspace, statement: str) -> None:
    with sqlite3.connect(workspace.folder / "t.db") as database:
        database.execute(statement)
    database.close()


def state(workspace) -> dict[str, tuple]:
    return {v.source: (v.health.is_reachable, v.health.code) for v in health.overview(workspace)}


def drift(workspace) -> list[dict]:
    with workspace.store.read() as connection:
        return [f.details for f in findings.list_findings(connection, "source")]


def test_sources_are_asked_and_what_failed_is_told_with_its_reason(workspace) -> None:
    assert state(workspace) == {"base": (None, None), "gone": (None, None), "idle": (None, None)}
    views = {v.source: v for v in health.check(workspace)}
    assert state(workspace) == {"base": (True, None), "gone": (False, "collect.source.unreachable"), "idle": (None, None)}
    assert views["base"].health.latency_ms >= 0
    assert views["base"].capabilities == {"full": True, "incremental": True, "cdc": False, "push": False, "virtual": True}
    assert views["base"].resources == ("t",)
    assert "nowhere" in views["gone"].health.reason
    (workspace.folder / "nowhere").mkdir()
    health.check(workspace, ["gone"])
    assert state(workspace)["gone"] == (True, None)
    with pytest.raises(UserError) as caught:
        health.check(workspace, ["no"])
    assert caught.value.code == "model.source.unknown"


def test_columns_that_changed_at_the_source_are_told_by_name(workspace) -> None:
    health.check(workspace, ["base"])
    health.check(workspace, ["base"])
    (schema,) = health.overview(workspace, ["base"])[0].schemas
    assert (schema.way, schema.columns, schema.changed_at) == ("listing", (("id", "TEXT"), ("text", "TEXT")), None)
    assert drift(workspace) == []
    change(workspace, "ALTER TABLE t RENAME COLUMN text TO words")
    change(workspace, "ALTER TABLE t ADD COLUMN n INTEGER")
    health.check(workspace, ["base"])
    assert drift(workspace) == [{"new": "words, n", "gone": "text"}]
    (now,) = health.overview(workspace, ["base"])[0].schemas
    assert (now.before, now.changed_at is not None) == (schema.digest, True)


def test_a_source_that_hangs_is_given_up_and_holds_up_no_other(workspace) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        city = workspace.city
        hung = source("hung", "http_json", url=f"http://127.0.0.1:{deaf.getsockname()[1]}/", timeout_seconds=30, retries=0)
        workspace.__dict__["city"] = City(
            sources={**city.sources, "hung": hung}, resources={**city.resources, "h": task("h", "hung")}
        )
        health.check(workspace, limit=2.0)
    assert state(workspace)["hung"] == (False, "sources.check.silent")
    assert state(workspace)["base"] == (True, None)


def test_every_collection_notes_how_the_source_was(workspace) -> None:
    city = workspace.city
    Runner(workspace).do(collect_step(workspace, city.resource("t")))
    with pytest.raises(SourceError):
        Runner(workspace).do(collect_step(workspace, city.resource("g")))
    assert state(workspace) == {"base": (True, None), "gone": (False, "collect.source.unreachable"), "idle": (None, None)}
    view = health.overview(workspace, ["base"])[0]
    assert view.health.succeeded_at
    assert [(s.way, s.columns) for s in view.schemas] == [("batch", (("id", ""), ("text", "")))]
    change(workspace, "ALTER TABLE t ADD COLUMN n TEXT")
    Runner(workspace).do(collect_step(workspace, city.resource("t")))
    assert drift(workspace) == [{"new": "n"}]


def test_a_note_that_cannot_be_written_hinders_no_collection(workspace, monkeypatch) -> None:
    import sqlalchemy as sa

    def refuse(*_args):
        raise sa.exc.OperationalError("", {}, Exception("no table"))

    monkeypatch.setattr(health.sources, "put_health", refuse)
    assert Runner(workspace).do(collect_step(workspace, workspace.city.resource("t"))).state == "done"
