"""The push address: what it takes, what it refuses and how it says so; over a real workspace in this process."""

from __future__ import annotations

import json

import pytest
from tests.unit.flows.calling import calling
from tests.unit.flows.intake_town import GOOD, Town, define, key_of, landed, make_tables

from cityloom.collect.inbox import Inbox
from cityloom.kernel.config import Settings
from cityloom.protect.keys import load_or_make_keys
from cityloom.store.database import Store

ADDRESS = "/api/v1/intake/welfare"
CSV = "ffdh,sfzh,xm,xb,lxdh,ffrq\n" + ",".join(GOOD.values()) + "\n"


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    settings = Settings(workspace=tmp_path, busy_seconds=0, intake_mb=1)
    made = Town(settings, tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    define(made)
    yield made
    store.close()


@pytest.fixture
def call(at):
    return calling(at)


@pytest.fixture
def headers(at):
    return {"Authorization": f"Bearer {key_of(at, 'mz.owner')}", "Idempotency-Key": "2026-01", "Accept-Language": "en"}


def test_a_push_is_answered_with_its_receipt(call, headers, at):
    answer = call("POST", ADDRESS, json=[GOOD], headers=headers)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["receipt"]["source_rows"], body["receipt"]["landed_rows"]) == (1, 1)
    assert body["lake_version"] == 0
    assert answer.headers["location"] == f"/collect/batches/{body['batch']}"
    assert landed(at) == [("AAAA1",)]
    assert call("GET", f"{ADDRESS}/2026-01", headers=headers).json() == body


@pytest.mark.parametrize(
    ("kind", "content"),
    [("text/csv", CSV.encode()), ("text/csv; charset=gb18030", CSV.encode("gb18030")),
     ("application/x-ndjson", (json.dumps(GOOD) + "\n").encode()),
     ("application/json", json.dumps({"rows": [GOOD]}).encode())],
)  # fmt: skip
def test_every_form_is_taken_and_repeated_it_gets_the_same_answer(call, headers, at, kind, content):
    first = call("POST", ADDRESS, content=content, headers=headers | {"Content-Type": kind})
    again = call("POST", ADDRESS, content=content, headers=headers | {"Content-Type": kind})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert landed(at, "xm") == [("张三",)]


def test_another_content_under_the_same_key_is_a_conflict(call, headers):
    call("POST", ADDRESS, json=[GOOD], headers=headers)
    other = call("POST", ADDRESS, json=[{**GOOD, "xm": "李四"}], headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "collect.intake.conflict")


@pytest.mark.parametrize(("account", "status"), [(None, 401), ("ga.owner", 403), ("dsj.system", 403)])
def test_nobody_else_is_admitted_and_not_a_byte_is_kept(call, headers, at, account, status):
    token = key_of(at, account) if account else "cl_0123456789ab_wrong"
    answer = call("POST", ADDRESS, json=[GOOD], headers=headers | {"Authorization": f"Bearer {token}"})
    assert answer.status_code == answer.json()["status"] == status
    assert Inbox(at.folder).attempts("welfare") == []
    assert call("GET", f"{ADDRESS}/2026-01", headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_a_refused_delivery_is_a_problem_with_every_error(call, headers, at):
    define(at, DRIFT="stop")
    answer = call("POST", ADDRESS, json=[GOOD, {**GOOD, "ffdh": "AAAA2", "sfzh": "secret-4711"}], headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "collect.intake.refused"
    assert {(e["row"], e["column"]) for e in answer.json()["errors"]} == {(2, "sfzh")}
    assert "4711" not in answer.text
    assert landed(at) == []


def test_check_only_looks(call, headers, at):
    answer = call("POST", f"{ADDRESS}?check=true", json=[{**GOOD, "xb": "X"}], headers=headers)
    assert (answer.status_code, answer.json()["wrong"]) == (200, 1)
    assert landed(at) == []
    assert call("GET", f"{ADDRESS}/2026-01", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("change", "content", "status", "code"),
    [({"Content-Type": "image/png"}, b"x", 415, "collect.form.unknown"),
     ({"Content-Type": "application/json"}, b"[{", 422, "collect.json.broken"),
     ({"Content-Type": "application/json", "Idempotency-Key": ""}, b"[]", 400, "collect.key.missing"),
     ({"Content-Type": "application/json", "Idempotency-Key": "k" * 200}, b"[]", 400, "api.request.malformed"),
     ({"Content-Type": "text/csv"}, b"", 422, "collect.header.missing"),
     ({"Content-Type": "text/csv"}, b"a,b\n1,2\n", 422, "collect.column.missing"),
     ({"Content-Type": "text/csv; charset=nonsense"}, b"a,b\n1,2\n", 415, "collect.encoding.unknown")],
)  # fmt: skip
def test_what_is_no_delivery_is_refused_and_leaves_nothing(call, headers, at, change, content, status, code):
    answer = call("POST", ADDRESS, content=content, headers=headers | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert Inbox(at.folder).attempts("welfare") == []


def test_more_than_the_limit_is_refused_also_when_no_length_is_declared(call, headers, at):
    async def blocks():
        for _ in range(40):
            yield b"x" * 50_000

    kind = {"Content-Type": "text/csv"}
    assert call("POST", ADDRESS, content=b"x" * (3 << 20), headers=headers | kind).status_code == 413
    streamed = call("POST", ADDRESS, content=blocks(), headers=headers | kind)
    assert (streamed.status_code, streamed.json()["code"]) == (413, "collect.intake.large")
    assert Inbox(at.folder).attempts("welfare") == []


def test_chunks_are_taken_here_and_nowhere_else(call, headers, at):
    async def blocks():
        yield CSV.encode()[:40]
        yield CSV.encode()[40:]

    kind = {"Content-Type": "text/csv"}
    assert call("POST", ADDRESS, content=blocks(), headers=headers | kind).status_code == 201
    assert call("POST", "/api/v1/services/x", content=blocks(), headers=headers).status_code == 413


def test_a_busy_table_asks_the_sender_to_come_back(call, headers, at):
    with at.lock("raw_mz__welfare"):
        answer = call("POST", ADDRESS, json=[GOOD], headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "flows.subject.busy")
    assert int(answer.headers["retry-after"]) > 0
    assert call("POST", ADDRESS, json=[GOOD], headers=headers).status_code == 201


def test_a_resource_that_is_not_pushed_to_says_so(call, headers, at):
    define(at, SOURCE="mz_sheets", MODE="full")
    answer = call("POST", ADDRESS, json=[GOOD], headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "collect.intake.closed")


def test_the_form_of_a_resource_is_described_in_the_callers_language(call):
    english = call("GET", "/api/v1/forms/welfare", headers={"Accept-Language": "en"}).json()
    chinese = call("GET", "/api/v1/forms/welfare", headers={"Accept-Language": "zh"}).json()
    assert (english["title"], chinese["title"]) == ("Welfare payments", "社会救助发放信息")
    assert call("GET", "/api/v1/forms/nothing").status_code == 404
