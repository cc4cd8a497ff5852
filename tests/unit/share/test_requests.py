"""Requests: who may move them, by when they are answered, and what is on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cityloom.kernel.clock import iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.kernel.workdays import ChineseCalendar, deadline, local_day
from cityloom.model.audit import EventKind
from cityloom.model.principal import Principal
from cityloom.model.request import TRANSITIONS, RequestState
from cityloom.share import requests
from cityloom.share.moves import diagram
from cityloom.store.audit import list_events
from cityloom.store.requests import find_grant, find_request, grant_of_request, list_grants, list_moves

GA_OWNER = Principal(account="ga.owner", department="ga", roles=("owner",))
DSJ_OWNER = Principal(account="dsj.owner", department="dsj", roles=("owner",))
ZJ_STEWARD = Principal(account="zj.steward", department="zj", roles=("steward",))


def code(raised: Any) -> str:
    return str(raised.value.code)


def test_a_conditional_request_becomes_a_grant_with_what_was_asked(shop: Any) -> None:
    made, _ = shop.obtain()
    assert (made.consumer, made.items, made.purpose, made.quota) == ("zj", ("name", "phone"), "housing", 3)
    assert made.basis == "公共租赁住房管理办法" and made.requested_by == "zj.officer"
    assert made.expires_at == iso(shop.clock.now() + timedelta(days=30))
    with shop.store.read() as connection:
        moves = [(m.verb, m.actor) for m in list_moves(connection, made.request)]
        kinds = [e.event.kind for e in list_events(connection, subject="service:person_lookup")]
        assert find_grant(connection, made.id) == made
    assert moves == [("submit", "zj.officer"), ("approve", "dsj.steward"), ("grant", "dsj.steward")]
    assert sorted(kinds) == sorted(
        [EventKind.SERVICE_PUBLISHED, *[EventKind.REQUEST_MOVED] * 3, EventKind.GRANT_MADE]
    )


def test_unconditional_sharing_is_granted_at_once(shop: Any) -> None:
    request = shop.submit("firm_lookup")
    assert request.state == RequestState.GRANTED
    with shop.store.read() as connection:
        assert grant_of_request(connection, request.id) is not None
        assert [m.actor for m in list_moves(connection, request.id)] == ["zj.officer", "rule", "rule"]


def test_what_is_not_shared_is_refused_citing_its_basis_and_can_be_disputed_once(shop: Any) -> None:
    parts = {"store": shop.store, "clock": shop.clock}
    request = shop.submit("closed")
    assert (request.state, request.reasons, request.decided_by) == (RequestState.REJECTED, "保守国家秘密法", "rule")
    requests.dispute(request.id, shop.asker, "业务必需", **parts)
    upheld = requests.settle(request.id, shop.steward, is_approved=False, reasons="依法不予共享", **parts)
    assert upheld.state == RequestState.REJECTED
    with pytest.raises(UserError) as refusal:
        requests.dispute(request.id, shop.asker, "再次", **parts)
    assert code(refusal) == "share.request.disputed"


def test_a_dispute_can_be_won(shop: Any) -> None:
    parts = {"store": shop.store, "clock": shop.clock}
    request = shop.decide(shop.submit(), False)
    requests.dispute(request.id, shop.asker, "业务必需", **parts)
    with pytest.raises(DeniedError):
        requests.settle(request.id, DSJ_OWNER, is_approved=True, reasons="同意", **parts)
    assert requests.settle(request.id, shop.steward, is_approved=True, reasons="同意", **parts).state == "approved"


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Principal(account="zj.officer", department="dsj", roles=("steward",)), "share.request.own"),
        (ZJ_STEWARD, "share.request.partial"),
        (GA_OWNER, "model.transition.denied"),
        (Principal(account="leader", department="dsj", roles=("leader",)), "model.transition.denied"),
    ],
)
def test_those_concerned_and_those_without_role_do_not_decide(shop: Any, who: Principal, expected: str) -> None:
    request = shop.submit()
    with pytest.raises(DeniedError) as refusal:
        shop.decide(request, True, by=who)
    assert code(refusal) == expected
    with shop.store.read() as connection:
        assert find_request(connection, request.id) == request


def test_the_owner_of_the_provider_may_decide(shop: Any) -> None:
    assert shop.decide(shop.submit(), True, by=DSJ_OWNER).state == RequestState.APPROVED


def test_a_department_is_asked_for_by_its_own_people(shop: Any) -> None:
    with pytest.raises(DeniedError) as refusal:
        shop.submit(consumer="ga")
    assert code(refusal) == "share.request.foreign"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"items": ("name", "income")}, "share.item.unknown"),
        ({"basis": " "}, "share.request.incomplete"),
        ({"days": 0}, "share.request.incomplete"),
        ({"service": "nothing"}, "share.service.unknown"),
    ],
)
def test_a_request_that_cannot_be_is_not_taken(shop: Any, more: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as refusal:
        shop.submit(**more)
    assert code(refusal) == expected


def test_materials_are_asked_for_once_and_the_time_begins_anew(shop: Any) -> None:
    parts = {"store": shop.store, "clock": shop.clock}
    request = shop.submit()
    requests.ask(request.id, shop.steward, "请补充清单", **parts)
    with pytest.raises(UserError):
        shop.decide(request, True)
    shop.clock.at += timedelta(days=7)
    supplied = requests.supply(request.id, shop.asker, "清单见附件", **parts)
    assert supplied.state == RequestState.SUBMITTED and supplied.deadline > request.deadline
    with pytest.raises(UserError) as refusal:
        requests.ask(request.id, shop.steward, "再补充", **parts)
    assert code(refusal) == "share.request.asked"


def test_nothing_is_decided_without_reasons_nor_twice(shop: Any) -> None:
    parts = {"store": shop.store, "clock": shop.clock}
    request = shop.submit()
    with pytest.raises(UserError) as refusal:
        requests.decide(request.id, shop.steward, is_approved=False, reasons=" ", **parts)
    assert code(refusal) == "share.reasons.missing"
    shop.decide(request, True)
    with pytest.raises(UserError) as refusal:
        shop.decide(request, False)
    assert code(refusal) == "model.transition.impossible"


def test_a_grant_is_revoked_with_its_request_and_leaves_its_event(shop: Any) -> None:
    made, _ = shop.obtain()
    security = Principal(account="dsj.security", department="dsj", roles=("security_administrator",))
    parts = {"store": shop.store, "clock": shop.clock}
    with pytest.raises(DeniedError):
        requests.revoke(made.id, shop.asker, "不再需要", **parts)
    assert requests.revoke(made.id, security, "异常调用", **parts).state == RequestState.REVOKED
    with shop.store.read() as connection:
        request = find_request(connection, made.request)
        assert request is not None and request.state == RequestState.REVOKED
        assert len(list_events(connection, kind=EventKind.GRANT_REVOKED)) == 1


def test_grants_whose_time_is_over_expire_and_others_stay(shop: Any) -> None:
    short, _ = shop.obtain()
    long, _ = shop.obtain(days=60)
    shop.clock.at += timedelta(days=30)
    assert requests.expire(store=shop.store, clock=shop.clock) == 1
    assert requests.expire(store=shop.store, clock=shop.clock) == 0
    with shop.store.read() as connection:
        states = {g.id: g.state for g in list_grants(connection, consumer="zj")}
    assert states == {short.id: "expired", long.id: "granted"}


def test_a_move_and_its_event_are_written_together_or_not_at_all(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    request = shop.submit()

    def fail(*_: object) -> int:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("cityloom.share.moves.audit.append", fail)
    with pytest.raises(RuntimeError):
        shop.decide(request, True)
    with shop.store.read() as connection:
        assert find_request(connection, request.id) == request
        assert len(list_moves(connection, request.id)) == 1


def test_ten_working_days_leave_out_weekends_and_are_days_in_china() -> None:
    friday_night = datetime(2026, 1, 9, 17, 0, tzinfo=UTC)
    assert local_day(friday_night) == "2026-01-10"
    end = deadline(friday_night, 10, ChineseCalendar())
    assert end == datetime(2026, 1, 23, 16, 0, tzinfo=UTC)

    class Festival:
        def is_workday(self, day: Any) -> bool:
            return day.weekday() < 5 and day.day != 12

    assert deadline(friday_night, 10, Festival()) == datetime(2026, 1, 26, 16, 0, tzinfo=UTC)


def test_holidays_and_weekends_worked_in_their_place_count_as_the_state_council_says() -> None:
    before_national_day = datetime(2025, 9, 30, 2, 0, tzinfo=UTC)
    assert deadline(before_national_day, 1, ChineseCalendar()) == datetime(2025, 10, 9, 16, 0, tzinfo=UTC)
    assert ChineseCalendar().is_workday(date(2025, 10, 11)), "a Saturday worked for the holiday"


def test_a_year_that_is_not_announced_yet_knows_weekends_only() -> None:
    assert ChineseCalendar().is_workday(date(2090, 1, 2)) is True
    assert ChineseCalendar().is_workday(date(2090, 1, 1)) is False


def test_the_diagram_shows_every_move_and_every_state_is_reached() -> None:
    text = diagram()
    assert all(f"{t.source} --> {t.target}: {t.verb}" in text for t in TRANSITIONS)
    assert {t.target for t in TRANSITIONS} | {RequestState.DRAFT} == set(RequestState)


def test_a_grant_says_for_which_purpose_it_is(shop: Any) -> None:
    made, _ = shop.obtain()
    assert made.is_for("housing") and made.is_for("保障房资格审核") and not made.is_for("")
    assert not replace(made, purpose="other").is_for("housing")
