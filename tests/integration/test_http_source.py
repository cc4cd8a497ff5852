"""Interfaces over HTTP that throttle, break off, repeat, change and refuse: every record arrives, once, or nothing does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.integration.interface import Asked, Interface, Reply
from tests.unit.collect.conftest import Bench, make_resource

from cityloom.collect.base import build
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.tables import Lake
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.model.text import Title
from cityloom.store.database import Store, metadata
from cityloom.store.migrate import load_tables

COLUMNS = ("id", "at")


class Bed:
    """Interfaces, and a bench to collect from them."""

    def __init__(self, bench: Bench, stack: ExitStack) -> None:
        self.bench, self.stack = bench, stack
        self.records = [{"id": n, "at": f"2026-01-{1 + n // 10:02} 08:00:{n % 10:02}"} for n in range(25)]
        self.scripts: list[Reply] = []
        self.page: Callable[[Asked], Reply] = self.numbered

    def serve(self, answer: Callable[[Asked], Reply] | None = None, context: Any = None) -> Interface:
        """Start one; what is in ``scripts`` is answered first."""

        def reply(asked: Asked) -> Reply:
            return self.scripts.pop(0) if self.scripts else (answer or self.page)(asked)

        return self.stack.enter_context(Interface(reply, context))

    def numbered(self, asked: Asked) -> Reply:
        """Pages by number, with a total."""
        size, page = int(asked.query["size"]), int(asked.query["page"])
        return Reply(document=self.document(self.records[(page - 1) * size : page * size]))

    def document(self, shown: list[Any], **more: Any) -> Any:
        """An answer as many interfaces give it."""
        return {"code": 0, "data": {"total": len(self.records), "list": shown, **more}}

    def take(self, interface: Interface, connector: str = "http_json", mode: str = "full", **options: Any) -> StageResult:
        """Collect."""
        given = {"url": interface.url, "page_size": 10, "retries": 2, **options}
        return self.bench.run(connector, COLUMNS, given, mode=mode)

    def code(self, interface: Interface, **options: Any) -> str:
        """Collect, and see why not; nothing may have landed."""
        with pytest.raises(CityLoomError) as failure:
            self.take(interface, **options)
        assert not self.bench.lake.exists("raw_ga__things")
        return failure.value.code

    def landed(self) -> list[str]:
        """The records that are in the lake, by id."""
        return sorted((row[0] for row in self.bench.rows("id")), key=int)

    @property
    def wanted(self) -> list[str]:
        """The records that should be."""
        return [str(r["id"]) for r in self.records]


@pytest.fixture
def bed(tmp_path: Path, lake: Lake, clock: FixedClock) -> Iterator[Bed]:
    """An empty bed."""
    load_tables()
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    with ExitStack() as stack:
        yield Bed(Bench(tmp_path, lake, store, clock), stack)
    store.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("cityloom.collect.http.caller.Caller._wait", lambda self, s: waited.append(s) if s > 0 else None)
    return waited


def number(text: str) -> int:
    """The end of ``n7``."""
    return int(text.lstrip("n"))


def test_pages_by_offset(bed: Bed) -> None:
    def answer(asked: Asked) -> Reply:
        start = int(asked.query["from"])
        return Reply(document=bed.document(bed.records[start : start + 7]))

    interface = bed.serve(answer)
    assert bed.take(interface, paging="offset", page="from", size="limit").written == 25
    assert [a.query["from"] for a in interface.asked] == ["0", "7", "14", "21"]
    assert bed.landed() == bed.wanted


@pytest.mark.parametrize("more", ["", "data.more"])
def test_pages_by_cursor(bed: Bed, more: str) -> None:
    def answer(asked: Asked) -> Reply:
        start = number(asked.query.get("after", "n0"))
        end = start + 10
        is_more = end < len(bed.records)
        following = f"n{end}" if is_more or more else None
        return Reply(document=bed.document(bed.records[start:end], next=following, more=is_more))

    interface = bed.serve(answer)
    assert bed.take(interface, paging="cursor", page="after", next="data.next", more=more).written == 25
    assert [a.query.get("after") for a in interface.asked] == [None, "n10", "n20"]


@pytest.mark.parametrize("kind", ["link", "next"])
def test_pages_by_address(bed: Bed, kind: str) -> None:
    def answer(asked: Asked) -> Reply:
        start = int(asked.query.get("s", "0"))
        target = f"/api/people?s={start + 10}&k=a%20b" if start + 10 < len(bed.records) else ""
        headers = {"Link": f'<{target}>; rel="next", </x>; rel="prev"'} if kind == "link" and target else {}
        return Reply(document=bed.document(bed.records[start : start + 10], next=target), headers=headers)

    interface = bed.serve(answer)
    bed.bench.write("word", "p\n")
    auth = {"kind": "basic", "user": "u", "password": "file:word"}
    assert bed.take(interface, paging=kind, next="data.next", auth=auth, parameters={"k": "v"}).written == 25
    assert [a.query.get("s") for a in interface.asked] == [None, "10", "20"]
    assert {a.headers["authorization"] for a in interface.asked} == {"Basic dTpw"}


@pytest.mark.parametrize("kind", ["link", "next"])
def test_credentials_go_to_no_other_host(bed: Bed, kind: str) -> None:
    stranger = bed.serve()
    headers = {"Link": f'<{stranger.url}>; rel="next"'} if kind == "link" else {}
    interface = bed.serve(lambda asked: Reply(document=bed.document(bed.records, next=stranger.url), headers=headers))
    bed.records = bed.records[:5]
    assert bed.code(interface, paging=kind, next="data.next", headers={"X-Key": "k"}) == "collect.http.redirect"
    moved = bed.serve(lambda asked: Reply(302, headers={"Location": stranger.url}))
    assert bed.code(moved) == "collect.http.redirect"
    assert stranger.asked == []


def test_a_redirect_on_the_same_host_is_followed(bed: Bed) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/people":
            return Reply(307, headers={"Location": f"/v2/people?page={asked.json['page']}"})
        return Reply(document=bed.document(bed.records if asked.query["page"] == "1" else []))

    interface = bed.serve(answer)
    assert bed.take(interface, method="POST", in_body=True).written == 25
    assert [a.method for a in interface.asked] == ["POST", "POST"]


def test_what_changes_may_stand_in_the_body(bed: Bed) -> None:
    bed.bench.write("id", "city-7\n")

    def answer(asked: Asked) -> Reply:
        page = asked.json["page"]
        return Reply(document=bed.document(bed.records[(page["no"] - 1) * page["size"] : page["no"] * page["size"]]))

    interface = bed.serve(answer)
    body = {"app": {"id": "file:id"}, "page": {"sort": "id"}}
    assert bed.take(interface, body=body, in_body=True, page="page.no", size="page.size").written == 25
    assert interface.asked[0].json == {"app": {"id": "city-7"}, "page": {"sort": "id", "no": 1, "size": 10}}
    form = bed.serve(lambda asked: Reply(document=bed.document(bed.records if b"page=1&" in asked.body else [])))
    assert bed.take(form, body={"app": "x"}, in_body=True, form=True).summary["skipped"] == 1
    assert form.asked[0].body == b"app=x&page=1&size=10"


def test_a_busy_interface_is_waited_for(bed: Bed, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    bed.scripts = [Reply(503), Reply(429, headers={"Retry-After": "7"})]
    interface = bed.serve()
    assert bed.take(interface).written == 25
    assert waits[0] == pytest.approx(0.5, rel=0.25)
    assert waits[1] == 7
    bed.scripts = [Reply(503, headers={"Retry-After": later})]
    bed.take(interface)
    assert 30 < waits[2] < 41


def test_an_interface_that_asks_for_a_long_pause_is_left_until_the_next_run(bed: Bed, waits: list[float]) -> None:
    bed.scripts = [Reply(429, headers={"Retry-After": "86400"})]
    assert bed.code(bed.serve()) == "collect.http.busy"
    assert waits == []


@pytest.mark.parametrize(
    "headers",
    [
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "9"},
        {"RateLimit": "limit=10, remaining=0, reset=9"},
        {"RateLimit": '"default";r=0;t=9'},
    ],
)
def test_what_an_interface_says_is_left_is_kept_to(bed: Bed, waits: list[float], headers: dict[str, str]) -> None:
    first = bed.numbered
    bed.page = lambda asked: Reply(document=first(asked).document, headers=headers if asked.query["page"] == "1" else {})
    assert bed.take(bed.serve()).written == 25
    assert [round(w) for w in waits] == [9, 9] or [round(w) for w in waits] == [9]


def test_requests_are_no_faster_than_told(bed: Bed) -> None:
    begun = time.monotonic()
    bed.take(bed.serve(), per_second=10)
    assert time.monotonic() - begun > 0.19


def test_bursts_of_errors_and_cut_answers_are_overcome(bed: Bed, waits: list[float]) -> None:
    whole = Reply(document=bed.document(bed.records[:10]))
    size = len(whole.content)
    bed.scripts = [
        Reply(500),
        Reply(502),
        whole,
        Reply(document=bed.document(bed.records[10:20]), cut=size // 2),
        Reply(document=bed.document(bed.records[10:20]), cut=40, zipped=True),
    ]
    assert bed.take(bed.serve()).written == 25
    assert bed.landed() == bed.wanted
    assert len(waits) == 4


def test_an_interface_that_drips_is_given_up(bed: Bed, waits: list[float]) -> None:
    bed.scripts = [Reply(document=bed.document(bed.records[:10]), drip=0.05)]
    interface = bed.serve()
    assert bed.take(interface, answer_seconds=0.3).written == 25
    assert len(waits) == 1
    bed.scripts = [Reply(document=bed.document(bed.records), drip=0.05) for _ in range(9)]
    with pytest.raises(CityLoomError, match="too slow"):
        bed.take(interface, answer_seconds=0.2, retries=1)


def test_a_silent_interface_is_given_up(bed: Bed, waits: list[float]) -> None:
    bed.scripts = [Reply(document={}, drip=5)]
    assert bed.take(bed.serve(), timeout_seconds=0.3).written == 25


def test_a_pull_that_breaks_off_lands_nothing_and_the_next_one_lands_all(bed: Bed, waits: list[float]) -> None:
    first = bed.numbered
    bed.page = lambda asked: Reply(500) if asked.query["page"] == "3" else first(asked)
    interface = bed.serve()
    assert bed.code(interface) == "collect.source.unreachable"
    bed.page = first
    assert bed.take(interface).written == 25


def test_limits_of_size_and_time(bed: Bed) -> None:
    big = bed.serve(lambda asked: Reply(document={"data": {"total": 1, "list": [{"id": 1, "at": "x" * (3 << 20)}]}}, zipped=True))
    assert bed.code(big, answer_limit_mb=2) == "collect.http.large"
    endless = iter(range(1_000_000))
    flood = bed.serve(lambda asked: Reply(document={"data": {"list": [{"id": next(endless), "at": "x" * 500_000}]}}))
    assert bed.code(flood, total="", pull_limit_mb=3) == "collect.http.large"
    assert bed.code(flood, total="", pull_seconds=0.3) == "collect.http.long"


def test_pages_that_come_again_are_seen(bed: Bed) -> None:
    turns = iter(range(1000))
    loop = bed.serve(lambda asked: Reply(document={"data": {"list": bed.records[10 * (next(turns) % 2) :][:10]}}))
    assert bed.code(loop, total="") == "collect.http.repeats"
    circle = bed.serve(lambda asked: Reply(document=bed.document([{"id": next(turns), "at": "x"}], next="a")))
    assert bed.code(circle, paging="cursor", page="c", next="data.next") == "collect.http.repeats"


def test_a_total_that_changes_while_it_is_pulled(bed: Bed) -> None:
    first = bed.numbered
    grown = {"at": 0}

    def answer(asked: Asked) -> Reply:
        if asked.query["page"] == "2" and grown["at"] < grown["limit"]:
            grown["at"] += 1
            bed.records = [{"id": 100 + grown["at"], "at": "2026-02-01"}, *bed.records]
        return first(asked)

    grown["limit"] = 1
    interface = bed.serve(answer)
    assert bed.take(interface).written == 26
    assert bed.landed() == sorted(bed.wanted, key=int)
    grown["limit"] = 99
    with pytest.raises(CityLoomError) as failure:
        bed.take(interface, restarts=1)
    assert failure.value.code == "collect.http.moved"
    assert len(bed.landed()) == 26


def test_the_count_may_come_from_a_header_or_of_its_own(bed: Bed) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("count"):
            return Reply(document={"count": len(bed.records)})
        size, page = int(asked.query["size"]), int(asked.query["page"])
        shown = bed.records[(page - 1) * size : page * size]
        return Reply(document={"data": {"list": shown}}, headers={"X-Total-Count": "25"})

    interface = bed.serve(answer)
    assert bed.take(interface, total="", total_header="X-Total-Count").written == 25
    assert len(interface.asked) == 3
    again = bed.take(interface, count_url=f"{interface.url}/count", total="count")
    assert again.summary["skipped"] == 1
    bed.records = [*bed.records, {"id": 99, "at": "x"}]
    lying = bed.serve(lambda asked: Reply(document={"count": 40}) if asked.path.endswith("count") else answer(asked))
    with pytest.raises(CityLoomError) as failure:
        bed.take(lying, count_url=f"{lying.url}/count", total="count")
    assert failure.value.code == "collect.batch.unequal"


def test_what_success_means_is_checked(bed: Bed) -> None:
    interface = bed.serve(lambda asked: Reply(document={"code": 40301, "message": "Zhang San may not", "data": None}))
    with pytest.raises(CityLoomError) as failure:
        bed.take(interface, success={"code": "0"})
    assert failure.value.code == "collect.http.unsuccessful"
    assert "40301" in str(failure.value) and "Zhang" not in str(failure.value)
    assert bed.take(bed.serve(), success={"code": "0"}).written == 25


def test_tokens_are_got_and_got_anew(bed: Bed) -> None:
    tokens: list[str] = []
    first = bed.numbered

    def answer(asked: Asked) -> Reply:
        if asked.path == "/token":
            assert asked.body == b"grant_type=client_credentials&audience=city&scope=read"
            assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"me:a%2Fb"
            tokens.append(f"t{len(tokens)}")
            return Reply(document={"access_token": tokens[-1], "expires_in": 3600})
        if asked.headers.get("authorization") != f"Bearer {tokens[-1] if tokens else ''}":
            return Reply(401)
        if asked.query["page"] == "2" and len(tokens) == 1:
            return Reply(401)
        return first(asked)

    interface = bed.serve(answer)
    bed.bench.write("secret", "a/b\n")
    auth = {
        "kind": "oauth2", "token_url": interface.url.replace("/api/people", "/token"), "client_id": "me",
        "client_secret": "file:secret", "scope": "read", "parameters": {"audience": "city"},
    }  # fmt: skip
    assert bed.take(interface, auth=auth).written == 25
    assert tokens == ["t0", "t1"]
    refusing = bed.serve(lambda asked: Reply(400) if asked.path == "/token" else first(asked))
    with pytest.raises(CityLoomError) as failure:
        bed.take(refusing, auth={**auth, "token_url": refusing.url.replace("/api/people", "/token")})
    assert failure.value.code == "collect.http.token"
    assert "a/b" not in str(failure.value)


@pytest.mark.parametrize("place", ["header", "query"])
def test_keys_and_bearers(bed: Bed, place: str) -> None:
    bed.bench.write("key", "k 1\n")
    first = bed.numbered

    def answer(asked: Asked) -> Reply:
        found = asked.headers.get("x-app") if place == "header" else asked.query.get("X-App")
        return first(asked) if found == "k 1" else Reply(403)

    auth = {"kind": "key", "name": "X-App", "value": "file:key", "place": place}
    assert bed.take(bed.serve(answer), auth=auth).written == 25
    bearer = bed.serve(lambda asked: first(asked) if asked.headers.get("authorization") == "Bearer k 1" else Reply(401))
    assert bed.take(bearer, auth={"kind": "bearer", "token": "file:key"}).summary["reconciled"]
    with pytest.raises(CityLoomError) as failure:
        bed.take(bearer, auth={"kind": "bearer", "token": "wrong-one"})
    assert failure.value.code == "collect.secret.plain"
    assert "wrong-one" not in str(failure.value)
    bed.bench.write("key", "wrong-one\n")
    with pytest.raises(CityLoomError) as failure:
        bed.take(bearer, auth={"kind": "bearer", "token": "file:key"})
    assert failure.value.code == "collect.http.denied"
    assert "wrong-one" not in str(failure.value)


def test_requests_are_signed_anew_each_time(bed: Bed, waits: list[float]) -> None:
    nonces: list[str] = []

    def answer(asked: Asked) -> Reply:
        digest = hashlib.sha256(asked.body).hexdigest()
        stamp, nonce = asked.headers["x-time"], asked.headers["x-nonce"]
        text = f"POST\n/api/people\na=%E7%94%B2&b=2\n{stamp}\n{nonce}\n{digest}"
        wanted = base64.b64encode(hmac.new(b"s3cret", text.encode(), "sha256").digest()).decode()
        if asked.headers["x-sign"] != f"app7:{wanted}" or nonce in nonces:
            return Reply(401)
        nonces.append(nonce)
        page = asked.json["page"]
        return Reply(document=bed.document(bed.records[(page - 1) * 10 : page * 10]))

    bed.scripts = [Reply(500)]
    bed.bench.write("word", "s3cret\n")
    auth = {
        "kind": "signed", "key": "app7", "secret": "file:word", "encoding": "base64",
        "headers": {"X-Time": "{timestamp}", "X-Nonce": "{nonce}", "X-Sign": "{key}:{signature}"},
    }  # fmt: skip
    assert bed.take(bed.serve(answer), auth=auth, in_body=True, parameters={"b": "2", "a": "甲"}).written == 25
    assert len(nonces) == 3


def test_the_certificate_is_checked(bed: Bed, tmp_path: Path) -> None:
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=here", *names]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    interface = bed.serve(context=context)
    assert bed.code(interface, retries=0) == "collect.source.unreachable"
    assert bed.take(interface, ca="ca.pem").written == 25


def _since(bed: Bed, asked: Asked, *, is_exclusive: bool = False, size: int = 4) -> Reply:
    since, page = asked.query.get("since", ""), int(asked.query["page"])
    found = [r for r in bed.records if (r["at"] > since if is_exclusive else r["at"] >= since)]
    return Reply(document={"data": {"total": len(found), "list": found[(page - 1) * size : page * size]}})


def test_pulls_go_on_from_the_marker_and_ties_are_neither_lost_nor_doubled(bed: Bed) -> None:
    bed.records = [{"id": n, "at": f"2026-01-0{1 + n // 3}"} for n in range(7)]
    interface = bed.serve(lambda asked: _since(bed, asked))
    options = {"mode": "incremental", "since": "since", "marker": "at"}
    assert bed.take(interface, **options).written == 7
    assert bed.take(interface, **options).summary["batches"] == []
    bed.records += [{"id": 7, "at": "2026-01-03"}, {"id": 8, "at": "2026-01-03"}, {"id": 9, "at": "2026-01-04"}]
    assert bed.take(interface, **options).written == 3
    assert interface.asked[-1].query["since"] == "2026-01-03"
    bed.records[9]["name"] = "changed"
    assert bed.take(interface, **options).written == 1
    assert bed.landed() == [*map(str, range(9)), "9", "9"]
    assert bed.take(interface, **options).summary["batches"] == []


def test_a_marker_may_be_a_number_and_asked_for_as_a_date(bed: Bed) -> None:
    bed.records = [{"id": n, "at": n} for n in (8, 9, 10)]

    def by_number(asked: Asked) -> Reply:
        found = [r for r in bed.records if r["at"] > int(asked.query.get("since", "0"))]
        return Reply(document={"data": {"total": len(found), "list": found}})

    interface = bed.serve(by_number)
    options = {"mode": "incremental", "since": "since", "marker": "at", "page": "", "size": ""}
    assert bed.take(interface, **options, inclusive=False, start="8").written == 2
    bed.records.append({"id": 11, "at": 11})
    assert bed.take(interface, **options, inclusive=False, start="8").written == 1
    assert interface.asked[-1].query["since"] == "10"


def test_a_parameter_that_takes_only_the_day(bed: Bed) -> None:
    bed.records = [{"id": n, "at": f"2026-01-01 10:00:0{n}"} for n in range(3)]

    def by_day(asked: Asked) -> Reply:
        found = [r for r in bed.records if r["at"][:10] >= asked.query.get("since", "")]
        return Reply(document={"data": {"total": len(found), "list": found}})

    interface = bed.serve(by_day)
    options = {"mode": "incremental", "since": "since", "marker": "at", "since_characters": 10, "page": "", "size": ""}
    assert bed.take(interface, **options).written == 3
    bed.records += [{"id": 3, "at": "2026-01-01 09:00:00"}, {"id": 4, "at": "2026-01-02 08:00:00"}]
    assert bed.take(interface, **options).written == 2
    assert interface.asked[-1].query["since"] == "2026-01-01"
    bed.records += [{"id": 5, "at": "2026-01-02 07:00:00"}]
    assert bed.take(interface, **options).written == 1
    assert bed.landed() == ["0", "1", "2", "3", "4", "5"]


def test_an_interface_that_does_not_heed_the_marker_is_told(bed: Bed) -> None:
    bed.records = [{"id": n, "at": f"2026-01-0{1 + n}"} for n in range(3)]
    interface = bed.serve(lambda asked: _since(bed, asked))
    options = {"mode": "incremental", "since": "since", "marker": "at"}
    bed.take(interface, **options)
    deaf = bed.serve(lambda asked: Reply(document=bed.document(bed.records)))
    deaf.server.server_port, port = interface.server.server_port, deaf.server.server_port
    with pytest.raises(CityLoomError) as failure:
        bed.take(interface, **options, url=f"http://127.0.0.1:{port}/api/people")
    assert failure.value.code == "collect.http.since"
    bed.records.append({"id": 9, "at": None})
    with pytest.raises(CityLoomError) as failure:
        bed.take(bed.serve(lambda asked: Reply(document=bed.document(bed.records[-1:]))), **options)
    assert failure.value.code == "collect.http.marker"
    with pytest.raises(CityLoomError) as failure:
        bed.take(interface, mode="incremental")
    assert failure.value.code == "collect.http.incremental"


def test_a_pull_that_broke_off_goes_on_from_where_it_was(bed: Bed, waits: list[float]) -> None:
    bed.records = [{"id": n, "at": f"2026-01-0{1 + n}"} for n in range(9)]
    interface = bed.serve(lambda asked: _since(bed, asked))
    options = {"mode": "incremental", "since": "since", "marker": "at"}
    bed.records, later = bed.records[:4], bed.records[4:]
    bed.take(interface, **options)
    bed.records += later
    bed.scripts = [_since(bed, Asked("GET", "", {"page": "1", "since": "2026-01-04"}, {}, b"")), Reply(500), Reply(500), Reply(500)]
    with pytest.raises(CityLoomError):
        bed.take(interface, **options)
    assert len(bed.landed()) == 4
    assert bed.take(interface, **options).written == 5
    assert bed.landed() == [str(n) for n in range(9)]


ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<q:Query xmlns:q="urn:q"><q:page>{page}</q:page><q:size>{size}</q:size></q:Query></s:Body></s:Envelope>"""
ANSWER = """<?xml version="1.0" encoding="GBK"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r:QueryResponse xmlns:r="urn:q" count="{total}">
<r:items>{items}</r:items><other><item><id>no</id></item></other></r:QueryResponse></s:Body></s:Envelope>"""
FAULT = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>s:{code}</faultcode><faultstring>Zhang San is not known</faultstring></s:Fault></s:Body></s:Envelope>"""


def _soap(bed: Bed, asked: Asked) -> Reply:
    page = int(asked.body.decode().partition("<q:page>")[2].partition("<")[0])
    shown = bed.records[(page - 1) * 10 : page * 10]
    items = "".join(
        f'<r:item kind="甲"><r:id>{r["id"]}</r:id><r:at xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/></r:item>'
        for r in shown
    )
    text = ANSWER.format(total=len(bed.records), items=items)
    return Reply(body=text.encode("gbk"), headers={"Content-Type": "text/xml; charset=GBK"})


def test_soap_is_spoken(bed: Bed) -> None:
    bed.bench.write("query.xml", ENVELOPE)
    interface = bed.serve(lambda asked: _soap(bed, asked))
    options = {"body": "file:query.xml", "headers": {"SOAPAction": '"urn:q#Query"'}, "total": "QueryResponse/@count"}
    for record in ("items/item", "q:QueryResponse/q:items/q:item"):
        assert bed.take(interface, "http_xml", record=record, namespaces={"q": "urn:q"}, **options).summary["reconciled"]
    assert bed.landed() == bed.wanted
    assert set(bed.bench.rows("@kind", "at")) == {("甲", None)}
    assert interface.asked[0].headers["content-type"] == "text/xml; charset=utf-8"
    assert interface.asked[0].method == "POST"


def test_soap_faults_and_other_xml_are_told(bed: Bed, waits: list[float]) -> None:
    def code(reply: Reply, **options: Any) -> str:
        with pytest.raises(CityLoomError) as failure:
            bed.take(bed.serve(lambda asked: reply), "http_xml", **{"record": "item", "total": "", **options})
        assert "Zhang" not in str(failure.value)
        return failure.value.code

    fault = {c: FAULT.format(code=c).encode() for c in ("Client.Auth", "Server")}
    assert code(Reply(500, body=fault["Client.Auth"])) == "collect.http.fault"
    assert waits == []
    assert code(Reply(500, body=fault["Server"])) == "collect.source.unreachable"
    assert code(Reply(body=fault["Server"])) == "collect.http.fault"
    assert code(Reply(body=b"<html><p>login")) == "collect.http.malformed"
    assert code(Reply(body=b"<a><b/></a>"), record="items/item") == "collect.http.unlike"
    assert code(Reply(body=b"<a/>"), record="x:item") == "collect.xml.prefix"
    bomb = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><a><item>&y;</item></a>'
    assert code(Reply(body=bomb)) == "collect.xml.doctype"
    outside = b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><item/></a>'
    assert code(Reply(body=outside)) == "collect.xml.doctype"


def test_the_check_of_a_source_asks_for_one_page(bed: Bed) -> None:
    interface = bed.serve()
    source = Source(name="s", title=Title("例", "x"), department="ga", connector="http_json", options={"url": interface.url})
    build(make_resource(COLUMNS), source, bed.bench.folder).check()
    assert len(interface.asked) == 1
    with pytest.raises(CityLoomError) as failure:
        wrong = Source(**{**source.__dict__, "options": {"url": interface.url, "auth": {"kind": "bearer", "tokn": "x"}}})
        build(make_resource(COLUMNS), wrong, bed.bench.folder)
    assert failure.value.code == "collect.options.invalid"
    assert "auth" in failure.value.details["option"]


def test_answers_may_be_zipped_chunked_and_have_no_content(bed: Bed) -> None:
    def answer(asked: Asked) -> Reply:
        page = int(asked.query["page"])
        if page > 3:
            return Reply(204, body=b"")
        shown = bed.records[(page - 1) * 10 : page * 10]
        return Reply(document={"data": {"list": shown}}, zipped=True, chunked=True)

    interface = bed.serve(answer)
    assert bed.take(interface, total="").written == 25
    assert [a.query["page"] for a in interface.asked] == ["1", "2", "3", "4"]


def test_the_page_shows_what_works(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "collect-files.md").read_text()
    blocks = [YAML(typ="safe").load(text) for text in re.findall(r"^```yaml\n(.*?)^```", page, re.S | re.M)]
    options, task = blocks[1]["options"], blocks[2]["collect"]
    monkeypatch.setenv("WJ_SECRET", "s3cret")

    def answer(asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            return Reply(document={"access_token": "t", "expires_in": "3600"})
        size, number = int(asked.query["pageSize"]), int(asked.query["pageNo"])
        found = [r for r in bed.records if r["updated_at"] >= asked.query.get("updatedAfter", "")]
        return Reply(document={"code": 0, "data": {"total": len(found), "list": found[(number - 1) * size : number * size]}})

    bed.records = [{"id": n, "at": "x", "updated_at": f"2026-01-01 {n // 60:02}:{n % 60:02}"} for n in range(700)]
    interface = bed.serve(answer)
    auth = options["auth"] | {"token_url": interface.url.replace("/api/people", "/oauth/token")}
    given = {**options, **task["what"], "url": interface.url, "auth": auth}
    assert bed.take(interface, blocks[1]["connector"], task["mode"], **given).written == 700
    assert bed.take(interface, blocks[1]["connector"], task["mode"], **given).summary["batches"] == []
