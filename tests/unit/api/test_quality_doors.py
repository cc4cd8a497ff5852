"""Every door of quality over HTTP: who sees which values, and what is put on record. Default is nothing."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from dataclasses import replace

import httpx
import pytest
from pypdfium2 import PdfDocument
from tests.unit.flows.calling import calling
from tests.unit.flows.intake_town import Town, key_of, make_tables

from cityloom.flows import chain
from cityloom.flows.orders import send
from cityloom.flows.profiles import profile_all
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.model.audit import EventKind
from cityloom.model.city import City
from cityloom.model.department import Account, Department
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.protect.keys import load_or_make_keys
from cityloom.store import audit
from cityloom.store.database import Store

ANY = Title("例", "example")
PUBLIC, INNER, SECRET = "Pubvalue", "Innervalue", "Secretvalue"
PEOPLE = {
    "ga.owner": ("ga", "owner", "officer"), "ga.second": ("ga", "officer"), "ga.user": ("ga", "consumer"), "mz.owner": ("mz", "owner", "officer"),
    "dsj.steward": ("dsj", "steward"), "dsj.analyst": ("dsj", "analyst"), "leader": ("dsj", "leader"), "dsj.audit": ("dsj", "audit_administrator"),
}  # fmt: skip
LOOKS = ("ga.owner", "ga.second", "dsj.steward", "dsj.analyst")
"""Who may look at the rows."""
FIGURES = ("ga.user", "leader", "dsj.audit")
"""Who may read counts of them, and no value."""


def city() -> City:
    def resource(name: str, department: str, *rules: RuleUse) -> Resource:
        items = (
            Item(name="id", column="id", title=ANY, grade="internal"), Item(name="open", column="open", title=ANY, grade="public"),
            Item(name="inner", column="inner", title=ANY, grade="internal"), Item(name="secret", column="secret", title=ANY, grade="core"),
        )  # fmt: skip
        return Resource(
            name=name, department=department, title=ANY, abstract=ANY, category="c", key=("id",), grade="internal",
            items=items, rules=rules, collect=CollectionTask(source=name),
        )  # fmt: skip

    rules = (
        RuleUse(rule="format", dimension="conformity", columns=("secret",), options={"pattern": "Secretvalue-[0-9]+"}),
        RuleUse(rule="format", dimension="conformity", columns=("inner",), options={"pattern": "Innervalue-[0-9]+"}),
    )
    source = {n: Source(name=n, title=ANY, department=d, connector="csv_files", options={"folder": n}) for n, d in (("things", "ga"), ("others", "mz"))}
    return City(
        resources={"things": resource("things", "ga", *rules), "others": resource("others", "mz")},
        sources=source,
        departments={n: Department(name=n, title=ANY) for n in ("ga", "mz", "dsj")},
        accounts={n: Account(name=n, title=ANY, department=d, roles=roles, password="demo:long-enough") for n, (d, *roles) in PEOPLE.items()},
    )


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    made = Town(Settings(workspace=tmp_path, busy_seconds=0), tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    made.__dict__["city"] = city()
    for name in ("things", "others"):
        (tmp_path / name).mkdir()
        lines = ["id,open,inner,secret"]
        for n in range(120):
            bad = n % 3 == 0
            lines.append(f"Id-{n},{PUBLIC}-{n % 4},{INNER}-{'x' if bad else n % 4},{SECRET}-{'x' if bad else n}")
        (tmp_path / name / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    runner = Runner(made)
    for stage in (chain.collect, chain.assess_raw, profile_all):
        assert not [r.error_text for r in stage(made, runner) if r.error_code]
    send(made, actor="dsj.steward")
    yield made
    store.close()


@pytest.fixture
def call(at):
    return calling(at, language="en")


def order_on(call, cause: str) -> str:
    return next(o["id"] for o in call("GET", "/api/v1/orders", "dsj.steward").json() if o["cause"] == cause)


def text_of(answer: httpx.Response) -> str:
    """What a reader of the answer can see: also of a workbook, and of a PDF its pages."""
    if answer.content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
            return "".join(book.read(n).decode("utf-8", "replace") for n in book.namelist() if n.endswith(".xml"))
    if answer.content[:4] == b"%PDF":
        return "".join(page.get_textpage().get_text_range() for page in PdfDocument(answer.content))
    return answer.text


def values_in(answer: httpx.Response) -> set[str]:
    return set(re.findall(f"(?:{PUBLIC}|{INNER}|{SECRET})-[0-9x]+", text_of(answer)))


GETS = (
    "/api/v1/orders", "/api/v1/orders/figures", "/api/v1/rules", "/api/v1/quality/reports", "/api/v1/quality/reports/ga",
    "/api/v1/quality/causes/things", "/api/v1/quality/profiles/things", "/api/v1/jobs",
)  # fmt: skip


def test_without_a_key_or_with_that_of_a_grant_nothing_is_shown(call, at) -> None:
    for address, key in itertools.product(GETS, ("", "cl_x_y", key_of(at, "dsj.steward", "grant-1"))):
        refused = call("GET", address, key=key)
        assert (refused.status_code, refused.json()["code"], refused.headers["www-authenticate"]) == (401, "api.key.invalid", "Bearer")
    for method, where in (("POST", "/api/v1/orders"), ("POST", "/api/v1/reports"), ("POST", "/api/v1/rules/trials"), ("POST", "/api/v1/orders/o_1/accept")):
        body = {"resource": "things", "words": "w"} if "reports" in where else {"target": {}, "use": {}} if "rules" in where else {}
        assert call(method, where, json=body).status_code == 401


REPORT, CAUSES, PROFILE = "/api/v1/quality/reports/ga", "/api/v1/quality/causes/things", "/api/v1/quality/profiles/things"


def test_who_may_not_look_at_rows_reads_counts_and_no_value(call) -> None:
    for account, address in itertools.product(FIGURES, (REPORT, CAUSES, PROFILE)):
        forms = ("json", "html", "xlsx", "pdf") if address == REPORT and account == "leader" else ("json",)
        for answer in (call("GET", address, account, params={"format": form}) for form in forms):
            assert answer.status_code == 200, answer.text
            assert not {v for v in values_in(answer) if not v.startswith(PUBLIC)}
            assert ("120" if address == PROFILE else "40") in text_of(answer)


def test_who_may_look_at_rows_sees_values_up_to_their_grade_and_is_on_record(call, at) -> None:
    for account in LOOKS:
        causes, profile = (values_in(call("GET", address, account)) for address in (CAUSES, PROFILE))
        assert f"{INNER}-x" in causes
        assert f"{INNER}-x" in profile
        assert not {v for v in causes | profile if v.startswith(SECRET)}
    with at.store.read() as connection:
        seen = [e.event for e in audit.list_events(connection, kind=EventKind.VALUES_SHOWN)]
    assert {(e.actor, e.subject) for e in seen} == {(account, "things") for account in LOOKS}


def test_another_department_reads_nothing(call) -> None:
    for address in (REPORT, CAUSES, PROFILE, "/api/v1/quality/reports"):
        assert call("GET", address, "mz.owner").status_code == 403


def test_a_report_that_leaves_is_on_record(call, at) -> None:
    call("GET", "/api/v1/quality/reports/ga", "leader", params={"format": "xlsx"})
    with at.store.read() as connection:
        (event,) = [e.event for e in audit.list_events(connection, kind=EventKind.REPORT_SHOWN)]
    assert (event.actor, event.subject, dict(event.details)["form"]) == ("leader", "ga", "xlsx")


def test_the_rows_of_an_order_are_downloaded_by_who_may_see_them(call, at) -> None:
    for form in ("csv", "xlsx"):
        check_download(call, form)
    with at.store.read() as connection:
        seen = [e.event.actor for e in audit.list_events(connection, kind=EventKind.BROKEN_SHOWN)]
    assert sorted(seen) == ["dsj.steward", "dsj.steward", "ga.owner", "ga.owner"]


def check_download(call, form: str) -> None:
    address = f"/api/v1/orders/{order_on(call, 'secret.format')}/rows"
    own = call("GET", address, "ga.owner", params={"format": form})
    assert own.status_code == 200
    assert own.headers["content-disposition"].endswith(f'.{form}"')
    assert values_in(own) == {f"{SECRET}-x"}
    assert len(re.findall(f"{SECRET}-x" if form == "csv" else "<row ", text_of(own))) == (40 if form == "csv" else 41)
    steward = call("GET", address, "dsj.steward", params={"format": form})
    assert (steward.status_code, values_in(steward)) == (200, set())
    for stranger in ("mz.owner", "leader", "dsj.audit", "ga.user"):
        refused = call("GET", address, stranger, params={"format": form})
        assert (refused.status_code, values_in(refused)) == (403, set())


def test_a_trial_shows_no_row_of_another_department_and_does_not_ask_its_tables(call) -> None:
    use = {"rule": "reference", "dimension": "consistency", "columns": ["id"], "options": {"resource": "things", "items": ["id"]}}
    body = {"target": {"resource": "others"}, "use": use, "phase": "before"}
    asked = call("POST", "/api/v1/rules/trials", "mz.owner", json=body)
    assert (asked.status_code, asked.json()["code"]) == (403, "flows.batch.denied")
    assert call("POST", "/api/v1/rules/trials", "dsj.steward", json=body).status_code == 200
    own = {**body, "use": {"rule": "format", "dimension": "conformity", "columns": ["secret"], "options": {"pattern": "x"}}}
    assert values_in(call("POST", "/api/v1/rules/trials", "mz.owner", json=own))
    assert call("POST", "/api/v1/rules/trials", "ga.owner", json=own).status_code == 403
    assert not values_in(call("POST", "/api/v1/rules/trials", "dsj.steward", json=own))


def test_rules_of_another_department_are_not_listed(call) -> None:
    use = {"rule": "domain", "dimension": "accuracy", "columns": ["inner"], "options": {"values": [f"{INNER}-1"]}}
    assert call("POST", "/api/v1/rules", "ga.owner", json={"target": {"resource": "things"}, "use": use}).status_code == 201
    (rule,) = call("GET", "/api/v1/rules", "ga.second").json()
    assert call("GET", "/api/v1/rules", "mz.owner").json() == []
    assert call("GET", f"/api/v1/rules/{rule['name']}", "mz.owner").status_code == 403
    assert call("GET", f"/api/v1/rules/{rule['name']}", "dsj.steward").status_code == 200


def test_pages_without_a_key_hold_no_value_above_public(call) -> None:
    for address in ("/quality", "/quality/resources/things", "/quality/profiles", "/quality/profiles/things"):
        answer = call("GET", address)
        assert answer.status_code == 200
        assert not {v for v in values_in(answer) if not v.startswith(PUBLIC)}
        assert "Id-" not in answer.text


@pytest.mark.parametrize(
    ("address", "fields"),
    [("/quality/resources/things/causes", {}), ("/quality/reports", {"department": "ga", "format": "page"}), ("/quality/profiles/things", {})],
)
def test_pages_with_a_key_show_values_to_who_may_look(call, at, address, fields) -> None:
    for account, is_shown in [*((a, True) for a in LOOKS), *((a, False) for a in FIGURES)]:
        answer = call("POST", address, data={**fields, "key": key_of(at, account)})
        assert answer.status_code == 200
        found = values_in(answer)
        assert (f"{INNER}-x" in found) == is_shown
        assert not {v for v in found if v.startswith(SECRET)}
    assert call("POST", address, data={**fields, "key": key_of(at, "mz.owner")}).status_code == 403
    assert call("POST", address, data={**fields, "key": "cl_a_b"}).status_code == 401
    assert not values_in(call("POST", address, data={**fields, "key": key_of(at, "dsj.steward", "g")}))


def test_no_value_stands_in_what_is_recorded(call, at, caplog) -> None:
    for address in (*GETS, f"/api/v1/orders/{order_on(call, 'secret.format')}/rows"):
        call("GET", address, "ga.owner")
    with at.store.read() as connection:
        recorded = "".join(str(e.event) for e in audit.list_events(connection))
    assert not re.findall(f"({INNER}|{SECRET})-", recorded + caplog.text)


def test_names_and_values_are_never_markup(call, at) -> None:
    evil = "<script>alert(1)</script>"
    thing = at.city.resource("things")
    rule = replace(thing.rules[1], title=Title(evil, evil), name=f"{evil}")
    items = tuple(replace(i, title=Title(evil, evil)) for i in thing.items)
    at.__dict__["city"] = replace(at.city, resources={**at.city.resources, "things": replace(thing, title=Title(evil, evil), rules=(rule,), items=items)})
    assert chain.assess_raw(at, Runner(at), ["things"])[0].state == "done"
    send(at, actor="dsj.steward")
    key = key_of(at, "dsj.steward")
    answers = [call("GET", address) for address in ("/quality", "/quality/resources/things", "/quality/profiles/things", "/quality/profiles")]
    answers += [call("POST", "/quality/resources/things/causes", data={"key": key}), call("POST", "/quality/profiles/things", data={"key": key})]
    answers += [call("POST", "/quality/reports", data={"key": key, "department": "ga", "format": "page"}), call("GET", REPORT, key=key, params={"format": "html"})]
    for answer in answers:
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;alert" in answer.text
    broken = call("GET", f"/api/v1/orders/{order_on(call, evil)}/rows", "ga.owner")
    assert broken.headers["content-type"].startswith("text/csv")
    assert broken.headers["x-content-type-options"] == "nosniff"
