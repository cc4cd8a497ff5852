"""Pages of collecting: figures and never a row, whole in both languages, and nothing without the department's key."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from lxml import html
from tests.unit.flows.calling import calling
from tests.unit.flows.intake_town import GOOD, Town, define, key_of, landed, make_tables, push

from cityloom.collect.inbox import Inbox
from cityloom.kernel.config import Settings
from cityloom.protect.keys import load_or_make_keys
from cityloom.store import batches
from cityloom.store.database import Store

BAD = [GOOD, {**GOOD, "ffdh": "AAAA2", "sfzh": "11010519491231secret"}]
PAGES = ("/collect", "/collect/upload", "/collect/batches", "/collect/upload/welfare", "/collect/forms/welfare", "/collect/rejects/welfare")
HAN = re.compile("[\u4e00-\u9fff]+")


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    settings = Settings(workspace=tmp_path, intake_mb=1)
    made = Town(settings, tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    define(made)
    yield made
    store.close()


@pytest.fixture
def call(at):
    return calling(at)


@pytest.fixture
def key(at):
    return key_of(at, "mz.owner")


def csv_of(rows):
    return ("ffdh,sfzh,xm,xb,lxdh,ffrq\n" + "".join(",".join(row.values()) + "\n" for row in rows)).encode()


def send_file(call, address, key, content, name="march.csv", **fields):
    """A form as a browser sends it: the key first, the file last."""
    parts = [("key", (None, key)), *((k, (None, v)) for k, v in fields.items()), ("file", (name, content))]
    return call("POST", address, files=parts)


def send_fields(call, address, **fields):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return call("POST", address, content=urlencode(fields), headers=kind)


@pytest.fixture
def batch(at):
    return push(at, BAD).batch


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_is_whole_and_shows_no_row(call, batch, language):
    for address in (*PAGES, f"/collect/batches/{batch}"):
        answer = call("GET", address, params={"lang": language})
        assert answer.status_code == 200
        tree = html.fromstring(answer.text)
        assert tree.get("lang").startswith(language)
        text = tree.text_content()
        for value in ("secret", GOOD["lxdh"] if "upload/" not in address and "forms/" not in address else "secret", "张三"):
            assert value not in text
        if language == "en":
            assert HAN.findall(re.sub("城织|中文", "", text)) == []
        for element in tree.iter():
            assert element.tag not in ("script", "style", "iframe")
            assert "style" not in element.attrib
            assert not any(name.startswith("on") for name in element.attrib)


def test_a_receipt_shows_both_sides_and_no_digest_of_few_values(call, batch, at):
    text = html.fromstring(call("GET", f"/collect/batches/{batch}?lang=en").text).text_content()
    assert "push:k1" in text
    assert "citizen_id.coding_rule" in text or "citizen_id.format" in text
    assert "few values" in text
    many = push(at, [{**GOOD, "ffdh": f"N{n:05}"} for n in range(12)], "k2")
    digest = many.body["receipt"]["columns"][0]["digest"].partition(":")[2]
    assert digest in call("GET", f"/collect/batches/{many.batch}").text


def test_batches_are_listed_newest_first_and_by_resource(call, batch, at):
    push(at, [{**GOOD, "ffdh": "AAAA9"}], "k2")
    origins = html.fromstring(call("GET", "/collect/batches").text).xpath("//td[contains(@class, 'origin')]/text()")
    assert origins == ["push:k2", "push:k1"]
    assert "push:k1" not in call("GET", "/collect/batches?resource=hukou").text


@pytest.mark.parametrize("address", ["/collect/batches/b_none", "/collect/upload/none", "/collect/forms/none", "/collect/rejects/none", "/collect/templates/none.xlsx", "/collect/templates/welfare.exe"])
def test_what_is_not_there_is_said_on_a_page(call, address):
    answer = call("GET", address)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


def test_templates_come_in_the_language_of_the_page(call):
    answer = call("GET", "/collect/templates/welfare.csv?lang=zh")
    assert answer.content.decode("utf-8-sig").startswith("发放单号,")
    assert "welfare-zh.csv" in answer.headers["content-disposition"]
    assert call("GET", "/collect/templates/welfare.xlsx").content[:2] == b"PK"


def test_an_upload_is_checked_shown_and_landed_after_it_is_confirmed(call, at, key):
    answer = send_file(call, "/collect/upload/welfare", key, csv_of(BAD), name="三月.csv")
    assert answer.status_code == 200
    tree = html.fromstring(answer.text)
    assert "三月.csv" in tree.text_content()
    assert "secret" not in answer.text
    assert key not in answer.text
    assert tree.xpath("//table[contains(@class, 'problems')]//td[1]/text()")[0] == "3"
    assert landed(at) == []
    (form,) = tree.xpath("//form[@class='confirm']")
    done = send_fields(call, form.get("action"), ticket=form.xpath(".//input/@value")[0])
    assert done.status_code == 303
    assert landed(at) == [("AAAA1",)]
    assert call("GET", done.headers["location"]).status_code == 200
    assert "set-cookie" not in done.headers


def test_without_the_ticket_nothing_lands(call, at, key):
    tree = html.fromstring(send_file(call, "/collect/upload/welfare", key, csv_of(BAD)).text)
    (form,) = tree.xpath("//form[@class='confirm']")
    refused = send_fields(call, form.get("action"), ticket="x")
    assert refused.status_code == 403
    assert landed(at) == []


@pytest.mark.parametrize("way", ["upload", "rejects"])
def test_a_wrong_key_is_refused_before_the_file_is_kept(call, at, way, monkeypatch):
    kept = []
    monkeypatch.setattr("cityloom.collect.inbox.Draft.write", lambda self, block: kept.append(block))
    address = "/collect/upload/welfare" if way == "upload" else "/collect/rejects/welfare/correct"
    for token, status in (("cl_x_y", 401), (key_of(at, "ga.owner"), 403)):
        answer = send_file(call, address, token, csv_of([GOOD]))
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert token not in answer.text
    assert kept == []
    assert Inbox(at.folder).attempts("welfare") == []


def test_a_key_after_the_file_is_no_key(call, at, key):
    parts = [("file", ("a.csv", csv_of([GOOD]))), ("key", (None, key))]
    assert call("POST", "/collect/upload/welfare", files=parts).status_code == 401


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [(b"x", "a.exe", 400), (b"", "a.csv", 422), (b"PK\x03\x04broken", "a.xlsx", 422), (b"x" * (1 << 20) + b"y", "a.csv", 413)],
)
def test_a_file_that_cannot_be_taken_is_explained_on_the_page(call, at, key, content, name, status):
    answer = send_file(call, "/collect/upload/welfare", key, content, name=name)
    assert answer.status_code == status
    assert html.fromstring(answer.text).xpath("//*[@role='alert']")
    assert Inbox(at.folder).attempts("welfare") == []


def test_a_form_that_is_none_is_refused(call, at):
    for options in ({"content": b"x"}, {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, {"files": [("key", (None, "k"))]}):
        assert call("POST", "/collect/upload/welfare", **options).status_code == 400
    assert call("POST", "/collect/forms/welfare", json={}).status_code == 400


def fields_of(values, key, nonce="f_1"):
    return {"form": nonce, "key": key, **{f"v:{name}": value for name, value in values.items()}}


def test_a_row_is_entered_and_sent_twice_it_lands_once(call, at, key):
    for _ in range(2):
        answer = send_fields(call, "/collect/forms/welfare", **fields_of(GOOD, key))
        assert answer.status_code == 303
    assert landed(at, "ffdh", "xm") == [("AAAA1", "张三")]
    shown = call("GET", answer.headers["location"])
    assert "张三" not in shown.text


def test_what_is_wrong_stands_beside_its_field_and_what_was_entered_stays(call, at, key):
    wrong = {**GOOD, "sfzh": "<b>1</b>", "ffrq": "2024-02-30", "ffdh": ""}
    answer = send_fields(call, "/collect/forms/welfare", **fields_of(wrong, key))
    assert answer.status_code == 422
    tree = html.fromstring(answer.text)
    marked = {p.xpath(".//*[self::input or self::select]/@name")[0] for p in tree.xpath("//p[contains(@class, 'wrong')]")}
    assert marked == {"v:ffdh", "v:sfzh", "v:ffrq"}
    assert tree.xpath("//input[@name='v:sfzh']/@value") == ["<b>1</b>"]
    assert tree.xpath("//input[@name='v:lxdh']/@value") == [GOOD["lxdh"]]
    assert key not in answer.text
    assert landed(at) == []
    assert send_fields(call, "/collect/forms/welfare", **fields_of(GOOD, key)).status_code == 303


def test_columns_that_are_not_the_forms_are_left_out(call, at, key):
    assert send_fields(call, "/collect/forms/welfare", **fields_of({**GOOD, "evil": "1"}, key)).status_code == 303
    assert "evil" not in at.lake.columns("raw_mz__welfare")


def test_rows_set_apart_go_out_and_come_back_under_the_key(call, at, key, batch):
    refused = send_fields(call, "/collect/rejects/welfare/export", key="cl_a_b", form="csv")
    assert refused.status_code == 401
    file = send_fields(call, "/collect/rejects/welfare/export", key=key, form="csv")
    assert file.headers["content-disposition"] == 'attachment; filename="welfare-rejects.csv"'
    text = file.content.decode("utf-8-sig").replace("11010519491231secret", GOOD["sfzh"])
    assert send_fields(call, "/collect/rejects/welfare/export", key=key, form="xlsx").content[:2] == b"PK"
    answer = send_file(call, "/collect/rejects/welfare/correct", key, text.encode(), name="welfare-rejects.csv")
    assert answer.status_code == 200
    assert "1" in html.fromstring(answer.text).xpath("//*[@role='status']")[0].text_content()
    assert sorted(row[0] for row in landed(at)) == ["AAAA1", "AAAA2"]
    with at.store.read() as connection:
        assert batches.open_rejects(connection, "welfare") == []
    assert call("GET", "/collect/rejects/welfare/correct?lang=en").headers["location"] == "/collect/rejects/welfare?lang=en"


def test_the_start_page_leads_here(call, tmp_path):
    import shutil
    from pathlib import Path

    shutil.copy(Path(__file__).parent / "sample_report.json", tmp_path / "report.json")
    links = html.fromstring(call("GET", "/").text).xpath("//a/@href")
    assert {"/collect/batches", "/collect/upload"} <= set(links)


