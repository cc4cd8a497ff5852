"""Assessing, sending and profiling broken off after any commit, and done by several at once: nothing lost, nothing twice."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from tests.unit.api import test_quality_doors as doors
from tests.unit.flows.intake_town import Town

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.flows import chain, orders
from cityloom.flows import profiles as profile_flow
from cityloom.flows import rules as rule_flow
from cityloom.flows import runner as running
from cityloom.flows.runner import Runner
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.tables import Lake
from cityloom.model.order import OPEN
from cityloom.model.rules import RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.quality import orders as order_stage
from cityloom.quality import review as review_stage
from cityloom.quality import run as assess_stage
from cityloom.quality import sheets
from cityloom.quality.run import Manner
from cityloom.store.database import Store
from cityloom.store.orders import list_order_moves, list_orders
from cityloom.store.profiles import list_profiles
from cityloom.store.quality import find_assessment
from cityloom.store.rules import list_rule_reviews, list_rules

at = doors.at


class CutOffError(BaseException):
    """What no code expects and none catches: the process is gone."""



def found(at: Town) -> dict[str, tuple[int, int]]:
    with at.store.read() as connection:
        one = find_assessment(connection, "things", "before")
    return {r.rule: (r.checked, r.broken) for r in one.results}


def whole(at: Town) -> dict[str, tuple[int, int]]:
    """What a full assessment finds of which nothing is kept."""
    given = {"elements": at.city.elements, "codes": at.city.codes, "lake": at.lake, "clock": at.clock}
    one = assess_stage.assess(at.city.resource("things"), phase="before", **given, manner=Manner(resources=at.city.resources))
    return {r.rule: (r.checked, r.broken) for r in one.results}


def open_orders(at: Town) -> list[str]:
    with at.store.read() as connection:
        return sorted(o.cause for o in list_orders(connection, kind="quality", states=OPEN))


def deliver(at: Town, name: str, *lines: str) -> None:
    (at.folder / "things" / name).write_text("\n".join(["id,open,inner,secret", *lines]) + "\n", encoding="utf-8")
    chain.collect(at, Runner(at))


def define(at: Town, **changes) -> None:
    city = at.city
    at.__dict__["city"] = replace(city, resources={**city.resources, "things": replace(city.resource("things"), **changes)})


def dies_after(monkeypatch, module, name: str):
    """A function that does what it does, and then its process ends."""
    real = getattr(module, name)

    def does_and_dies(*args, **kwargs):
        real(*args, **kwargs)
        raise CutOffError("cut off")

    monkeypatch.setattr(module, name, does_and_dies)


@pytest.mark.parametrize(
    ("module", "name"),
    [(sheets, "_write"), (assess_stage, "put_assessment"), (order_stage, "follow_up"), (order_stage, "expire"), (running.runs, "close_run")],
)
def test_an_assessment_broken_off_is_done_again_and_found_once(at, monkeypatch, module, name) -> None:
    deliver(at, "b.csv", "Id-900,a,bad,bad", "Id-901,a,Innervalue-1,Secretvalue-1")
    with monkeypatch.context() as broken:
        dies_after(broken, module, name)
        with pytest.raises(CutOffError):
            chain.assess_raw(at, Runner(at))
    assert chain.assess_raw(at, Runner(at), ["things"])[0].state == "done"
    assert found(at) == whole(at) == {"secret.format": (122, 41), "inner.format": (122, 41)}
    assert open_orders(at) == ["inner.format", "secret.format"]
    orders.send(at, actor="dsj.steward")
    with at.store.read() as connection:
        told = list_orders(connection, kind="quality")
        assert [(o.broken, len(list_order_moves(connection, o.id))) for o in told] == [(41, 1), (41, 1)]


@pytest.mark.parametrize("name", ["put_order", "add_order_move", "_audit"])
def test_orders_of_which_sending_was_broken_off_are_sent_once(at, monkeypatch, name) -> None:
    define(at, rules=(*at.city.resource("things").rules, RuleUse(rule="length", dimension="accuracy", columns=("id",), options={"most": 4}, name="short")))
    chain.assess_raw(at, Runner(at))
    with monkeypatch.context() as broken:
        dies_after(broken, order_stage, name)
        with pytest.raises(CutOffError):
            orders.send(at, actor="dsj.steward")
    assert open_orders(at) == ["inner.format", "secret.format"]
    (sent,) = orders.send(at, actor="dsj.steward")
    assert sent.cause == "short"
    assert orders.send(at, actor="dsj.steward") == []


def test_a_profile_and_a_review_broken_off_are_done_once(at, monkeypatch) -> None:
    deliver(at, "b.csv", "Id-900,a,bad,bad")
    with monkeypatch.context() as broken:
        dies_after(broken, profile_flow.store, "put_profile")
        with pytest.raises(CutOffError):
            profile_flow.profile_all(at, Runner(at), ["things"])
    assert profile_flow.profile_all(at, Runner(at), ["things"])[0].state == "done"
    with at.store.read() as connection:
        assert [p.records for p in list_profiles(connection, "raw_ga__things")] == [121, 120]
    use = RuleUse(rule="length", dimension="accuracy", columns=("id",), options={"most": 4}, name="short")
    made = rule_flow.propose(at, RuleTarget(resource="things"), use, actor="ga.second")
    with monkeypatch.context() as broken:
        dies_after(broken, review_stage, "add_rule_review")
        with pytest.raises(CutOffError):
            rule_flow.review(at, made.name, "business", is_approved=True, words="", actor="ga.owner")
    rule_flow.review(at, made.name, "business", is_approved=True, words="", actor="ga.owner")
    assert str(rule_flow.review(at, made.name, "technical", is_approved=True, words="", actor="dsj.steward").state) == "active"
    with at.store.read() as connection:
        assert len(list_rule_reviews(connection, made.name)) == 2
        assert len(list_rules(connection, name=made.name)) == 1


def test_changed_removed_and_new_rules_items_and_keys_leave_the_answer_of_a_full_assessment(at) -> None:
    thing = at.city.resource("things")
    secret, inner = thing.rules
    stricter = replace(inner, options={"pattern": "Innervalue-[12]"})
    double = RuleUse(rule="duplicate", dimension="accuracy", columns=("id",), name="double")
    steps = (
        {"rules": (secret, stricter)}, {"rules": (stricter, double)}, {"items": thing.items[:3], "rules": (stricter,)},
        {"items": thing.items, "rules": (secret, stricter), "key": ("open",)}, {"rules": ()}, {"rules": (secret, inner), "key": ("id",)},
    )  # fmt: skip
    for number, changes in enumerate(steps):
        define(at, **changes)
        if number % 2:
            deliver(at, f"more-{number}.csv", f"Id-{number},a,bad,bad", f"Id-{number},a,{doors.INNER}-1,{doors.SECRET}-1")
        (run,) = chain.assess_raw(at, Runner(at), ["things"])
        assert run.state == "done", run.error_text
        assert found(at) == whole(at)
        orders.send(at, ["things"], actor="dsj.steward")
        assert open_orders(at) == sorted(rule for rule, (_checked, broken) in found(at).items() if broken)


def test_two_processes_at_once_send_each_order_once(at, tmp_path) -> None:
    rules = tuple(RuleUse(rule="length", dimension="accuracy", columns=("id",), options={"most": 4}, name=f"short{n}") for n in range(20))
    define(at, rules=rules)
    chain.assess_raw(at, Runner(at))
    wrong: list[BaseException] = []

    def another(number: int) -> None:
        store, engine = Store(at.store.url), DuckDBEngine(tmp_path / f"spill{number}", memory_mb=500, threads=1)
        own = Town(at.settings, at.folder, engine, Lake(at.lake.root, engine), store, at.clock, keys=at.keys)
        own.__dict__["city"] = at.city
        try:
            for _again in range(3):
                orders.send(own, actor="dsj.steward")
                orders.check(own)
                chain.assess_raw(own, Runner(own, force=True, wait=30))
        except (CityLoomError, AssertionError) as error:
            wrong.append(error)
        finally:
            engine.close()
            store.close()

    threads = [threading.Thread(target=another, args=(n,)) for n in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert open_orders(at) == sorted(rule.name for rule in rules)
    assert found(at) == whole(at)
