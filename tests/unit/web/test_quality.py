"""Pages of quality: scores for everyone here, values and reports under the key of whoever may read them."""

from __future__ import annotations

import httpx
import pytest
from lxml import html
from tests.unit.flows.calling import calling
from tests.unit.flows.intake_town import GOOD, ID, Town, define, key_of, make_tables, push

from cityloom.flows import chain
from cityloom.flows.profiles import profile_all
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.protect.keys import load_or_make_keys
from cityloom.store.database import Store

PAGES = ("/quality", "/quality?phase=after", "/quality/resources/welfare", "/quality/profiles", "/quality/profiles?department=mz", "/quality/profiles/welfare")


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    from datetime import UTC, datetime

    from cityloom.engines.duckdb import DuckDBEngine
    from cityloom.kernel.clock import FixedClock
    from cityloom.kernel.i18n import use_language
    from cityloom.lake.tables import Lake

    folder = tmp_path_factory.mktemp("quality")
    engine = DuckDBEngine(folder / "spill", memory_mb=256, threads=2)
    store = Store(f"sqlite:///{folder / 'control.db'}")
    clock = FixedClock(datetime(2026, 1, 5, 2, 0, tzinfo=UTC))
    with use_language("en"):
        made = Town(Settings(workspace=folder), folder, engine, Lake(folder / "lake", engine), store, clock, keys=load_or_make_keys(folder / "keys"))
        make_tables(made)
        define(made, DRIFT="accept")
        push(made, [{**GOOD, "ffdh": f"AAAA{i}", "lxdh": "12" if i % 3 == 0 else GOOD["lxdh"]} for i in range(60)])
        chain.assess_raw(made, Runner(made))
        profile_all(made, Runner(made))
    yield made
    store.close()
    engine.close()


@pytest.fixture(scope="module")
def keys(at):
    return {name: key_of(at, name) for name in ("mz.owner", "ga.owner", "dsj.steward")}


@pytest.fixture
def call(at):
    return calling(at)


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_are_whole_and_show_no_value(call, address, language) -> None:
    answer = call("GET", address, params={"lang": language} | dict(httpx.URL(address).params))
    assert answer.status_code == 200
    assert ID not in answer.text
    assert GOOD["lxdh"] not in answer.text
    tree = html.fromstring(answer.text)
    assert not tree.xpath("//script | //@style | //style"), "the policy of the site forbids what is inline"
    assert not [href for href in tree.xpath("//@href | //@src") if str(href).startswith("http")]


def test_the_overview_leads_to_resources_and_shows_lights(call) -> None:
    tree = html.fromstring(call("GET", "/quality").text)
    assert "/quality/resources/welfare" in tree.xpath("//@href")
    assert tree.xpath("//*[contains(@class, 'signal')]")
    assert tree.xpath("//*[local-name()='svg'][contains(@class, 'trend')]")


def test_rules_stand_with_their_counts(call) -> None:
    tree = html.fromstring(call("GET", "/quality/resources/welfare").text)
    (row,) = tree.xpath("//tr[.//code='phone.coding_rule']")
    assert "60" in row.text_content()
    assert "20" in row.text_content()


def test_what_is_not_there_is_missed(call) -> None:
    assert call("GET", "/quality/resources/nothing").status_code == 404
    assert call("GET", "/quality/profiles/nothing").status_code == 404
    assert call("GET", "/quality?period=soon").status_code == 400
    assert call("GET", "/quality/reports").status_code == 303


@pytest.mark.parametrize(("account", "status"), [("mz.owner", 200), ("ga.owner", 403), ("dsj.steward", 200), (None, 401)])
def test_a_report_is_for_its_department_and_for_those_who_look_after_all(call, keys, account, status) -> None:
    fields = {"department": "mz", "period": "2026-01", "format": "xlsx", "key": keys.get(account, "cl_no_key")}
    answer = call("POST", "/quality/reports", data=fields)
    assert answer.status_code == status
    assert (answer.content[:2] == b"PK") == (status == 200)
    if status == 200:
        assert 'filename="quality-mz-2026-01.xlsx"' in answer.headers["content-disposition"]


def test_a_report_is_shown_within_the_policy_of_the_site(call, keys) -> None:
    fields = {"department": "mz", "period": "", "format": "page", "key": keys["mz.owner"]}
    tree = html.fromstring(call("POST", "/quality/reports", data=fields).text)
    assert not tree.xpath("//@style | //style | //script")
    assert "/quality/style.css" in tree.xpath("//link/@href")
    assert call("GET", "/quality/style.css").headers["content-type"].startswith("text/css")


def test_causes_and_values_need_a_key(call, keys) -> None:
    for address in ("/quality/resources/welfare/causes", "/quality/profiles/welfare"):
        assert call("POST", address, data={"key": "cl_x"}).status_code == 401
        assert call("POST", address, data={"key": keys["ga.owner"]}).status_code == 403
        assert call("POST", address, data={"key": keys["mz.owner"], "rule": "phone.coding_rule"}).status_code == 200


def test_the_interface_gives_the_same_to_the_same(call, keys) -> None:
    own, other = ({"Authorization": f"Bearer {keys[name]}"} for name in ("mz.owner", "ga.owner"))
    base = "/api/v1/quality"
    report = call("GET", f"{base}/reports/mz?period=2026-01", headers=own).json()
    assert report["tables"][0]["name"] == "welfare"
    assert call("GET", f"{base}/reports/mz?format=pdf", headers=own).content.startswith(b"%PDF")
    assert call("GET", f"{base}/causes/welfare?rule=phone.coding_rule", headers=own).json()[0]["origin"]["came"] == 20
    assert call("GET", f"{base}/profiles/welfare", headers=own).json()["profile"]["records"] == 60
    for address in ("reports/mz", "causes/welfare", "profiles/welfare"):
        assert call("GET", f"{base}/{address}", headers=other).status_code == 403
    assert call("GET", f"{base}/reports", headers=own).status_code == 403
    assert call("GET", f"{base}/reports/mz?period=x", headers=own).status_code == 400
