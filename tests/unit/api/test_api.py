"""The interface: what it takes, what it refuses and how it says so."""

from urllib.parse import quote

import pytest

from cityloom.api.guard import accepted_language

ADDRESS = "/api/v1/services/person_lookup"
HEADERS = {"Authorization": "Bearer k1", "X-Purpose": "housing"}


def test_a_call_reaches_the_service(call):
    answer = call("POST", ADDRESS, json={"parameters": {"name": "甲"}}, headers=HEADERS)
    assert answer.status_code == 200
    assert answer.json() == {
        "service": "person_lookup", "values": {"name": "甲"}, "token": "k1", "purpose": "housing",
    }  # fmt: skip
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("sent", ["住房保障".encode(), quote("住房保障")])
def test_a_purpose_may_be_chinese(call, sent):
    answer = call("POST", ADDRESS, json={}, headers=HEADERS | {"X-Purpose": sent})
    assert answer.json()["purpose"] == "住房保障"


def test_published_services_are_listed(call):
    (one,) = call("GET", "/api/v1/services").json()
    assert (one["name"], one["form"], one["require"]) == ("person_lookup", "lookup", ["id_number", "name"])
    assert one["items"] == [{"name": "name", "title": {"zh": "姓名", "en": "Name"}, "masked": True}]


@pytest.mark.parametrize(
    ("family", "status"), [("user", 400), ("denied", 403), ("source", 502), ("data", 422)]
)
def test_errors_are_problems_with_the_status_of_their_family(call, family, status):
    answer = call("POST", f"/api/v1/services/{family}", json={}, headers=HEADERS)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "There is no moon."
    assert answer.json()["type"] == "urn:cityloom:error:test.code"


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Basic k1"}, {"Authorization": "Bearer "}])
def test_without_key_nobody_is_known(call, sent):
    answer = call("POST", ADDRESS, json={}, headers={"X-Purpose": "housing", **sent})
    assert answer.status_code == answer.json()["status"] == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_without_purpose_nothing_is_asked(call):
    answer = call("POST", ADDRESS, json={}, headers={"Authorization": "Bearer k1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "api.purpose.missing")


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"parameters": {"name": "secret-4711\\u0000"}}', b'{"parameters": {"name": ["secret-4711"]}}',
     b'{"secret-4711": 1}', b'{"parameters": {"name": "' + b"secret-4711" * 60 + b'"}}'],
)  # fmt: skip
def test_a_malformed_request_is_refused_without_repeating_it(call, body):
    answer = call("POST", ADDRESS, content=body, headers=HEADERS | {"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "api.request.malformed"
    assert "4711" not in answer.text


def test_a_large_request_is_refused_unread(call):
    answer = call("POST", ADDRESS, content=b" " * 70_000, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (413, "api.request.large")


def test_an_unforeseen_error_tells_and_logs_no_value(call, capsys):
    asked = {"parameters": {"secret": "secret-4711"}}
    answer = call("POST", "/api/v1/services/broken", json=asked, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (500, "api.internal")
    said = capsys.readouterr()
    assert "RuntimeError" in said.out + said.err
    assert "4711" not in answer.text + said.out + said.err
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/nowhere", 404), ("GET", ADDRESS, 405), ("GET", "/static/../app.py", 404)],
)
def test_unknown_addresses_are_problems(call, method, address, status):
    answer = call(method, address)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_browser_gets_a_page_of_what_went_wrong(call):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    lost = call("GET", "/no<b>where?lang=en", headers=browser)
    assert (lost.status_code, lost.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at this address." in lost.text
    assert "<b>where" not in lost.text
    assert call("GET", "/api/v1/nowhere", headers=browser).headers["content-type"] == "application/problem+json"
    large = call("POST", "/quality/resources/a/causes", content=b" " * 70_000, headers=browser)
    assert (large.status_code, large.headers["content-type"]) == (413, "text/html; charset=utf-8")


def test_the_language_of_errors_is_the_callers(call):
    assert call("GET", "/api/v1/report").json()["title"] == "此工作区还没有运行报告。"
    english = {"Accept-Language": "en-US,en;q=0.9,zh;q=0.1"}
    assert call("GET", "/api/v1/report", headers=english).json()["title"].startswith("There is no report")
    assert (
        call("GET", "/api/v1/report?lang=zh", headers=english).json()["title"] == "此工作区还没有运行报告。"
    )


def test_pages_are_chinese_until_another_language_is_chosen(call):
    assert 'lang="zh-CN"' in call("GET", "/", headers={"Accept-Language": "en"}).text.split("\n")[1]
    chosen = call("GET", "/?lang=en")
    assert '<html lang="en">' in chosen.text
    assert "cityloom_lang=en" in chosen.headers["set-cookie"]
    assert '<html lang="en">' in call("GET", "/", headers={"Cookie": "cityloom_lang=en"}).text
    assert "set-cookie" not in call("GET", "/?lang=xx").headers


@pytest.mark.parametrize(
    ("header", "language"),
    [("", None), ("de", None), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en;q=0.2, zh;q=0.7", "zh"), ("en-GB", "en"),
     ("zh;q=0, en;q=0.1", "en"), ("*;;;=,,", None)],
)  # fmt: skip
def test_accept_language(header, language):
    assert accepted_language(header) == language


def test_the_report_goes_out_without_passwords(call, tmp_path):
    account = '{"accounts": [{"name": "a", "title": {"zh": "甲", "en": "A"}, "password": "secret-4711"}]}'
    (tmp_path / "report.json").write_text(account, encoding="utf-8")
    answer = call("GET", "/api/v1/report")
    assert answer.json()["accounts"][0]["name"] == "a"
    assert "4711" not in answer.text


def test_no_page_of_the_framework_loads_from_outside(call):
    assert call("GET", "/docs").status_code == 404
    assert call("GET", "/redoc").status_code == 404


def test_a_request_nested_without_end_is_called_malformed_not_missing(call):
    answer = call("POST", ADDRESS, content=b"[" * 30_000, headers=HEADERS | {"Content-Type": "application/json"})
    missing = call("GET", "/nowhere").json()["title"]
    assert answer.status_code == 400
    assert answer.json()["title"] != missing
