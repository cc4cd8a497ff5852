"""Tasks that run by themselves, as they really run: processes that are killed, hang, and start again."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa

from cityloom.engines.base import sql
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import open_workspace
from cityloom.flows.jobs import control
from cityloom.kernel.config import Settings
from cityloom.kernel.ids import new_id
from cityloom.lake.changes import current
from cityloom.model.job import TaskState
from cityloom.store import batches, findings, jobs, runs

ROWS = 20_000
PATIENCE = 300
DEPARTMENT = "kind: department\nname: ga\ntitle: {zh: 公安, en: Police}\n---\n"
RESOURCE = """\
kind: source
name: {name}
title: {{zh: 库, en: Database}}
department: ga
connector: {connector}
options: {{{options}}}
---
kind: resource
name: {name}
department: ga
title: {{zh: 表, en: Table}}
abstract: {{zh: 表, en: Table}}
category: 人口
sharing: {{attribute: unconditional}}
key: [id]
items:
  - {{name: id, column: id, title: {{zh: 号, en: Number}}}}
  - {{name: text, column: text, title: {{zh: 字, en: Text}}}}
collect: {{source: {name}, what: {{{what}}}, cycle: {cycle}, mode: {mode}, schedule: {{{schedule}}}}}
---
"""


def database(path, rows=ROWS) -> str:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"行 {n}") for n in range(rows)))
    connection.commit()
    connection.close()
    return f"path: {path}"


def table(folder, name: str, *, rows=ROWS, cycle="day", mode="full", what="table: t", schedule="") -> str:
    options = database(folder / f"{name}.db", rows)
    return RESOURCE.format(
        name=name, connector="sqlite", options=options, what=what, cycle=cycle, mode=mode, schedule=schedule
    )


@pytest.fixture
def home(tmp_path):
    """Folder of a workspace, of sources and of definitions."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "content").mkdir()
    return tmp_path


@contextmanager
def opened(home, url=""):
    workspace = open_workspace(Settings(workspace=home / "w", lease_seconds=5, database=url))
    try:
        yield workspace
    finally:
        workspace.close()


def define(workspace, home, *texts: str) -> None:
    (home / "content" / "all.yml").write_text(DEPARTMENT + "".join(texts), encoding="utf-8")
    apply(workspace, home / "content", actor="dsj.steward")


@contextmanager
def scheduler(home, **environment):
    """The scheduler as people start it."""
    command = [sys.executable, "-m", "cityloom", "jobs", "run", "--workspace", str(home / "w")]
    environ = {**os.environ, "CITYLOOM_LEASE_SECONDS": "5", "CITYLOOM_LANGUAGE": "en", **environment}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.wait(60)
        process.stdout.close()


