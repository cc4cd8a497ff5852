"""A real HTTP server on this machine: paging, keys, retries, and answers that are not what was agreed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest

from cityloom.collect.connectors.http_json import HttpJson
from cityloom.kernel.errors import ConfigError, DataError, SourceError


class Interface:
    """Answers pages of ``records``; ``script`` holds (status, headers) answered first."""

    def __init__(self) -> None:
        self.records = '[{"id": 1.10, "child": {"name": "甲"}, "tags": [1, "x"]}, {"id": 2, "ok": true, "child": null}]'
        self.total: int | None = None
        self.script: list[tuple[int, dict[str, str]]] = []
        self.asked: list[dict[str, list[str]]] = []
        self.body: bytes | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlparse(request.path).query)
        self.asked.append(query)
        status, headers = self.script.pop(0) if self.script else (200, {})
        if request.headers.get("X-App-Key") != "secret":
            status = 401
        parts = [p for p in self.records.strip("[]").split("}, {")]
        records = [("{" if i else "") + p + ("}" if i + 1 < len(parts) else "") for i, p in enumerate(parts) if p]
        size, page = int(query["size"][0]), int(query["page"][0])
        shown = records[(page - 1) * size : page * size]
        total = len(records) if self.total is None else self.total
        text = f'{{"data": {{"total": {total}, "list": [{", ".join(shown)}]}}}}'
        body = self.body if self.body is not None else text.encode()
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def interface(bench, monkeypatch) -> Iterator[Interface]:
    one = Interface()
    one.waited = []
    monkeypatch.setattr("cityloom.collect.http.caller.time.sleep", one.waited.append)
    bench.write("u.url", f"http://127.0.0.1:{one.server.server_port}/births?year=2025\n")
    bench.write("u.key", "secret\n")
    yield one
    one.server.shutdown()
    one.server.server_close()


COLUMNS = ["id", "child.name"]


def take(bench, **options):
    return bench.run(
        "http_json",
        COLUMNS,
        {"url": "file:u.url", "headers": {"X-App-Key": "file:u.key"}, "page_size": 1, "retries": 2, **options},
    )


def test_all_pages_come_as_one_batch(bench, interface):
    result = take(bench)
    assert (result.written, result.summary["batches"][0]["origin"]) == (2, "127.0.0.1/births")
    assert bench.rows("id", "child.name", "tags", "ok", "_row") == [
        ("1.10", "甲", '[1,"x"]', None, 1),
        ("2", None, None, "true", 2),
    ]
    assert [q["page"] for q in interface.asked] == [["1"], ["2"]]
    assert interface.asked[0]["year"] == ["2025"]


def test_the_same_content_lands_once(bench, interface):
    take(bench)
    assert take(bench).summary["skipped"] == 1
    assert take(bench, page_size=1000).summary["skipped"] == 1


def test_a_busy_server_is_asked_again_in_good_time(bench, interface):
    interface.script = [(503, {}), (429, {"Retry-After": "7"})]
    assert take(bench).written == 2
    assert interface.waited == [pytest.approx(0.5, rel=0.25), 7.0]


def test_a_server_that_stays_away_is_an_error(bench, interface):
    interface.script = [(502, {})] * 3
    with pytest.raises(SourceError, match="502") as caught:
        take(bench)
    assert caught.value.code == "collect.source.unreachable"
    assert interface.waited == [pytest.approx(0.5, rel=0.25), pytest.approx(1.0, rel=0.25)]


def test_a_wrong_key_says_so_and_tells_no_secret(bench, interface):
    bench.write("u.key", "wrong-key")
    with pytest.raises(SourceError, match="key") as caught:
        take(bench)
    assert caught.value.code == "collect.http.denied"
    assert "wrong-key" not in str(caught.value)


def test_rows_that_the_source_counts_and_does_not_give_are_missed(bench, interface):
    interface.total = 3
    with pytest.raises(DataError, match="3 rows; 2") as caught:
        take(bench)
    assert caught.value.code == "collect.batch.unequal"
    assert not bench.lake.exists("raw_ga__things")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "collect.http.malformed"),
        (b'{"data": {"rows": [], "total": 1}}', "collect.http.unlike"),
        (b'{"data": {"list": {}, "total": 1}}', "collect.http.unlike"),
        (b'{"data": {"list": [], "total": null}}', "collect.http.unlike"),
        (b'{"data": {"list": [{"a": 1, "a": 2}], "total": 1}}', "collect.http.malformed"),
        (b'{"data": {"list": [{"a.b": 1, "a": {"b": 2}}], "total": 1}}', "collect.json.record"),
        (b'{"data": {"list": [5], "total": 1}}', "collect.json.record"),
        (b"[" * 100_000 + b"]" * 100_000, "collect.http.malformed"),
        (b'{"data": {"list": [{"id": 1}], "total": 9}}', "collect.http.repeats"),
    ],
)
def test_an_answer_unlike_the_agreed_one_names_the_page(bench, interface, body, code):
    interface.body = body
    with pytest.raises((DataError, SourceError)) as caught:
        take(bench)
    assert caught.value.code == code
    assert caught.value.details.get("page")


def test_only_http_is_spoken(bench):
    with pytest.raises(ConfigError) as caught:
        HttpJson(url="ftp://x/").check()
    assert caught.value.code == "collect.http.scheme"


def test_a_dead_address_is_unreachable(bench, interface):
    interface.server.shutdown()
    interface.server.server_close()
    with pytest.raises(SourceError) as caught:
        take(bench)
    assert caught.value.code == "collect.source.unreachable"
    assert json.dumps(caught.value.problem())


def test_without_total_the_pages_end_with_an_empty_one_or_a_short_one(bench, interface):
    assert take(bench, total="", page_size=2).written == 2
    assert [q["page"] for q in interface.asked] == [["1"], ["2"]]
    interface.asked.clear()
    assert take(bench, total="", page_size=3, last_page="short").summary["skipped"] == 1
    assert [q["page"] for q in interface.asked] == [["1"]]
