"""A service answers only under a right, gives only what was granted, and leaves a record before it replies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cityloom.kernel.errors import DeniedError
from cityloom.model.audit import EventKind
from cityloom.protect.pseudonym import subject_digest
from cityloom.share import requests
from cityloom.store.audit import list_events
from cityloom.store.calls import list_calls

WANG = {"citizen_id": "110101199001010010", "name": "王小明"}


def denied(shop: Any, *args: Any, **more: Any) -> str:
    with pytest.raises(DeniedError) as refusal:
        shop.call(*args, **more)
    with shop.store.read() as connection:
        event = list_events(connection, kind=EventKind.SERVICE_DENIED)[0].event
        call = next(c for c in list_calls(connection) if c.id == event.details["call"])
    assert call.outcome == "denied" and call.code == refusal.value.code == event.details["code"]
    assert not any(value in str(refusal.value) for value in more.values() if len(value) > 3)
    return str(refusal.value.code)


def test_a_look_up_gives_the_granted_items_under_their_masks(shop: Any) -> None:
    _, who = shop.obtain()
    reply = shop.call(who, **WANG)
    assert reply.values is not None and set(reply.values) == {"name", "phone"}
    assert reply.values["name"] == "王小明"
    assert reply.values["phone"].startswith("138") and reply.values["phone"].endswith("5678")
    assert "1234" not in reply.values["phone"]
    assert (reply.left, reply.rows, reply.verdict) == (2, 1, None)


def test_a_person_is_found_only_by_all_that_is_required_and_a_miss_tells_nothing(shop: Any) -> None:
    _, who = shop.obtain()
    unknown = shop.call(who, citizen_id="110101199001010011", name="王小明")
    other_name = shop.call(who, citizen_id=WANG["citizen_id"], name="王大明")
    assert unknown.values is None and other_name.values is None
    assert replace(unknown, call="", left=0) == replace(other_name, call="", left=0)


def test_values_are_values_and_never_part_of_the_query(shop: Any) -> None:
    _, who = shop.obtain()
    assert shop.call(who, citizen_id="x' OR '1'='1", name="x' OR 1=1 --").values is None
    found = shop.call(who, citizen_id="110101199001010029", name="李' OR 1=1 --")
    assert found.values == {"name": "李' OR 1=1 --", "phone": None}


def test_a_verification_says_yes_or_no_and_gives_nothing(shop: Any) -> None:
    _, who = shop.obtain("person_verify")
    assert shop.call(who, "person_verify", **WANG).verdict is True
    assert shop.call(who, "person_verify", **WANG, marital_state="20").verdict is True
    reply = shop.call(who, "person_verify", **WANG, marital_state="10")
    assert reply.verdict is False and reply.values is None


def test_a_verification_answers_the_same_for_an_unknown_person_a_wrong_value_and_one_not_known(shop: Any) -> None:
    _, who = shop.obtain("person_verify")
    replies = [
        shop.call(who, "person_verify", citizen_id="1", name="无", marital_state="20"),
        shop.call(who, "person_verify", **WANG, marital_state="10"),
        shop.call(who, "person_verify", citizen_id="110101199001010029", name="李' OR 1=1 --", marital_state="20"),
    ]
    with shop.store.read() as connection:
        digests = {c.digest for c in list_calls(connection)}
    assert {r.verdict for r in replies} == {False} and len(digests) == 1


def test_without_a_right_nothing_is_answered(shop: Any) -> None:
    made, who = shop.obtain()
    _, open_key = shop.obtain("person_verify")
    assert denied(shop, None, **WANG) == "share.key.invalid"
    assert denied(shop, shop.asker, **WANG) == "share.grant.missing"
    assert denied(shop, replace(who, department="ga"), **WANG) == "share.grant.missing"
    assert denied(shop, replace(who, grant="g_none"), **WANG) == "share.grant.missing"
    assert denied(shop, who, "nothing", **WANG) == "share.service.unknown"
    assert denied(shop, open_key, **WANG) == "share.grant.service"
    assert denied(shop, who, purpose="research", **WANG) == "share.purpose.other"
    requests.revoke(made.id, shop.steward, "停止", store=shop.store, clock=shop.clock)
    assert denied(shop, who, **WANG) == "share.grant.revoked"


def test_a_grant_stops_answering_at_the_moment_it_expires(shop: Any) -> None:
    _, who = shop.obtain()
    shop.clock.at += timedelta(days=30, microseconds=-1)
    assert shop.call(who, **WANG).rows == 1
    shop.clock.at += timedelta(microseconds=1)
    assert denied(shop, who, **WANG) == "share.grant.expired"


@pytest.mark.parametrize(
    "parameters", [{}, {"citizen_id": "110101199001010010"}, {"citizen_id": "110101199001010010", "name": "\u3000"}]
)
def test_required_parameters_must_be_known(shop: Any, parameters: dict[str, str]) -> None:
    _, who = shop.obtain()
    assert denied(shop, who, **parameters) == "share.filter.missing"


def test_other_parameters_and_items_not_granted_cannot_be_probed(shop: Any) -> None:
    _, who = shop.obtain()
    assert denied(shop, who, **WANG, marital_state="20") == "share.parameter.unknown"
    _, verifier = shop.obtain("person_verify")
    assert denied(shop, verifier, "person_verify", **WANG, phone="13812345678") == "share.parameter.unknown"


def test_the_quota_is_per_grant_and_day_in_china_and_denied_calls_do_not_use_it(shop: Any) -> None:
    _, who = shop.obtain()
    denied(shop, who, purpose="research", **WANG)
    assert [shop.call(who, **WANG).left for _ in range(3)] == [2, 1, 0]
    assert denied(shop, who, **WANG) == "share.quota.exceeded"
    _, second = shop.obtain()
    assert shop.call(second, **WANG).left == 2
    shop.clock.at += timedelta(hours=13, minutes=59)
    assert denied(shop, who, **WANG) == "share.quota.exceeded"
    shop.clock.at += timedelta(minutes=1)
    assert shop.call(who, **WANG).left == 2


def test_callers_at_once_do_not_exceed_the_quota(shop: Any) -> None:
    _, who = shop.obtain()

    def call(_: int) -> str:
        try:
            return str(shop.call(who, **WANG).left)
        except DeniedError as refusal:
            return refusal.code

    with ThreadPoolExecutor(6) as pool:
        outcomes = sorted(pool.map(call, range(6)))
    assert outcomes == ["0", "1", "2", *["share.quota.exceeded"] * 3]


def test_each_call_is_on_record_with_digests_and_without_any_value(shop: Any) -> None:
    made, who = shop.obtain()
    reply = shop.call(who, **WANG)
    with shop.store.read() as connection:
        call = list_calls(connection, subject=subject_digest(shop.key, WANG["citizen_id"]))[0]
        event = list_events(connection, kind=EventKind.SERVICE_ANSWERED)[0].event
    assert (call.id, call.grant, call.purpose, call.rows) == (reply.call, made.id, "housing", 1)
    assert (event.actor, event.details["subject"], event.details["rows"]) == ("zj.officer", call.subject, 1)
    assert call.digest and event.details["digest"] == call.digest
    text = repr(call) + repr(event) + repr(reply)
    assert not any(value in text for value in (*WANG.values(), "1381", "5678"))


def test_no_reply_without_its_record(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, who = shop.obtain()

    def fail(*_: object) -> int:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("cityloom.share.answer.audit.append", fail)
    with pytest.raises(RuntimeError):
        shop.call(who, **WANG)
    with shop.store.read() as connection:
        assert list_calls(connection) == []


def test_a_right_that_ends_while_the_record_is_read_no_longer_counts(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, who = shop.obtain()
    relation = shop.lake.relation

    def late(table: str) -> Any:
        requests.revoke(made.id, shop.steward, "停止", store=shop.store, clock=shop.clock)
        return relation(table)

    monkeypatch.setattr(shop.lake, "relation", late)
    assert denied(shop, who, **WANG) == "share.grant.revoked"
