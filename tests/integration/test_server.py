"""The server as it is really run: granian in a process of its own, a workspace in a folder, calls over HTTP."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from cityloom.flows.bootstrap import open_workspace
from cityloom.kernel.config import Settings
from cityloom.model.city import City
from cityloom.model.department import Account
from cityloom.model.principal import Principal
from cityloom.model.resource import Access
from cityloom.model.service import Demand, Mask, Service, ServiceItem
from cityloom.model.text import Title
from cityloom.protect.identity import ensure_account, make_key
from cityloom.share import requests
from cityloom.share.publish import run as publish

SAMPLE = Path(__file__).parents[1] / "unit" / "web" / "sample_report.json"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _item(name, mask=None):
    return ServiceItem(name=name, title=Title(name, name), mask=mask)


SERVICE = Service(
    name="person_lookup",
    title=Title("查询", "Look-up"),
    form="lookup",
    department="dsj",
    table="base_population",
    require=("citizen_id", "name"),
    items=(_item("name"), _item("phone", Mask(mask="keep", options={"first": 3, "last": 4}))),
    sharing=Access(attribute="conditional", basis="个人信息保护法"),
)
DEMAND = Demand(
    name="housing",
    service="person_lookup",
    consumer="zj",
    purpose=Title("保障房资格审核", "Housing"),
    basis="公共租赁住房管理办法",
    items=("name", "phone"),
    approver="dsj.steward",
)


def _prepare(folder):
    """A workspace with one golden record, one service, one grant; gives the consumer's key."""
    at = open_workspace(Settings(workspace=folder))
    rows = pa.table({"citizen_id": ["110101199001010010"], "name": ["王小明"], "phone": ["13812345678"]})
    with at.lake.engine.bound(rows) as relation:
        at.lake.replace("base_population", [f"SELECT * FROM {relation.sql(dialect='duckdb')}"])
    publish(City(services={SERVICE.name: SERVICE}), store=at.store, clock=at.clock, actor="dsj.steward")
    asker = Principal(account="zj.officer", department="zj", roles=("officer",))
    steward = Principal(account="dsj.steward", department="dsj", roles=("steward",))
    request = requests.submit(DEMAND, asker, store=at.store, clock=at.clock)
    requests.decide(request.id, steward, is_approved=True, reasons="符合职责", store=at.store, clock=at.clock)
    grant = requests.grant(request.id, steward, store=at.store, clock=at.clock)
    account = Account(name="zj.officer", title=Title("经办", "Officer"), department="zj", roles=("officer",))
    with at.store.write() as connection:
        ensure_account(connection, account, at.clock)
        key = make_key(connection, "zj.officer", grant.id, at.clock)
    at.close()
    return key


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "consumer.key").write_text(_prepare(folder))
    port = _free_port()
    granian = Path(sys.executable).with_name("granian")
    command = [granian, "--interface", "asgi", "--factory", "--port", str(port), "cityloom.api.app:create"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CITYLOOM_")}
    environ["CITYLOOM_WORKSPACE"] = str(folder)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                _wait(client, process, folder / "server.log")
                yield client, folder
        finally:
            process.terminate()
            process.wait(20)


def _wait(client, process, log):
    for _ in range(300):
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(log.read_text(errors="replace"))


def test_start_page_before_and_after_the_main_job(server):
    client, folder = server
    assert "cityloom demo" in client.get("/").text
    absent = client.get("/api/v1/report")
    assert (absent.status_code, absent.json()["code"]) == (400, "api.report.absent")
    shutil.copy(SAMPLE, folder / "report.json")
    page = client.get("/")
    assert page.status_code == 200
    assert "云澜市" in page.text
    assert client.get("/api/v1/report").json()["fusion"]["people"] == 103874


def test_language_is_remembered(server):
    client, _folder = server
    english = client.get("/", params={"lang": "en"})
    assert '<html lang="en">' in english.text
    assert '<html lang="en">' in client.get("/").text
    client.cookies.clear()
    assert '<html lang="zh-CN">' in client.get("/").text


def test_what_the_page_refers_to_is_there(server):
    client, _folder = server
    for address, kind in (
        ("/static/console.css", "text/css"),
        ("/static/mark.svg", "image/svg+xml"),
        ("/static/weave.svg", "image/svg+xml"),
        ("/api/v1/services", "application/json"),
        ("/api/v1/openapi.json", "application/json"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)


def test_every_answer_is_guarded(server):
    client, _folder = server
    for address in ("/", "/healthz", "/static/console.css", "/nowhere", "/api/v1/services"):
        headers = client.get(address).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/").headers["cache-control"] == "no-store"


def test_a_call_without_valid_key_is_refused_in_the_callers_language(server):
    client, _folder = server
    for headers in ({}, {"Authorization": "Bearer cl_0123456789ab_wrong"}):
        refused = client.post(
            "/api/v1/services/person_lookup",
            json={"parameters": {"id_number": "530101199001011234"}},
            headers={"X-Purpose": "x", "Accept-Language": "en-GB", **headers},
        )
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["content-language"] == "en"
        assert refused.json()["code"] == "share.key.invalid"
        assert "530101199001011234" not in refused.text


def _ask(client, folder, purpose="housing", **parameters):
    key = (folder / "consumer.key").read_text()
    headers = {"Authorization": f"Bearer {key}", "X-Purpose": purpose}
    return client.post("/api/v1/services/person_lookup", json={"parameters": parameters}, headers=headers)


def test_the_holder_of_a_grant_gets_a_masked_answer(server):
    client, folder = server
    answer = _ask(client, folder, citizen_id="110101199001010010", name="王小明")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["values"] == {"name": "王小明", "phone": "138****5678"}
    assert _ask(client, folder, citizen_id="110101199001010010", name="王").json()["values"] is None


def test_the_holder_of_a_grant_is_refused_what_was_not_granted(server):
    client, folder = server
    known = {"citizen_id": "110101199001010010", "name": "王小明"}
    other = _ask(client, folder, purpose="curiosity", **known)
    assert (other.status_code, other.json()["code"]) == (403, "share.purpose.other")
    harvest = _ask(client, folder, citizen_id="110101199001010010")
    assert (harvest.status_code, harvest.json()["code"]) == (403, "share.filter.missing")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_ended_or_killed_leaves_its_port_free(tmp_path, end):
    _prepare(tmp_path)
    port = _free_port()
    command = [sys.executable, "-m", "cityloom", "serve", "--workspace", str(tmp_path), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        _until(lambda: _answers(client))
        process.send_signal(end)
        process.wait(20)
        _until(lambda: not _answers(client))


def _answers(client):
    try:
        return client.get("/healthz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def _until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