def until(what, patience=PATIENCE):
    """Wait until something holds; what it gave."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")


def states(workspace) -> dict[str, str]:
    with workspace.store.read() as connection:
        return {name: str(job.state) for name, job in jobs.newest_jobs(connection).items()}


def newest(workspace, name: str):
    with workspace.store.read() as connection:
        return jobs.newest_jobs(connection).get(name)


def landed(workspace, name: str) -> tuple[int, int]:
    """Rows and different keys in the raw layer."""
    relation = workspace.lake.relation(f"raw_ga__{name}")
    row = workspace.lake.engine.rows(sql("SELECT count(*), count(DISTINCT id) FROM :relation", relation=relation))[0]
    return int(row[0]), int(row[1])


def children(process) -> list[int]:
    path = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(path) as file:
        return [int(n) for n in file.read().split()]


def test_a_scheduler_killed_in_the_midst_leaves_every_task_done_once(home, empty_store) -> None:
    names, environ = [f"t{n}" for n in range(4)], {"CITYLOOM_JOBS_AT_ONCE": "3", "CITYLOOM_DATABASE": empty_store.url}
    with opened(home, empty_store.url) as workspace:
        define(workspace, home, *(table(home / "sources", n, rows=100_000) for n in names))
        for name in names:
            control.start(workspace, name, actor="dsj.steward")
        with scheduler(home, **environ) as process:
            until(lambda: [b for b in _batches(workspace) if b.state == "running"])
            working = children(process)
            process.kill()
            process.wait()
        until(lambda: not [pid for pid in working if os.path.exists(f"/proc/{pid}/cwd")], 30)
        assert "running" in states(workspace).values()
        with scheduler(home, **environ) as first, scheduler(home, **environ) as second:
            until(lambda: set(states(workspace).values()) == {"done"})
            assert first.poll() is None
            assert second.poll() is None
        for name in names:
            assert landed(workspace, name) == (100_000, 100_000)
        with workspace.store.read() as connection:
            tries = {n: [str(a.state) for a in jobs.list_attempts(connection, newest(workspace, n).id)] for n in names}
            assert {r.state for r in runs.list_runs(connection)} <= {"done", "lost"}
        assert all(found.count("done") == 1 for found in tries.values())
        assert any("lost" in found for found in tries.values())
        assert {b.state for b in _batches(workspace)} == {"reconciled"}
        assert len(_batches(workspace)) == len(names)


def _batches(workspace):
    with workspace.store.read() as connection:
        return batches.list_batches(connection)


@contextmanager
def deaf_server():
    """A server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        held = []

        def take():
            try:
                while True:
                    held.append(listener.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in held:
            one.close()


def test_a_source_that_hangs_is_cut_off_and_holds_up_nobody(home) -> None:
    with deaf_server() as port, opened(home) as workspace:
        hung = RESOURCE.format(
            name="hung", connector="http_json", options=f"url: 'http://127.0.0.1:{port}/', timeout_seconds: 600",
            what="", cycle="day", mode="full", schedule="timeout_seconds: 4, retries: 1, wait_seconds: 1",
        )  # fmt: skip
        define(workspace, home, hung, table(home / "sources", "t"))
        for name in ("hung", "t"):
            control.start(workspace, name, actor="dsj.steward")
        with scheduler(home):
            until(lambda: states(workspace).get("t") == "done")
            assert states(workspace)["hung"] != "done"
            until(lambda: states(workspace)["hung"] == "failed")
        job = newest(workspace, "hung")
        assert (job.code, job.tries, job.attempts) == ("jobs.run.timeout", 2, 2)
        with workspace.store.read() as connection:
            assert [(f.subject, f.code) for f in findings.list_findings(connection, "jobs")] == [("hung", "jobs.run.timeout")]


def test_missed_times_are_caught_up_dependencies_kept_and_continuous_tasks_follow(home) -> None:
    sources = home / "sources"
    with opened(home) as workspace:
        define(
            workspace, home, table(sources, "a"), table(sources, "b", schedule="after: [a]"),
            table(sources, "c", rows=10, cycle="continuous", mode="incremental",
                  what="table: t, marker: id", schedule="wait_seconds: 1"),
        )  # fmt: skip
        with workspace.store.write() as connection:
            for name in ("a", "b"):
                jobs.put_task_state(connection, TaskState(resource=name, planned_until="2026-01-05T00:00:00.000000Z"))
        with scheduler(home) as process:
            until(lambda: {n: s for n, s in states(workspace).items() if n != "c"} == {"a": "done", "b": "done"})
            assert newest(workspace, "b").started_at > newest(workspace, "a").ended_at
            until(lambda: workspace.lake.exists("raw_ga__c") and landed(workspace, "c") == (10, 10))
            with sqlite3.connect(sources / "c.db") as connection:
                connection.execute("INSERT INTO t VALUES (100, '后来')")
            connection.close()
            until(lambda: landed(workspace, "c") == (11, 11))
            assert states(workspace)["c"] == "running"
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            assert process.returncode == 0
        assert states(workspace)["c"] == "queued"
        with workspace.store.read() as connection:
            missed = [f.subject for f in findings.list_findings(connection, "jobs") if f.code == "jobs.run.missed"]
            assert jobs.list_workers(connection) == []
        assert missed == ["a", "b"]


def test_what_is_taken_back_ends_within_seconds_and_others_may_collect_meanwhile(home) -> None:
    with deaf_server() as port, opened(home) as workspace:
        options = f"url: 'http://127.0.0.1:{port}/', timeout_seconds: 600"
        hung = RESOURCE.format(name="hung", connector="http_json", options=options, what="", cycle="day", mode="full", schedule="")
        define(workspace, home, hung, table(home / "sources", "t"))
        control.start(workspace, "hung", actor="dsj.steward")
        with scheduler(home):
            until(lambda: states(workspace).get("hung") == "running" and workspace.locks.is_held("collect:hung"))
            done = _command(home, "collect", "run", "t", "--json")
            assert [run["state"] for run in json.loads(done.stdout)] == ["done"]
            busy = _command(home, "collect", "run", "hung", CITYLOOM_BUSY_SECONDS="0")
            assert busy.returncode == 5
            assert "flows.subject.busy" in _reasons(workspace)
            listed = json.loads(_command(home, "jobs", "list", "--json").stdout)
            assert len(listed["workers"]) == 1
            _command(home, "jobs", "cancel", "hung")
            until(lambda: states(workspace)["hung"] == "cancelled")


def test_a_log_is_followed_on_and_on_whoever_is_killed(home, server) -> None:
    with followed_table(server) as (url, source), opened(home) as workspace:
        log = RESOURCE.format(
            name="log", connector="postgresql_changes", options=f"url: '{url}'", what="table: t",
            cycle="continuous", mode="cdc", schedule="wait_seconds: 1",
        )  # fmt: skip
        define(workspace, home, log)

        def is_whole() -> bool:
            return workspace.lake.exists("raw_ga__log") and _current(workspace) == rows_of(source)

        with scheduler(home) as process:
            until(is_whole)
            source.execute("INSERT INTO t SELECT n, 'later ' || n FROM generate_series(101, 150) n")
            until(is_whole)
            process.kill()
            process.wait()
        source.execute("UPDATE t SET text = 'changed' WHERE id % 7 = 0")
        source.execute("DELETE FROM t WHERE id % 10 = 0")
        with scheduler(home):
            until(is_whole)
            source.execute("INSERT INTO t VALUES (999, 'last')")
            until(is_whole)
            assert states(workspace) == {"log": "running"}
        assert states(workspace) == {"log": "queued"}
        assert len(rows_of(source)) == 136


def test_the_server_runs_the_tasks_too_and_takes_them_with_it_when_it_is_killed(home) -> None:
    with opened(home) as workspace:
        define(workspace, home, table(home / "sources", "t", rows=10))
        control.start(workspace, "t", actor="dsj.steward")
        command = [sys.executable, "-m", "cityloom", "serve", "--jobs", "--port", "0", "--workspace", str(home / "w")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: states(workspace).get("t") == "done")
        assert len(control.living_workers(workspace)) == 1
        process.kill()
        process.wait()
        until(lambda: not control.living_workers(workspace))


@contextmanager
def followed_table(server):
    """A table of a PostgreSQL database of its own, ready to be followed: its address, and a connection to it."""
    given = sa.make_url(server("TEST_POSTGRESQL_URL")).set(drivername="postgresql")
    name = new_id("jobs")
    with psycopg.connect(given.render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            url = given.set(database=name).render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as source:
                source.execute("CREATE TABLE t (id bigint PRIMARY KEY, text text)")
                source.execute("ALTER TABLE t REPLICA IDENTITY FULL")
                source.execute("CREATE PUBLICATION cityloom_t FOR TABLE t")
                source.execute("INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 100) n")
                yield url, source
        finally:
            slots = "FROM pg_replication_slots WHERE database = %s"
            admin.execute(f"SELECT pg_terminate_backend(active_pid) {slots} AND active_pid IS NOT NULL", (name,))
            until(lambda: not admin.execute(f"SELECT 1 {slots} AND active", (name,)).fetchall())
            admin.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}", (name,))
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def rows_of(source) -> list[tuple[str, str]]:
    return sorted((str(n), text) for n, text in source.execute("SELECT id, text FROM t").fetchall())


def _current(workspace) -> list[tuple[str, str]]:
    relation = current(workspace.lake, "raw_ga__log", ["id"])
    return sorted(workspace.lake.engine.rows(sql("SELECT id, text FROM :t AS t", t=relation)))


def _command(home, *words: str, **environment):
    command = [sys.executable, "-m", "cityloom", *words, "--workspace", str(home / "w")]
    return subprocess.run(command, env={**os.environ, "CITYLOOM_LANGUAGE": "en", **environment}, capture_output=True, timeout=120)


def _reasons(workspace) -> set[str | None]:
    with workspace.store.read() as connection:
        return {run.error_code for run in runs.list_runs(connection)}
