"""Rows put right by people: once, whatever is repeated, corrected again or broken off; values only to who may see them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.flows import test_acceptance

from cityloom.collect.inbox import Inbox
from cityloom.engines.base import sql
from cityloom.flows import chain, intake, row_corrections, settling
from cityloom.flows.orders import principal
from cityloom.flows.row_corrections import Change
from cityloom.flows.runner import Runner
from cityloom.kernel.errors import CityLoomError, DataError, DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.store import audit
from cityloom.store import intake as records
from cityloom.store.corrections import list_corrections

WHY = "asked the office"
at = test_acceptance.at
"""A workspace with fifteen rows, three of them wrong."""


def change(at, n: int, **values: str) -> Change:
    """A change of the row that came with an id."""
    find = "SELECT o._batch, o._row FROM :t AS o JOIN :t AS f ON o._batch = f._batch WHERE f.id = '1' AND o.id = :n"
    (place,) = at.lake.engine.rows(sql(find, t=at.lake.relation("raw_ga__places"), n=str(n)))
    return Change(batch=str(place[0]), row=int(place[1]), values=values)


def correct(at, *changes: Change, actor: str = "ga.officer"):
    return row_corrections.correct(at, at.city.resource("places"), principal(at, actor), changes, WHY)


def standing(at) -> dict[int, list[tuple[str, str]]]:
    """By id all current rows."""
    found: dict[int, list[tuple[str, str]]] = {}
    for row in at.lake.engine.records(sql("SELECT id, town, secret FROM :t WHERE _current", t=at.lake.relation("std_ga__places"))):
        found.setdefault(int(row["id"]), []).append((row["town"], row["secret"]))
    return found


def seen(at, kind: EventKind) -> int:
    with at.store.read() as connection:
        return len(audit.list_events(connection, kind=kind))


def test_a_second_correction_of_a_row_keeps_the_first(at) -> None:
    correct(at, change(at, 13, city="Chengdu"))
    correct(at, change(at, 13, secret="open"))
    assert standing(at)[13] == [("Chengdu", "open")]
    correct(at, change(at, 13, id="99"))
    assert 13 not in standing(at)
    assert standing(at)[99] == [("Chengdu", "open")]
    assert sum(map(len, standing(at).values())) == 15


def test_the_same_correction_again_changes_nothing(at) -> None:
    assert correct(at, change(at, 13, city="Chengdu")).rows == 1
    again = correct(at, change(at, 13, city="Chengdu"))
    assert (again.rows, again.cells, again.runs) == (0, 0, ())
    assert seen(at, EventKind.ROWS_CORRECTED) == 1


def test_a_row_that_stands_twice_in_a_file_comes_in_once(at) -> None:
    correct(at, change(at, 13, city="Chengdu", id="98"), change(at, 13, city="Chengdu", secret="open"))
    assert standing(at)[98] == [("Chengdu", "open")]
    assert sum(map(len, standing(at).values())) == 15
    with pytest.raises(UserError) as twice:
        correct(at, change(at, 14, city="Chengdu"), change(at, 14, city="Mianyang"))
    assert twice.value.code == "flows.correction.twice"
    assert "Chengdu" not in str(twice.value)


@pytest.mark.parametrize("place", ["land", "recorded", "table", "audit", "follow"])
def test_broken_off_at_any_commit_and_done_again_it_is_done_once(at, monkeypatch, place) -> None:
    wanted = change(at, 13, city="Chengdu", id="97")

    def dies(*_args, **_kwargs):
        raise RuntimeError("cut off")

    where = {
        "land": (intake.stage, "run"), "recorded": (intake, "_recorded"), "table": (settling, "add_corrections"),
        "audit": (settling.audit, "append"), "follow": (row_corrections, "_follow"),
    }[place]  # fmt: skip
    with monkeypatch.context() as broken:
        broken.setattr(*where, dies)
        with pytest.raises((RuntimeError, CityLoomError)):
            correct(at, wanted)
    done = correct(at, wanted)
    chain.standardise(at, Runner(at))
    assert standing(at)[97] == [("Chengdu", "opem")]
    assert sum(map(len, standing(at).values())) == 15
    with at.store.read() as connection:
        assert len(list_corrections(connection, "places")) == 1
    assert seen(at, EventKind.ROWS_CORRECTED) == 1
    assert done.rows == (0 if place == "follow" else 1)


def test_what_another_correction_finds_begun_it_brings_to_an_end(at, monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(settling, "add_corrections", lambda *_: 1 / 0)
        with pytest.raises((ZeroDivisionError, CityLoomError)):
            correct(at, change(at, 13, city="Chengdu"))
    correct(at, change(at, 14, city="Mianyang"))
    found = standing(at)
    assert (found[13], found[14]) == ([("Chengdu", "opem")], [("Mianyang", "open")])
    assert sum(map(len, found.values())) == 15


def test_standardising_brings_to_an_end_what_was_begun(at, monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(settling, "add_corrections", lambda *_: 1 / 0)
        with pytest.raises((ZeroDivisionError, CityLoomError)):
            correct(at, change(at, 13, city="Chengdu", id="97"))
    chain.standardise(at, Runner(at))
    assert standing(at)[97] == [("Chengdu", "opem")]
    assert sum(map(len, standing(at).values())) == 15
    assert seen(at, EventKind.ROWS_CORRECTED) == 1


def test_a_number_that_a_spreadsheet_rounded_is_refused(at) -> None:
    raw = change(at, 13, secret="110105194912310021")
    correct(at, raw)
    for written in ("1.10105E+17", "1.10105e17", "110105194912310000"):
        with pytest.raises(DataError) as rounded:
            correct(at, change(at, 13, secret=written))
        assert rounded.value.code == "flows.correction.rounded"
        assert "1101" not in str(rounded.value)


def test_words_of_a_correction_hold_no_number_of_a_person(at) -> None:
    with pytest.raises(UserError):
        row_corrections.correct(at, at.city.resource("places"), principal(at, "ga.officer"), [change(at, 13, city="x")], "of 11010519491231002X")


def test_a_file_that_is_none_is_refused_in_words(at) -> None:
    places = at.city.resource("places")
    for text in ('"_batch","_row"\n"b","x"\n', "a,b\n1,2\n", '_batch,_row,id\nb,"1\n', "_batch,_row,id\n" + "b,1," + "x" * 200_000 + "\n", "_batch,_row\x00\nb,1\n", "_batch,_row,id\nb," + "9" * 30 + ",1\n", "_batch,_row,id\nb,-1,1\n", b"\xff\xff\x80"):
        with pytest.raises((DataError, UserError)):
            row_corrections.read_changes(at, places, text)




def test_a_file_saved_in_the_encoding_of_chinese_systems_is_read(at) -> None:
    wrong = change(at, 13)
    text = f"_batch,_row,city\n{wrong.batch},{wrong.row},成都\n"
    for content in (text.encode("gb18030"), text.encode("utf-8-sig")):
        (found,) = row_corrections.read_changes(at, at.city.resource("places"), content)
        assert dict(found.values) == {"city": "成都"}


def test_two_corrections_of_a_row_at_once_leave_one_row(at, monkeypatch) -> None:
    first, second = change(at, 13, city="Chengdu", id="97"), change(at, 13, secret="open")
    land, tried = row_corrections.corrections.land_rows, []

    def meanwhile(*args, **kwargs):
        if not tried:
            tried.append(1)
            with suppress(UserError):
                correct(at, second)
        return land(*args, **kwargs)

    monkeypatch.setattr(row_corrections.corrections, "land_rows", meanwhile)
    correct(at, first)
    correct(at, second)
    assert 13 not in standing(at)
    assert standing(at)[97] == [("Chengdu", "open")]
    assert sum(map(len, standing(at).values())) == 15


def test_what_was_begun_days_ago_is_brought_to_an_end_and_not_tidied_away(at, monkeypatch, clock) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(settling, "add_corrections", lambda *_: 1 / 0)
        with pytest.raises((ZeroDivisionError, CityLoomError)):
            correct(at, change(at, 13, city="Chengdu", id="97"))
    clock.at += timedelta(days=3)
    intake.tidy(at, at.city.resource("places"))
    chain.standardise(at, Runner(at))
    assert standing(at)[97] == [("Chengdu", "opem")]
    assert sum(map(len, standing(at).values())) == 15


def begun(at, monkeypatch, **values: str) -> None:
    """A correction that broke off before it landed."""
    with monkeypatch.context() as broken:
        broken.setattr(intake.stage, "run", lambda *_, **__: 1 / 0)
        with pytest.raises((ZeroDivisionError, CityLoomError)):
            correct(at, change(at, 13, **values))


def test_what_cannot_be_brought_to_an_end_fails_its_own_resource_only(at, monkeypatch) -> None:
    begun(at, monkeypatch, city="Chengdu")
    places = at.city.resource("places")
    others = replace(places, name="others")
    monkeypatch.setitem(at.city.resources, "others", others)

    def wrong(*_, **__):
        raise DataError("test.wrong", "It cannot be read.")

    monkeypatch.setattr(intake.stage, "run", wrong)
    runner = Runner(at)
    assert chain.standardise(at, runner) == []
    assert [(run.step, run.subject, run.error_code) for run in runner.failed] == [("standard", "places", "test.wrong")]


def test_while_another_lands_a_correction_nothing_is_standardised(at, monkeypatch) -> None:
    begun(at, monkeypatch, city="Chengdu", id="97")
    runner = Runner(at)
    with at.lock("raw_ga__places"):
        assert chain.standardise(at, runner, ["places"]) == []
    assert [run.error_code for run in runner.failed] == ["flows.subject.busy"]
    chain.standardise(at, Runner(at))
    assert standing(at)[97] == [("Chengdu", "opem")]


def test_what_is_gone_before_it_landed_is_given_up(at, monkeypatch) -> None:
    begun(at, monkeypatch, city="Chengdu")
    with at.store.read() as connection:
        (left,) = records.list_deliveries(connection, state="checked")
    Inbox(at.folder).drop("places", left.attempt)
    assert chain.standardise(at, Runner(at))
    with at.store.read() as connection:
        assert records.list_deliveries(connection, state="checked") == []
    assert correct(at, change(at, 13, city="Chengdu")).rows == 1
    assert standing(at)[13] == [("Chengdu", "opem")]


def test_who_may_not_see_a_value_neither_guesses_nor_sets_it(at) -> None:
    for value in ("opem", "open"):
        with pytest.raises(DeniedError) as denied:
            correct(at, change(at, 13, secret=value), actor="dsj.steward")
        assert denied.value.code == "flows.correction.closed"
        assert value not in str(denied.value)
    assert correct(at, change(at, 13, city="Chengdu"), actor="dsj.steward").cells == 1
    assert standing(at)[13] == [("Chengdu", "opem")]
