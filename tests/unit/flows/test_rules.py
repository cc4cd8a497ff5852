"""Rules as data over a workspace: tried on rows, proposed, reviewed, counted in the next assessment, retired."""

from __future__ import annotations

from dataclasses import replace

import anyio
import httpx
import pytest
from tests.unit.flows.intake_town import GOOD, ID, city_with, key_of, make_tables, push

from cityloom.api.app import build
from cityloom.content.rules import read_use, use_of
from cityloom.flows import chain, rules
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import ConfigError, DeniedError, UserError
from cityloom.model.rules import RuleState, RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.protect.keys import load_or_make_keys
from cityloom.quality.business import in_force
from cityloom.store.database import Store
from cityloom.store.quality import find_assessment
from cityloom.store.rules import active_rules

WELFARE = RuleTarget(resource="welfare")
SHORT = RuleUse(name="short", rule="length", dimension="conformity", columns=("name",), options={"least": 2, "most": 3})
ROWS = [
    {**GOOD, "ffdh": "AAAA1", "xm": "张三"},
    {**GOOD, "ffdh": "AAAA2", "xm": "欧阳修远"},
    {**GOOD, "ffdh": "AAAA3", "xm": "司马相如", "lxdh": "13800138001"},
]


class Ruled(Workspace):
    """A workspace whose definitions are given, with the rules of its store."""

    @property
    def city(self):
        with self.store.read() as connection:
            return in_force(city_with(()), active_rules(connection))

    def forget_city(self) -> None:
        """It is read at every look."""


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    settings = Settings(workspace=tmp_path, busy_seconds=0)
    made = Ruled(settings, tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    yield made
    store.close()


@pytest.fixture
def landed(at):
    push(at, ROWS)
    return at


def approve(at, name):
    rules.review(at, name, "business", is_approved=True, words="", actor="mz.owner")
    return rules.review(at, name, "technical", is_approved=True, words="", actor="dsj.steward")


def assessed(at):
    chain.assess_raw(at, Runner(at, force=True))
    with at.store.read() as connection:
        found = find_assessment(connection, "welfare", "before")
    return {r.rule: (r.checked, r.broken) for r in found.results}


def test_a_rule_counts_from_its_second_approval_to_its_retirement(landed):
    made = rules.propose(landed, WELFARE, SHORT, actor="zj.officer")
    assert made.name == "welfare.short"
    assert "short" not in assessed(landed)
    assert approve(landed, made.name).state is RuleState.ACTIVE
    assert assessed(landed)["short"] == (3, 2)
    assert [p.name for p in rules.declared(landed, "welfare")].count("short") == 1
    rules.retire(landed, made.name, words="too strict", actor="mz.owner")
    assert "short" not in assessed(landed)
    versions, said = rules.shown(landed, made.name)
    assert [v.state for v in versions] == [RuleState.RETIRED]
    assert [r.role for r in said] == ["business", "technical", ""]


def test_a_rule_on_an_element_is_inherited(landed):
    use = RuleUse(rule="alphabet", dimension="conformity", options={"only": ["digits"]})
    made = rules.propose(landed, RuleTarget(element="phone"), use, actor="zj.officer")
    rules.review(landed, made.name, "business", is_approved=True, words="", actor="ga.owner")
    rules.review(landed, made.name, "technical", is_approved=True, words="", actor="dsj.steward")
    assert assessed(landed)["phone.alphabet"] == (3, 0)


def test_a_trial_tells_positions_and_values_only_to_who_may_see_them(landed):
    (blind,) = rules.tried(landed, WELFARE, SHORT, phase="before")
    assert (blind.rows, blind.checked, blind.broken, len(blind.examples)) == (3, 3, 2, 2)
    assert not blind.values and blind.newly_broken is None
    (own,) = rules.tried(landed, WELFARE, SHORT, phase="before", actor="mz.owner")
    assert [v["name"] for v in own.values.values()] == ["欧阳修远", "司马相如"]
    (other,) = rules.tried(landed, WELFARE, SHORT, phase="before", actor="dsj.steward")
    assert {v["name"] for v in other.values.values()} == {"***"}
    with pytest.raises(DeniedError):
        rules.tried(landed, WELFARE, SHORT, phase="before", actor="ga.owner")


def test_a_trial_compares_with_the_present_rule(landed):
    approve(landed, rules.propose(landed, WELFARE, SHORT, actor="zj.officer").name)
    other = RuleUse(rule="length", dimension="conformity", columns=("name",), options={"least": 3}, when="phone = '13800138000'")
    (found,) = rules.tried(landed, WELFARE, replace(other, name="short"), phase="before")
    assert (found.checked, found.broken, found.newly_broken, found.newly_fine) == (2, 1, 1, 2)


def test_a_trial_of_a_sample_looks_at_fewer_rows(at):
    push(at, [{**GOOD, "ffdh": f"A{n:04}"} for n in range(400)])
    (found,) = rules.tried(at, WELFARE, SHORT, phase="before", sample=100)
    assert 0 < found.rows < 300
    (again,) = rules.tried(at, WELFARE, SHORT, phase="before", sample=100)
    assert again.rows == found.rows


def test_suggestions_become_drafts(at):
    push(at, [{**GOOD, "ffdh": f"A{n:04}", "xb": "男女"[n % 2]} for n in range(200)])
    found = rules.suggested(at, "welfare", phase="before", actor="dsj.steward")
    assert found
    (made,) = rules.accept(at, "welfare", [1], phase="before", actor="dsj.steward")
    assert made.state is RuleState.DRAFT and made.evidence["checked"] == found[0].checked
    assert [r.name for r in rules.listed(at, "welfare")] == [made.name]
    with pytest.raises(UserError, match="no suggestion 999"):
        rules.accept(at, "welfare", [999], phase="before", actor="dsj.steward")


def test_business_rules_are_shown_with_their_parts(landed):
    with pytest.raises(ConfigError, match="known_person"):
        rules.propose(landed, WELFARE, RuleUse(rule="known_person", columns=("citizen_id",)), actor="zj.officer")
    assert rules.results(landed, "welfare", phase="before") == []


@pytest.mark.parametrize(
    ("target", "body", "words"),
    [
        (WELFARE, {"rule": "lenght", "columns": ["name"], "dimension": "conformity"}, "length"),
        (WELFARE, {"rule": "length", "columns": ["name"]}, "dimension"),
        (WELFARE, {"rule": "length", "columns": ["nmae"], "dimension": "conformity"}, "no items"),
        (WELFARE, {"rule": "length", "columns": ["name"], "dimension": "conformity", "options": {"longest": 3}}, "longest"),
        (WELFARE, {"rule": "length", "columns": ["name"], "dimension": "conformity", "when": "sex ="}, "cannot be read"),
        (WELFARE, {"rule": "length", "columns": ["name"], "dimension": "conformity", "severity": "grave"}, "severity"),
        (WELFARE, {"rule": "predicate", "dimension": "accuracy", "options": {"expression": "read_csv('x') = name"}}, "read_csv"),
        (RuleTarget(resource="welfare", item="x"), {"rule": "missing", "dimension": "completeness"}, "hang on"),
        (RuleTarget(element="x"), {"rule": "missing", "dimension": "completeness"}, "hang on"),
        (RuleTarget(resource="x"), {"rule": "missing", "dimension": "completeness"}, "no resource"),
    ],
)
def test_what_is_wrong_is_said_before_it_is_proposed(at, target, body, words):
    with pytest.raises((ConfigError, UserError), match=words):
        rules.propose(at, target, use_of(body), actor="zj.officer")


def test_a_rule_is_read_from_a_file(tmp_path):
    file = tmp_path / "rule.yml"
    file.write_text("rule: length\ndimension: conformity\ncolumns: [name]\noptions: {most: 3}\napproved_by: [business, technical]\n")
    assert read_use(file).options == {"most": 3}
    for text in ("rule: [", "weight: heavy\nrule: length", "just words", "rule: length\ncolour: red"):
        file.write_text(text)
        with pytest.raises(ConfigError):
            read_use(file)


def test_it_is_done_over_http(landed):
    app = build(landed.settings, None)
    app.state.workspace = landed

    def call(method, address, account="", **options):
        headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {key_of(landed, account)}"} if account else {})

        async def work():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await client.request(method, address, headers=headers, **options)

        return anyio.run(work)

    body = {"target": {"resource": "welfare"}, "use": {"rule": "length", "dimension": "conformity", "columns": ["name"], "options": {"most": 3}}}
    body["use"]["name"] = "short"
    assert call("GET", "/api/v1/rules").status_code == 401
    (tried,) = call("POST", "/api/v1/rules/trials", "mz.owner", json={**body, "phase": "before"}).json()
    assert (tried["broken"], tried["values"][0]["values"]["name"]) == (2, "欧阳修远")
    made = call("POST", "/api/v1/rules", "zj.officer", json=body)
    assert (made.status_code, made.json()["name"], made.json()["state"]) == (201, "welfare.short", "draft")
    address = "/api/v1/rules/welfare.short"
    refused = call("POST", f"{address}/reviews", "zj.officer", json={"role": "business", "is_approved": True})
    assert refused.status_code == 403
    for role, account in (("business", "mz.owner"), ("technical", "dsj.steward")):
        said = call("POST", f"{address}/reviews", account, json={"role": role, "is_approved": True})
    assert said.json()["state"] == "active"
    (listed,) = call("GET", "/api/v1/rules?resource=welfare", "mz.owner").json()
    assert listed["use"]["approved_by"] == ["business", "technical"]
    assert call("POST", f"{address}/retirement", "mz.owner", json={"words": "x"}).json()["state"] == "retired"
    assert len(call("GET", address, "mz.owner").json()["reviews"]) == 3
    assert call("POST", "/api/v1/rules", "zj.officer", json={**body, "use": {"rule": "x"}}).status_code == 400
    assert ID not in str(tried["examples"])
