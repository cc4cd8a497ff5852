"""The server as it is really run: granian in a process of its own, a workspace in a folder, calls over HTTP."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

SAMPLE = Path(__file__).parents[1] / "unit" / "web" / "sample_report.json"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
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
