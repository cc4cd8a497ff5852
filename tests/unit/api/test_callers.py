"""What an account sees and does with its key: tasks, errors it reports and the orders made of them."""

from __future__ import annotations

import pytest
from tests.unit.flows.calling import calling
from tests.unit.flows.intake_town import Town, define, make_tables

from cityloom.kernel.clock import iso
from cityloom.kernel.config import Settings
from cityloom.model.job import Job, JobState
from cityloom.protect.keys import load_or_make_keys
from cityloom.store import jobs
from cityloom.store.database import Store


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    settings = Settings(workspace=tmp_path, busy_seconds=0)
    made = Town(settings, tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    define(made)
    yield made
    store.close()


@pytest.fixture
def call(at):
    return calling(at, language="en")


@pytest.fixture
def ran(at):
    now = iso(at.clock.now())
    times = {"began_at": now, "due_at": now, "next_at": now, "period": now[:10]}
    job = Job(id="job-1", resource="welfare", source="x", trigger="time", state=JobState.DONE, rows=3, batches=1, **times)
    with at.store.write() as connection:
        jobs.add_job(connection, job)
    return job


def test_a_department_sees_its_own_tasks_and_their_runs(call, ran):
    (task,) = call("GET", "/api/v1/jobs", "mz.owner").json()
    assert (task["resource"], task["department"], task["job"]["rows"]) == ("welfare", "mz", 3)
    (run,) = call("GET", "/api/v1/jobs/welfare", "mz.owner").json()
    assert (run["id"], run["state"], run["tries"]) == ("job-1", "done", [])


def test_the_tasks_of_others_are_not_shown(call, ran):
    assert call("GET", "/api/v1/jobs", "ga.owner").json() == []
    refused = call("GET", "/api/v1/jobs/welfare", "ga.owner")
    assert (refused.status_code, refused.json()["code"]) == (403, "api.job.foreign")


@pytest.mark.parametrize("address", ["/api/v1/jobs", "/api/v1/jobs/welfare", "/api/v1/orders"])
def test_without_a_key_nothing_is_shown(call, address):
    refused = call("GET", address)
    assert (refused.status_code, refused.json()["code"]) == (401, "api.key.invalid")


def test_a_reported_error_becomes_an_order_that_its_department_answers(call):
    made = call("POST", "/api/v1/reports", "ga.owner", json={"resource": "welfare", "words": "Paid twice.", "item": "name"})
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    (seen,) = call("GET", "/api/v1/orders", "mz.owner").json()
    assert (seen["id"], seen["department"]) == (number, "mz")
    moved = call("POST", f"/api/v1/orders/{number}/accept", "mz.owner", json={"words": "We look."})
    assert (moved.status_code, moved.json()["state"]) == (200, "accepted")
    shown = call("GET", f"/api/v1/orders/{number}", "ga.owner").json()
    assert [m["verb"] for m in shown["moves"]][-1] == "accept"
