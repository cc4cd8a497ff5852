"""Proposals for broken cells over HTTP: who sees them, who accepts them, and that a wrong decision changes nothing."""

from __future__ import annotations

import pytest
from tests.unit.flows.calling import calling
from tests.unit.flows.intake_town import Town, make_tables

from cityloom.engines.base import sql
from cityloom.flows import chain
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.model.city import City
from cityloom.model.department import Account, Department
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.protect.keys import load_or_make_keys
from cityloom.store import gates
from cityloom.store.database import Store

ANY = Title("例", "example")
ADDRESS = "/api/v1/quality/repairs/places"
PEOPLE = {"ga.officer": ("ga", "officer"), "mz.officer": ("mz", "officer"), "dsj.steward": ("dsj", "steward"), "dsj.analyst": ("dsj", "analyst")}
DOMAIN = {"rule": "domain", "dimension": "conformity"}


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    made = Town(
        Settings(workspace=tmp_path, busy_seconds=0), tmp_path, engine, lake, Store(f"sqlite:///{tmp_path / 'c.db'}"), clock,
        keys=load_or_make_keys(tmp_path / "keys"),
    )  # fmt: skip
    make_tables(made)
    rules = (
        RuleUse(**DOMAIN, columns=("town",), options={"values": ("Chengdu", "Mianyang")}, name="town"),
        RuleUse(**DOMAIN, columns=("secret",), options={"values": ("open", "closed")}, name="secret"),
    )
    items = [Item(name=n, column=n, title=ANY, grade="core" if n == "secret" else None) for n in ("id", "town", "secret")]
    places = Resource(
        name="places", department="ga", title=ANY, abstract=ANY, category="c", key=("id",), grade="internal", items=tuple(items), rules=rules,
        collect=CollectionTask(source="s"),
    )  # fmt: skip
    made.__dict__["city"] = City(
        resources={"places": places},
        sources={"s": Source(name="s", title=ANY, department="ga", connector="csv_files", options={"folder": "in"})},
        departments={n: Department(name=n, title=ANY) for n in ("ga", "mz", "dsj")},
        accounts={n: Account(name=n, title=ANY, department=d, roles=roles, password="demo:long-enough") for n, (d, *roles) in PEOPLE.items()},
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id,town,secret\n1,Chengdu,open\n2,Chengdv,opem\n3,Mianyan,open\n", encoding="utf-8")
    with made.store.write() as connection:
        gates.put_gate(connection, gates.GateState(resource="places", is_open=True, missing={}, checked_at="2026-01-05"))
    runner = Runner(made)
    for stage in (chain.collect, chain.assess_raw, chain.standardise):
        assert not [r.error_text for r in stage(made, runner) if r.error_code]
    yield made
    made.store.close()


@pytest.fixture
def call(at):
    send = calling(at, language="en")
    return lambda method, account, **options: send(method, ADDRESS, account, **options)


def standing(at):
    return dict(at.lake.engine.rows(sql("SELECT id, town FROM :t WHERE _current", t=at.lake.relation("std_ga__places"))))


def test_proposals_are_read_and_accepted_cell_by_cell(call, at):
    found = call("GET", "ga.officer").json()
    assert [(p["item"], p["old"], p["value"]) for p in found] == [("secret", "opem", "open"), ("town", "Chengdv", "Chengdu"), ("town", "Mianyan", "Mianyang")]
    cells = [{k: p[k] for k in ("batch", "row", "item", "old", "value")} for p in found[1:]]
    done = call("POST", "ga.officer", json={"why": "seen on the map", "cells": cells[:1]})
    assert (done.status_code, done.json()["corrected"]["cells"]) == (200, 1)
    assert standing(at) == {"1": "Chengdu", "2": "Chengdu", "3": "Mianyan"}
    again = call("POST", "ga.officer", json={"why": "seen on the map", "cells": cells})
    assert (again.status_code, again.json()["code"], "1: ga.officer" in again.json()["title"]) == (422, "flows.repair.lines", True)
    assert standing(at)["3"] == "Mianyan"


def test_a_steward_accepts_from_a_confidence_on_what_he_may_see(call, at):
    assert "opem" not in call("GET", "dsj.steward").text
    done = call("POST", "dsj.steward", json={"why": "agreed", "above": 0.6}).json()
    assert (done["proposals"], done["hidden"], done["corrected"]["rows"]) == (2, 1, 2)
    assert standing(at) == {"1": "Chengdu", "2": "Chengdu", "3": "Mianyang"}


def test_others_are_refused(call):
    assert (call("GET", "").status_code, call("POST", "", json={"why": "w", "above": 0}).status_code) == (401, 401)
    assert call("GET", "mz.officer").status_code == 403
    for account in ("mz.officer", "dsj.analyst"):
        refused = call("POST", account, json={"why": "w", "above": 0})
        assert (refused.status_code, refused.json()["code"]) == (403, "flows.correction.denied")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"why": "w"}, 400, "api.repairs.what"),
        ({"why": "w", "above": 0.5, "cells": []}, 400, "api.repairs.what"),
        ({"why": "w", "cells": [], "items": ["town"]}, 400, "api.repairs.what"),
        ({"why": " ", "above": 0.5}, 400, "flows.correction.why"),
        ({"why": "w", "cells": [{"batch": "b", "row": 9, "item": "town"}]}, 422, "flows.repair.lines"),
    ],
)
def test_wrong_decisions_change_nothing(call, at, body, status, code):
    before = standing(at)
    refused = call("POST", "ga.officer", json=body)
    assert (refused.status_code, refused.json()["code"], standing(at)) == (status, code, before)
    assert call("POST", "ga.officer", json={"why": "w", "above": 2}).status_code >= 400
