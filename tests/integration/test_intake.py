"""Departments bring data to the server as it is really run: over HTTP, through kills, and with a real browser."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.conftest import server as server_named
from tests.unit.flows.intake_town import GOOD, key_of, make_tables, write_content

from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import open_workspace
from cityloom.kernel.config import Settings

HEADER = "ffdh,sfzh,xm,xb,lxdh,ffrq\n"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ROWS = 80_000


class Server:
    """A server over a workspace, in processes of its own that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("CITYLOOM_")}
        command = [sys.executable, "-m", "cityloom", "serve", "--workspace", str(self.folder), "--port", str(port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        pytest.fail((self.folder / "server.log").read_text(errors="replace"))

    def kill(self) -> None:
        """End all its processes as a power cut does."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def memory_mb(self) -> int:
        """The most memory that one of its processes held."""
        group = str(self.process.pid if self.process else 0)
        most = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if path.read_text().rpartition(")")[2].split()[2] == group:
                    status = (path.parent / "status").read_text()
                    most = max(most, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) >> 10)
        return most


def prepare(folder: Path) -> str:
    """A workspace with the definitions in force; gives the bureau's key."""
    write_content(folder / "content")
    at = open_workspace(Settings(workspace=folder))
    make_tables(at)
    apply(at, folder / "content", actor="dsj.steward")
    key = key_of(at, "mz.owner")
    at.close()
    return key


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A server with the bureau's key."""
    folder = tmp_path_factory.mktemp("town")
    key = prepare(folder)
    running = Server(folder)
    running.start()
    yield running, key
    running.kill()


def rows(count: int, start: int = 0) -> bytes:
    """So many rows as CSV; every hundredth is wrong."""
    lines = [HEADER]
    for n in range(start, start + count):
        number = GOOD["sfzh"] if n % 100 else "1"
        lines.append(f"N{n:08},{number},张三,女,13800138000,2026-01-05\n")
    return "".join(lines).encode()


def blocks(content: bytes):
    for start in range(0, len(content), 1 << 16):
        yield content[start : start + (1 << 16)]


def push(running: Server, key: str, content: bytes, name: str, **more):
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": name, "Content-Type": "text/csv"}
    return httpx.post(f"{running.url}/api/v1/intake/welfare", content=blocks(content), headers=headers, timeout=300, **more)


def landed(folder: Path) -> tuple[int, int]:
    """Rows of the raw table, and how many different ones."""
    at = open_workspace(Settings(workspace=folder))
    try:
        if not at.lake.exists("raw_mz__welfare"):
            return 0, 0
        relation = at.lake.relation("raw_mz__welfare").sql(dialect="duckdb")
        return at.lake.engine.rows(f"SELECT count(*), count(DISTINCT ffdh) FROM {relation}")[0]
    finally:
        at.close()


def test_a_large_push_is_streamed_checked_and_landed_with_level_memory(town):
    running, key = town
    assert push(running, key, rows(1000), "small").status_code == 201
    before = running.memory_mb()
    answer = push(running, key, rows(ROWS, 10_000), "large")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["receipt"]["source_rows"], body["receipt"]["rejected_rows"]) == (ROWS, ROWS // 100)
    assert len(body["errors"]) <= 1000
    assert running.memory_mb() - before < 400
    again = push(running, key, rows(ROWS, 10_000), "large")
    assert again.json() == body
    assert again.headers["idempotency-replayed"] == "true"


def test_pushes_at_the_same_time_and_a_command_beside_them_all_land_once(town, tmp_path):
    running, key = town
    before = landed(running.folder)[0]
    answers = []

    def send(n):
        answers.append(push(running, key, rows(500, 1_000_000 + 1000 * (n % 3)), f"same{n % 3}"))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    (tmp_path / "beside.csv").write_bytes(rows(100, 2_000_000))
    command = [sys.executable, "-m", "cityloom", "upload", "welfare", str(tmp_path / "beside.csv"), "--as", "mz.owner", "--yes"]
    done = subprocess.run(
        [*command, "--workspace", str(running.folder)], capture_output=True, text=True, timeout=120, check=False
    )
    for thread in threads:
        thread.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 3
    count, different = landed(running.folder)
    assert (count - before, count) == (3 * 495 + 99, different)


@pytest.mark.slow
def test_a_server_killed_in_a_push_leaves_all_or_nothing_and_the_sender_repeats(tmp_path):
    key = prepare(tmp_path)
    running = Server(tmp_path)
    running.start()
    folder = tmp_path / "intake" / "welfare"
    expected = 0
    for name, pause in (("early", 0.2), ("late", 1.0)):
        content = rows(ROWS, len(name) * 1_000_000)
        kill_while_pushing(running, key, content, name, folder, pause)
        running.start()
        first = push(running, key, content, name)
        assert first.status_code == 201, first.text
        assert push(running, key, content, name).text == first.text
        assert first.json()["receipt"]["landed_rows"] == ROWS - ROWS // 100
        expected += ROWS - ROWS // 100
        assert landed(tmp_path) == (expected, expected)
    running.kill()
    assert [p for p in folder.iterdir() if (p / "delivery.json").exists()] == [], "nothing waits any more"


def kill_while_pushing(running: Server, key: str, content: bytes, name: str, folder: Path, pause: float) -> None:
    """Kill the server so long after it began to take a delivery in."""
    before = set(folder.iterdir()) if folder.is_dir() else set()

    def send() -> None:
        with suppress(httpx.HTTPError):
            push(running, key, content, name)

    sender = threading.Thread(target=send)
    sender.start()
    end = time.monotonic() + 30
    while time.monotonic() < end and not (folder.is_dir() and set(folder.iterdir()) - before):
        time.sleep(0.01)
    time.sleep(pause)
    running.kill()
    sender.join()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    program = server_named("TEST_CHROMIUM")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(params=[("zh", 1366), ("en", 390)], ids=["zh-wide", "en-narrow"])
def page(browser, request, town):
    """A page in a language and a width, which must load nothing from elsewhere and scroll in one direction only."""
    language, width = request.param
    running, _key = town
    context = browser.new_context(viewport={"width": width, "height": 844}, base_url=running.url, accept_downloads=True)
    context.set_default_timeout(20_000)
    opened = context.new_page()
    elsewhere: list[str] = []
    opened.on("request", lambda one: elsewhere.append(one.url) if not one.url.startswith(running.url) else None)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(f"/collect/upload?lang={language}")
    yield opened
    assert elsewhere == []
    assert faults == []
    context.close()


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def test_a_person_uploads_corrects_and_sees_the_receipt(page, town, tmp_path):
    _running, key = town
    width = page.viewport_size["width"]
    bad = {**GOOD, "ffdh": f"B{width}0", "sfzh": "110105194912310021"}
    good = {**GOOD, "ffdh": f"B{width}1"}
    file = tmp_path / f"发放{width}.csv"
    file.write_text(HEADER + "".join(",".join(row.values()) + "\n" for row in (good, bad)), encoding="utf-8")
    page.goto("/collect/upload/welfare")
    assert fits(page)
    page.fill("#key", key)
    page.set_input_files("#file", file)
    page.click("button")
    assert page.locator("table.problems tbody tr").count() == 1
    assert "3" in page.locator("table.problems td.n").inner_text()
    assert fits(page)
    page.click("form.confirm button")
    assert re.search(r"/collect/batches/b_\w+$", page.url)
    assert fits(page)
    figures = page.locator("dl.figures dd").all_inner_texts()
    assert figures == ["2", "1", "1"]
    page.goto("/collect/rejects/welfare")
    assert fits(page)
    page.fill("#key-out", key)
    page.select_option("#form", "csv")
    with page.expect_download() as waiting:
        page.click("section[aria-labelledby=h-out] button")
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    lines = [line.replace("110105194912310021", GOOD["sfzh"]) for line in text.splitlines() if f"B{width}0" in line]
    corrected = tmp_path / "corrected.csv"
    corrected.write_text("\n".join([text.splitlines()[0], *lines]) + "\n", encoding="utf-8")
    page.fill("#key-in", key)
    page.set_input_files("#file", corrected)
    page.click("section[aria-labelledby=h-in] button")
    assert "1" in page.locator("[role=status]").inner_text()
    assert fits(page)
    page.goto("/collect/batches")
    assert page.locator("td.origin").first.inner_text().startswith("correction of")
    assert fits(page)


def test_a_person_enters_a_row_and_is_told_beside_the_field(page, town):
    _running, key = town
    number = f"F{page.viewport_size['width']}"
    page.goto("/collect/forms/welfare")
    assert fits(page)
    page.get_by_label(re.compile("发放单号|Payment number")).fill(number)
    page.get_by_label(re.compile("公民身份号码|Citizen id number")).fill(GOOD["sfzh"])
    page.get_by_label(re.compile("性别|Sex")).select_option("1")
    page.get_by_label(re.compile("发放日期|Date of payment")).fill("2026-01-05")
    page.fill("#key", key)
    page.click("button")
    assert page.locator("p.field.wrong").count() == 2
    assert page.locator("#key").input_value() == "", "the key is not sent back"
    page.get_by_label(re.compile("性别|Sex")).select_option("2")
    page.fill("#key", key)
    page.click("button")
    assert "done=b_" in page.url
    page.click("[role=status] a")
    assert page.locator("dl.figures dd").all_inner_texts() == ["1", "1", "0"]


def test_an_answer_is_json_that_a_system_can_read(town):
    running, key = town
    answer = push(running, key, rows(3, 5_000_000), "json")
    assert json.loads(answer.text)["batch"] == answer.headers["location"].rpartition("/")[2]
