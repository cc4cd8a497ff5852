"""Work orders: one for each cause, moved by those who may, verified by the next assessment, late by the calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cityloom.kernel.clock import FixedClock, iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.order import ErrorReport, Order, OrderState
from cityloom.model.principal import Principal
from cityloom.model.quality import Assessment, RuleResult, Score
from cityloom.quality import orders
from cityloom.store import audit
from cityloom.store.database import Store
from cityloom.store.orders import find_order, list_order_moves, list_orders

OFFICER = Principal(account="ga.officer", department="ga", roles=("officer",))
STRANGER = Principal(account="mz.officer", department="mz", roles=("officer",))
STEWARD = Principal(account="dsj.steward", department="dsj", roles=("steward",))


def assessed(version: int, **broken: int) -> Assessment:
    results = tuple(
        RuleResult(
            rule=rule, plugin="missing", dimension="completeness", columns=("name",), weight=1.0,
            severity="high", checked=100, broken=count, score=1 - count / 100,
        )
        for rule, count in broken.items()
    )
    total = Score(dimension="total", score=1.0, light="green", weight=1.0)
    return Assessment(
        resource="hukou", phase="before", table="raw_ga__hukou", version=version, rows=100,
        at="2026-01-05T02:00:00Z", results=results, scores=(total,),
    )


@pytest.fixture
def follow(store: Store, clock: FixedClock):
    return lambda *args, **more: orders.follow_up(*args, "ga", store=store, clock=clock, **more)


@pytest.fixture
def act(store: Store, clock: FixedClock):
    return lambda order, verb, actor=OFFICER, words="because": orders.move(
        order.id, verb, actor, words, store=store, clock=clock
    )


def stored(store: Store, order: Order) -> Order:
    with store.read() as connection:
        found = find_order(connection, order.id)
    assert found is not None
    return found


def later(clock: FixedClock, version: int, **broken: int) -> Assessment:
    return replace(assessed(version, **broken), at=iso(clock.now()))


def moves_of(store: Store, order: Order) -> list[str]:
    with store.read() as connection:
        return [m.verb for m in list_order_moves(connection, order.id)]


def test_each_cause_has_one_order(store, clock, follow) -> None:
    made = follow(assessed(1, a=5, b=0, c=2), batches={"a": {"b1": 3, "b2": 2}})
    assert {(o.cause, o.broken, o.state) for o in made} == {("a", 5, "sent"), ("c", 2, "sent")}
    assert dict(next(o for o in made if o.cause == "a").batches) == {"b1": 3, "b2": 2}
    assert follow(assessed(1, a=5, b=0, c=2), batches={"a": {"b1": 3, "b2": 2}}) == []
    again = follow(assessed(2, a=7, b=1, c=2))
    assert {(o.cause, o.broken, o.first_broken) for o in again} == {("a", 7, 5), ("b", 1, 1), ("c", 2, 2)}
    with store.read() as connection:
        assert len(list_orders(connection)) == 3


def test_nothing_is_sent_where_only_checking_is_asked_for(follow) -> None:
    assert follow(assessed(1, a=5), is_sending=False) == []


def test_a_fix_is_verified_by_the_next_batch(store, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    act(act(order, "accept"), "fix")
    assert follow(assessed(1, a=5)) == []
    (closed,) = follow(assessed(2, a=0))
    assert closed.state == OrderState.CLOSED
    assert closed.closed_at
    with store.read() as connection:
        assert [m.verb for m in list_order_moves(connection, order.id)] == ["send", "accept", "fix", "verify", "close"]


def test_a_fix_that_does_not_hold_comes_back_with_a_new_deadline(store, clock, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    act(act(order, "accept"), "fix")
    clock.at += timedelta(days=7)
    (back,) = follow(assessed(2, a=5))
    assert (back.state, back.returns) == (OrderState.SENT, 1)
    assert back.deadline > order.deadline


def test_what_vanished_without_a_word_is_closed_too(follow) -> None:
    follow(assessed(1, a=5))
    (closed,) = follow(assessed(2, a=0))
    assert closed.state == OrderState.CLOSED


def test_a_dispute_is_decided_by_a_steward(store, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    disputed = act(order, "dispute", words="the rule is wrong")
    with pytest.raises(DeniedError):
        act(disputed, "withdraw")
    assert act(disputed, "insist", STEWARD).state == OrderState.SENT
    assert act(act(order, "dispute"), "withdraw", STEWARD).state == OrderState.CLOSED


def test_others_may_not_move_it_and_words_are_needed(follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    with pytest.raises(DeniedError):
        act(order, "accept", STRANGER)
    with pytest.raises(UserError, match="not possible"):
        act(order, "fix")
    with pytest.raises(UserError, match="words"):
        act(act(order, "accept"), "fix", words=" ")
    with pytest.raises(UserError, match="no work order"):
        act(Order(id="o_no", kind="quality", department="ga", resource="x", cause="x"), "accept")


def test_late_orders_are_marked_and_escalated(store, clock, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    assert orders.expire(store=store, clock=clock) == []
    clock.at += timedelta(days=4)
    assert [o.state for o in orders.expire(store=store, clock=clock)] == [OrderState.OVERDUE]
    assert orders.expire(store=store, clock=clock) == []
    clock.at += timedelta(days=7)
    assert [o.state for o in orders.expire(store=store, clock=clock)] == [OrderState.ESCALATED]
    assert act(stored(store, order), "accept").state == OrderState.ACCEPTED


def test_a_user_reports_an_error_and_gets_an_answer(store, clock, act) -> None:
    wrong = ErrorReport(resource="hukou", department="ga", item="name", words="The name is of another person.", basis="visit")
    made = orders.report(wrong, STRANGER, store=store, clock=clock)
    assert (made.kind, made.department, made.reporter_department, made.state) == ("report", "ga", "mz", "sent")
    fixed = act(act(made, "accept"), "fix", words="Corrected in the register.")
    assert act(fixed, "return", STRANGER, "It still shows.").returns == 1
    with pytest.raises(UserError):
        orders.report(ErrorReport(resource="hukou", department="ga", words=""), STRANGER, store=store, clock=clock)


def test_statistics_count_in_time_and_late(store, clock, follow, act) -> None:
    first, second = follow(assessed(1, a=5, b=3))
    act(act(first, "accept"), "fix")
    clock.at += timedelta(days=10)
    act(act(second, "accept"), "fix")
    with store.read() as connection:
        ga, all_ = orders.figures(connection)
    assert (ga.department, ga.all, ga.open, ga.fixed_in_time, ga.on_time_rate) == ("ga", 2, 2, 1, 0.5)
    assert ga.mean_days == pytest.approx(5.0)
    assert (all_.department, all_.rows) == ("", 8)


def test_every_move_is_on_record(store, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    act(order, "accept")
    with store.read() as connection:
        rows = connection.execute(audit.event_table.select().order_by(audit.event_table.c.index)).mappings().all()
    assert [r["kind"] for r in rows] == [EventKind.ORDER_MOVED, EventKind.ORDER_MOVED]


def test_the_diagram_names_every_state() -> None:
    assert all(str(state) in orders.diagram() for state in OrderState)


def test_an_order_on_a_rule_that_no_longer_counts_lapses(store, clock, follow, act) -> None:
    first, second = follow(assessed(1, a=5, b=3))
    act(second, "dispute")
    clock.at += timedelta(days=1)
    (gone,) = follow(later(clock, 1, a=5))
    assert (gone.id, gone.state) == (second.id, OrderState.CLOSED)
    assert moves_of(store, second)[-1] == "lapse"
    assert stored(store, first).state == OrderState.SENT


def test_an_order_on_a_resource_that_is_gone_lapses_and_is_not_escalated(store, clock, follow) -> None:
    follow(assessed(1, a=5))
    clock.at += timedelta(days=30)
    assert [o.state for o in orders.lapse_of_gone({"other"}, store=store, clock=clock)] == [OrderState.CLOSED]
    assert orders.expire(store=store, clock=clock) == []
    assert orders.lapse_of_gone({"other"}, store=store, clock=clock) == []


def test_what_standardising_mends_ends_an_order_of_the_rows_as_they_came(store, clock, follow) -> None:
    mended, stays = sorted(follow(assessed(4, a=5, b=3)), key=lambda o: o.cause)
    clock.at += timedelta(hours=1)
    follow(replace(later(clock, 1, a=0, b=2), phase="after"))
    assert stored(store, mended).state == OrderState.CLOSED
    kept = stored(store, stays)
    assert (kept.state, kept.phase, kept.version, kept.broken) == (OrderState.SENT, "after", 1, 2)
    with store.read() as connection:
        assert len(list_orders(connection)) == 2


def test_an_assessment_made_before_a_fix_does_not_send_it_back(store, clock, follow, act) -> None:
    (order,) = follow(assessed(4, a=5))
    old = replace(later(clock, 1, a=5), phase="after")
    clock.at += timedelta(hours=1)
    act(act(order, "accept"), "fix")
    assert follow(old) == []
    assert stored(store, order).state == OrderState.FIXED


def test_a_changed_rule_changes_the_figures_at_the_same_version(store, clock, follow) -> None:
    (order,) = follow(assessed(1, a=5))
    clock.at += timedelta(hours=1)
    (more,) = follow(later(clock, 1, a=9))
    assert (more.broken, more.state) == (9, OrderState.SENT)
    clock.at += timedelta(hours=1)
    (done,) = follow(later(clock, 1, a=0))
    assert (done.id, done.state) == (order.id, OrderState.CLOSED)


def test_who_stands_by_an_order_gives_time_anew(store, clock, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    disputed = act(order, "dispute")
    clock.at += timedelta(days=20)
    again = act(disputed, "insist", STEWARD)
    assert again.deadline > order.deadline
    assert orders.expire(store=store, clock=clock) == []
    back = act(act(act(again, "accept"), "fix"), "return", STEWARD)
    assert back.deadline >= again.deadline


def test_a_late_fix_is_late_whatever_is_checked_and_returned_afterwards(store, clock, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    clock.at += timedelta(days=20)
    act(act(order, "accept"), "fix")
    assert "expire" in moves_of(store, order)
    follow(later(clock, 2, a=5))
    with store.read() as connection:
        (ga, _all) = orders.figures(connection)
    assert (ga.fixed_in_time, ga.on_time_rate, ga.returned) == (0, None, 1)
    act(act(order, "accept"), "fix")
    with store.read() as connection:
        (ga, _all) = orders.figures(connection)
    assert (ga.fixed_in_time, ga.on_time_rate) == (0, 0.0)


def test_who_reported_says_that_the_answer_suffices(store, clock, act) -> None:
    wrong = ErrorReport(resource="hukou", department="ga", words="x" * 900)
    made = orders.report(wrong, STRANGER, store=store, clock=clock)
    assert len(made.cause) <= 200
    with store.read() as connection:
        assert list_order_moves(connection, made.id)[0].words == "x" * 900
    fixed = act(act(made, "accept"), "fix")
    with pytest.raises(DeniedError):
        act(fixed, "close")
    assert act(fixed, "close", STRANGER).state == OrderState.CLOSED


@pytest.mark.parametrize("words", ["see 11010519491231002X", "call 13800138000.", "编号110105194912310021错", "a" * 2001, "a\x00b", "a\x1b[31mb"])
def test_words_hold_no_number_of_a_person_and_are_words(store, clock, follow, act, words) -> None:
    (order,) = follow(assessed(1, a=5))
    with pytest.raises(UserError) as wrong:
        act(order, "dispute", words=words)
    assert words[-8:] not in str(wrong.value)
    assert stored(store, order).state == OrderState.SENT
    with pytest.raises(UserError):
        orders.report(ErrorReport(resource="hukou", department="ga", words="ok", basis=words), STRANGER, store=store, clock=clock)


def test_an_order_goes_with_its_resource_to_another_department(store, clock, follow) -> None:
    (order,) = follow(assessed(1, a=5))
    (moved,) = orders.follow_up(assessed(1, a=5), "mz", store=store, clock=clock)
    assert (moved.id, moved.department, stored(store, order).department) == (order.id, "mz", "mz")


def test_what_a_steward_withdrew_is_not_sent_again_until_it_is_more(clock, follow, act) -> None:
    (order,) = follow(assessed(1, a=5))
    act(act(order, "dispute"), "withdraw", STEWARD)
    assert follow(assessed(1, a=5)) == []
    assert follow(assessed(2, a=4)) == []
    (more,) = follow(assessed(3, a=6))
    assert (more.id != order.id, more.broken) == (True, 6)
