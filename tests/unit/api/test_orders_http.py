"""Work orders over HTTP, walked through as each person, and what goes wrong on the way."""

from __future__ import annotations

import pytest
from tests.unit.api import test_quality_doors as doors

from cityloom.flows import chain
from cityloom.flows.runner import Runner

at, call = doors.at, doors.call
LONG = "x" * 1_000_000


def orders_of(call, account: str, **asked) -> dict[str, dict]:
    return {o["cause"]: o for o in call("GET", "/api/v1/orders", account, params=asked).json()}


def move(call, order: str, verb: str, account: str, words: str = ""):
    return call("POST", f"/api/v1/orders/{order}/{verb}", account, json={"words": words})


def mended(at, *, broken: int = 0) -> None:
    """The next batch of the source, in which so many rows are broken, is collected and assessed."""
    lines = ["id,open,inner,secret", *(f"Id-{n},a,{doors.INNER}-{'x' if n < broken else 1},{doors.SECRET}-1" for n in range(120))]
    (at.folder / "things" / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for stage in (chain.collect, chain.assess_raw):
        assert not [r.error_text for r in stage(at, Runner(at)) if r.error_code]


def test_an_order_goes_its_way_from_sending_to_the_check_of_the_next_batch(at, call) -> None:
    assert call("POST", "/api/v1/orders", "ga.owner", json={}).status_code == 403
    assert call("POST", "/api/v1/orders", "dsj.steward", json={"resources": ["things"]}).json() == []
    orders = orders_of(call, "ga.owner")
    order = orders["inner.format"]
    assert (order["state"], order["broken"], order["checked"]) == ("sent", 40, 120)
    assert sum(order["batches"].values()) == 40
    shown = call("GET", f"/api/v1/orders/{order['id']}", "ga.owner").json()
    assert len(shown["rows"]) == 40
    assert shown["effect"]["score"] < shown["effect"]["fixed"]
    assert move(call, order["id"], "accept", "ga.owner").json()["state"] == "accepted"
    assert move(call, order["id"], "fix", "ga.owner", "The form was changed.").json()["state"] == "fixed"
    mended(at, broken=7)
    back = orders_of(call, "ga.owner")["inner.format"]
    assert (back["state"], back["broken"], back["returns"], back["first_broken"]) == ("sent", 7, 1, 40)
    move(call, order["id"], "accept", "ga.owner")
    move(call, order["id"], "fix", "ga.owner", "Now also the old rows.")
    mended(at)
    done = call("GET", f"/api/v1/orders/{order['id']}", "ga.owner").json()
    assert done["order"]["state"] == "closed"
    assert [m["verb"] for m in done["moves"]] == ["send", "accept", "fix", "return", "accept", "fix", "verify", "close"]
    assert {o["state"] for o in orders_of(call, "ga.owner").values()} == {"closed"}
    assert call("GET", "/api/v1/orders", "ga.owner", params={"state": ["sent", "fixed"]}).json() == []
    (own,) = call("GET", "/api/v1/orders/figures", "ga.owner").json()
    assert (own["department"], own["closed"], own["fixed_in_time"], own["on_time_rate"]) == ("ga", 2, 2, 1.0)
    assert [f["department"] for f in call("GET", "/api/v1/orders/figures", "leader").json()] == ["ga", ""]
    assert call("GET", "/api/v1/orders/figures", "mz.owner").json() == []


def test_a_dispute_is_answered_by_the_authority(call) -> None:
    first, second = (o["id"] for o in orders_of(call, "ga.owner").values())
    for order in (first, second):
        assert move(call, order, "dispute", "ga.owner", "The rule is too strict.").json()["state"] == "disputed"
    assert move(call, first, "withdraw", "ga.owner", "We say so.").status_code == 403
    assert move(call, first, "withdraw", "dsj.steward", "The rule is wrong.").json()["state"] == "closed"
    assert move(call, second, "insist", "dsj.steward", "The standard says so.").json()["state"] == "sent"


def test_an_error_that_a_user_meets_is_answered(call) -> None:
    wrong = {"resource": "things", "item": "inner", "words": "The house was torn down.", "basis": "visit"}
    made = call("POST", "/api/v1/reports", "mz.owner", json=wrong)
    assert (made.status_code, made.json()["kind"], made.json()["department"]) == (201, "report", "ga")
    order = made.json()["id"]
    assert made.json()["deadline"] > made.json()["opened_at"]
    assert order in {o["id"] for o in orders_of(call, "ga.owner").values()}
    assert [o["id"] for o in orders_of(call, "mz.owner").values()] == [order]
    assert move(call, order, "fix", "mz.owner", "x").status_code == 409
    assert move(call, order, "accept", "mz.owner").status_code == 403
    move(call, order, "accept", "ga.owner")
    move(call, order, "fix", "ga.owner", "Corrected in the register.")
    answered = call("GET", f"/api/v1/orders/{order}", "mz.owner").json()
    assert answered["moves"][-1]["words"] == "Corrected in the register."
    assert answered["effect"] is None
    assert move(call, order, "close", "mz.owner").json()["state"] == "closed"
    rows = call("GET", f"/api/v1/orders/{order}/rows", "ga.owner")
    assert (rows.status_code, rows.json()["code"]) == (400, "flows.order.rowless")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_goes_wrong_is_said(call, language) -> None:
    order = orders_of(call, "ga.owner")["inner.format"]["id"]
    at_order = f"/api/v1/orders/{order}"
    tries = (
        ("POST", f"{at_order}/fix", "ga.owner", {"words": "x"}, 409, "model.transition.impossible"),
        ("POST", f"{at_order}/vanish", "dsj.steward", {"words": "x"}, 403, "model.transition.denied"),
        ("POST", f"{at_order}/nonsense", "dsj.steward", {"words": "x"}, 409, "model.transition.impossible"),
        ("POST", f"{at_order}/accept", "mz.owner", {"words": "x"}, 403, "api.order.foreign"),
        ("POST", f"{at_order}/dispute", "ga.owner", {"words": "  "}, 400, "quality.words.missing"),
        ("POST", f"{at_order}/dispute", "ga.owner", {"words": "see 11010519491231002X"}, 400, "quality.words.person"),
        ("POST", f"{at_order}/dispute", "ga.owner", {"words": LONG}, 413, "api.request.large"),
        ("POST", f"{at_order}/dispute", "ga.owner", {"words": "x" * 2001}, 400, "api.request.malformed"),
        ("POST", f"{at_order}/dispute", "ga.owner", {"words": "x", "secretword": 1}, 400, "api.request.malformed"),
        ("POST", "/api/v1/orders/o_none/accept", "ga.owner", {"words": "x"}, 404, "quality.order.unknown"),
        ("POST", "/api/v1/orders", "dsj.steward", {"resources": ["nothing"]}, 404, "model.resource.unknown"),
        ("POST", "/api/v1/orders/check", "ga.owner", {}, 403, "flows.role.missing"),
        ("POST", "/api/v1/reports", "mz.owner", {"resource": "nothing", "words": "x"}, 404, "model.resource.unknown"),
        ("POST", "/api/v1/reports", "mz.owner", {"resource": "things", "words": " "}, 400, "quality.words.missing"),
        ("POST", "/api/v1/reports", "mz.owner", {"resource": "things", "words": "x", "item": "nothing"}, 400, "flows.order.item"),
        ("GET", "/api/v1/orders?state=nonsense", "ga.owner", None, 400, "flows.order.state"),
        ("GET", at_order, "mz.owner", None, 403, "api.order.foreign"),
        ("GET", "/api/v1/orders/o_none", "ga.owner", None, 404, "quality.order.unknown"),
        ("GET", f"{at_order}/rows?format=pdf", "ga.owner", None, 400, "api.request.malformed"),
        ("GET", "/api/v1/quality/causes/nothing", "ga.owner", None, 404, "model.resource.unknown"),
        ("GET", "/api/v1/quality/profiles/nothing", "ga.owner", None, 404, "model.resource.unknown"),
        ("GET", "/api/v1/rules/nothing", "ga.owner", None, 404, "flows.rule.unknown"),
        ("GET", "/api/v1/jobs/nothing", "ga.owner", None, 404, "model.resource.unknown"),
    )
    for method, address, account, body, status, code in tries:
        said = call(method, f"{address}{'&' if '?' in address else '?'}lang={language}", account, **({"json": body} if body is not None else {}))
        assert (said.status_code, said.json()["code"]) == (status, code), (address, said.text[:300])
        assert len(said.text) < 2000
        assert "secretword" not in said.text
        if language == "zh":
            assert any("\u4e00" <= letter <= "\u9fff" for letter in said.json()["title"]), said.json()["title"]
    assert call("GET", at_order, "ga.owner").json()["order"]["state"] == "sent"
