"""Proposals for broken cells: shown to who may see them, accepted from a file or by confidence, and in force afterwards."""

from __future__ import annotations

import csv
import io

import pytest

from cityloom.engines.base import sql
from cityloom.flows import acceptance, chain, repairs, row_corrections, standard_rows
from cityloom.flows.acceptance import Line
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.orders import principal
from cityloom.flows.repairs import COLUMNS, Asked
from cityloom.flows.runner import Runner
from cityloom.flows.shown import show_batch
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import DataError, DeniedError, UserError
from cityloom.kernel.i18n import current_language, set_language
from cityloom.model.audit import EventKind
from cityloom.model.city import City
from cityloom.model.department import Account
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.standard import RuleUse, StepUse
from cityloom.model.text import Title
from cityloom.protect.keys import load_or_make_keys
from cityloom.store import audit, gates
from cityloom.store.corrections import list_corrections

ANY = Title("例", "example")
ROWS = "id,zip,city,secret\n" + "".join(
    f"{n},{610000 + n % 2},{'Chengdu' if n % 2 else 'Mianyang'},{'open'}\n" for n in range(1, 13)
)
WRONG = ROWS + "13,610001,Chengdv,opem\n14,610000,=Mian,open\n15,610001,,open\n"
WHY = "the post office says so"
CITY = RuleUse(rule="dependency", dimension="consistency", columns=("zip", "city"), name="city")
SECRET = RuleUse(rule="domain", dimension="conformity", columns=("secret",), options={"values": ("open", "closed")}, name="secret")
HELD = RuleUse(rule="missing", dimension="completeness", columns=("city",), name="held")


def defined(**changes) -> Resource:
    items = (
        Item(name="id", column="id", title=ANY),
        Item(name="zip", column="zip", title=ANY),
        Item(name="town", column="city", title=ANY, **changes),
        Item(name="secret", column="secret", title=ANY, grade="core"),
    )
    rules = tuple(RuleUse(**{**vars(r), "columns": tuple(c.replace("city", "town") for c in r.columns)}) for r in (CITY, SECRET, HELD))
    return Resource(
        name="places", department="ga", title=ANY, abstract=ANY, category="c", key=("id",), grade="internal", items=items, rules=rules,
        collect=CollectionTask(source="s"),
    )  # fmt: skip


@pytest.fixture
def at(tmp_path, engine, lake, store, clock):
    """A workspace with fifteen rows, three of them wrong, collected, assessed and standardised."""
    made = Workspace(Settings(workspace=tmp_path, busy_seconds=0), tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(WRONG, encoding="utf-8")
    define(made, defined())
    runner = Runner(made)
    assert not chain.collect(made, runner)[0].error_code
    for stage in (chain.assess_raw, chain.standardise, chain.assess_standard):
        (run,) = stage(made, runner)
        assert run.state == "done", run.error_text
    return made


def define(at, resource):
    people = [("ga.officer", "ga", "officer"), ("mz.officer", "mz", "officer"), ("dsj.steward", "dsj", "steward"), ("dsj.analyst", "dsj", "analyst")]
    at.__dict__["city"] = City(
        resources={"places": resource},
        sources={"s": Source(name="s", title=ANY, department="ga", connector="csv_files", options={"folder": "in"})},
        accounts={name: Account(name=name, title=ANY, department=d, roles=(role,)) for name, d, role in people},
    )
    with at.store.write() as connection:
        gates.put_gate(connection, gates.GateState(resource="places", is_open=True, missing={}, checked_at="2026-01-05"))


def proposed(at, actor="ga.officer", **asked):
    return {(p.row, p.item): p for p in repairs.proposals(at, "places", Asked(**asked), actor=actor)}


def file_of(at, *marked, actor="ga.officer", mark="x", **asked):
    """A file of proposals as somebody marks it who takes those of some ids' towns or secrets."""
    text = "".join(repairs.lines(repairs.proposals(at, "places", Asked(**asked), actor=actor)))
    rows = list(csv.reader(io.StringIO(text)))
    for row in rows[1:]:
        row[-1] = mark if (int(row[1]), row[2]) in marked else ""
    return rows


def content(rows, encoding="utf-8-sig"):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def accept(at, rows, actor="ga.officer", **more):
    places, who = at.city.resource("places"), principal(at, actor)
    given = rows if isinstance(rows, bytes) else content(rows)
    return acceptance.accept(at, places, acceptance.from_file(at, places, given, "before", who), who, more.get("why", WHY))


def standing(at):
    found = at.lake.engine.records(sql("SELECT id, town, secret FROM :t WHERE _current", t=at.lake.relation("std_ga__places")))
    return {int(r["id"]): (r["town"], r["secret"]) for r in found}


def number(at, n):
    """The row that holds an id."""
    return at.lake.engine.rows(sql("SELECT _row FROM :t WHERE id = :n LIMIT 1", t=at.lake.relation("raw_ga__places"), n=str(n)))[0][0]


def test_a_file_tells_what_is_wrong_what_is_meant_and_why(at):
    rows = file_of(at)
    assert tuple(rows[0]) == COLUMNS
    told = {(int(r[1]) - number(at, 1) + 1, r[2]): r for r in rows[1:]}
    assert set(told) == {(13, "town"), (13, "secret"), (14, "town"), (15, "town")}
    assert told[13, "town"][3:5] == ["Chengdv", "Chengdu"]
    assert told[14, "town"][3:5] == ["'=Mian", "Mianyang"]
    assert told[15, "town"][3:5] == ["", "Chengdu"]
    assert float(told[13, "town"][5]) > 0.5
    assert told[13, "town"][6:] == ["the value of most of the 7 rows of its group", "city", ""]


def test_marked_lines_are_in_force_at_once_and_explained(at):
    wrong, formula = number(at, 13), number(at, 14)
    done = accept(at, file_of(at, (wrong, "town"), (wrong, "secret"), (formula, "town")))
    assert (done.rows, done.cells) == (2, 3)
    assert {state for _step, state in done.runs} == {"done"}
    now = standing(at)
    assert (now[13], now[14], now[15]) == (("Chengdu", "open"), ("Mianyang", "open"), ("", "open"))
    with at.store.read() as connection:
        made = {c.row: c for c in list_corrections(connection, "places")}
        (event,) = audit.list_events(connection, kind=EventKind.ROWS_CORRECTED)
    assert (made[wrong].account, made[wrong].columns) == ("ga.officer", ("city", "secret"))
    assert made[wrong].why.startswith(WHY)
    assert "town: city 0." in made[wrong].why
    assert (event.event.actor, event.event.details["cells"]) == ("ga.officer", 3)
    told = standard_rows.explain_row(at, at.city.resource("places"), made[wrong].by_batch, made[wrong].by_row, actor="ga.officer")
    assert told.correction == made[wrong]
    assert {row for row, _item in proposed(at)} == {number(at, 15)}


def test_all_from_a_confidence_on_may_be_accepted_or_some(at):
    places, who = at.city.resource("places"), principal(at, "ga.officer")
    assert acceptance.by_confidence(at, places, Asked(least=0.99), who).proposals == ()
    assert {p.item for p in acceptance.by_confidence(at, places, Asked(items=("secret",)), who).proposals} == {"secret"}
    assert {p.item for p in acceptance.by_confidence(at, places, Asked(rules=("secret",)), who).proposals} == {"secret"}
    chosen = acceptance.by_confidence(at, places, Asked(items=("town",), least=0.6), who)
    assert acceptance.accept(at, places, chosen, who, WHY).cells == 3
    assert {town for town, _secret in standing(at).values()} == {"Chengdu", "Mianyang"}


def test_who_may_not_see_a_value_neither_reads_nor_decides_it(at):
    steward, wrong = proposed(at, actor="dsj.steward"), number(at, 13)
    assert (steward[wrong, "secret"].old, steward[wrong, "secret"].value) == (repairs.HIDDEN, repairs.HIDDEN)
    assert steward[wrong, "town"].value == "Chengdu"
    chosen = acceptance.by_confidence(at, at.city.resource("places"), Asked(), principal(at, "dsj.steward"))
    assert ({p.item for p in chosen.proposals}, chosen.hidden) == ({"town"}, 1)
    for rows in (file_of(at, (wrong, "secret"), actor="dsj.steward"), file_of(at, (wrong, "secret"))):
        with pytest.raises(DataError) as refused:
            accept(at, rows, actor="dsj.steward")
        assert "opem" not in str(refused.value)
    with pytest.raises(DeniedError):
        proposed(at, actor="mz.officer")
    with at.store.read() as connection:
        looks = [e.event.actor for e in audit.list_events(connection, kind=EventKind.BATCH_SHOWN)]
    assert "dsj.steward" in looks
    assert "mz.officer" not in looks


@pytest.mark.parametrize("actor", ["mz.officer", "dsj.analyst"])
def test_who_may_not_correct_rows_accepts_nothing(at, actor):
    places, who = at.city.resource("places"), principal(at, actor)
    with pytest.raises(DeniedError):
        acceptance.by_confidence(at, places, Asked(), who)
    with pytest.raises(DeniedError):
        acceptance.from_file(at, places, b"", "before", who)
    with pytest.raises(DeniedError):
        acceptance.from_lines(at, places, [], "before", who)


def test_wrong_lines_are_named_and_nothing_is_applied(at):
    wrong, rows = number(at, 13), file_of(at, (number(at, 13), "town"))
    good = next(row for row in rows[1:] if row[-1])
    two, three = ([*row[:-1], "x"] for row in rows[1:] if int(row[1]) in (number(at, 14), number(at, 15)))
    bad = [
        [*good[:1], "99", *good[2:]],
        [*good[:2], "id", *good[3:]],
        [*two[:3], "Chengd", *two[4:]],
        [*three[:4], "Chongqing", *three[5:]],
        [*good[:1], "1.3E+1", *good[2:]],
        [*good[:-1], "maybe"],
        good,
        good[:-2] + ["x"],
    ]
    with pytest.raises(DataError) as refused:
        accept(at, [rows[0], good, *bad])
    assert refused.value.code == "flows.repair.lines"
    assert refused.value.details["count"] == 8
    said = dict(part.split(": ", 1) for part in refused.value.details["lines"].split("; "))
    assert sorted(map(int, said)) == list(range(3, 11))
    assert len(set(said.values())) == 7
    assert not any(value in str(refused.value) for value in ("Chengd", "Chongqing"))
    with at.store.read() as connection:
        assert list_corrections(connection, "places") == []
    assert (standing(at)[13][0], (wrong, "town") in proposed(at)) == ("Chengdv", True)


def test_a_file_is_accepted_once_and_not_after_the_row_changed(at):
    rows = file_of(at, (number(at, 13), "town"))
    other = file_of(at, (number(at, 14), "town"))
    accept(at, rows)
    with pytest.raises(DataError) as again:
        accept(at, rows)
    assert "ga.officer" in again.value.details["lines"]
    change = row_corrections.Change(batch=other[1][0], row=number(at, 14), values={"city": "Guangyuan"})
    row_corrections.correct(at, at.city.resource("places"), principal(at, "ga.officer"), [change], WHY)
    with pytest.raises(DataError):
        accept(at, other)
    assert standing(at)[14][0] == "Guangyuan"


def test_the_rest_of_a_row_may_stay_wrong_but_nothing_may_become_wrong(at):
    wrong, places, who = number(at, 13), at.city.resource("places"), principal(at, "ga.officer")
    batch = proposed(at)[wrong, "town"].batch
    worse = row_corrections.Change(batch=batch, row=number(at, 1), values={"secret": "opened"})
    with pytest.raises(DataError) as refused:
        row_corrections.correct(at, places, who, [worse], WHY)
    assert (refused.value.code, refused.value.details["row"]) == ("flows.correction.flawed", number(at, 1))
    accept(at, file_of(at, (wrong, "town")))
    assert standing(at)[13] == ("Chengdu", "opem")
    with at.store.read() as connection:
        (made,) = list_corrections(connection, "places")
    assert proposed(at)[made.by_row, "secret"].batch == made.by_batch


@pytest.mark.parametrize(
    "given",
    [b"", b"\xff\xfe\xff\xff", b"PK\x03\x04rest", b'a,b\n"open', b"batch,row,item,old,value\nb,1,c,d,e\n", ",".join(COLUMNS).encode() + b"\n"],
)
def test_what_is_no_file_of_proposals_is_refused(at, given):
    with pytest.raises(DataError) as refused:
        accept(at, given)
    assert refused.value.code == "flows.repair.file"


@pytest.mark.parametrize(("mark", "encoding"), [("是", "gb18030"), ("X", "utf-8"), ("\u2713", "utf-8-sig"), ("1", "gb18030")])
def test_files_are_read_as_spreadsheet_programs_save_them(at, mark, encoding):
    rows = file_of(at, (number(at, 13), "town"), mark=mark)
    before = current_language()
    set_language("zh")
    try:
        assert accept(at, content(rows, encoding)).cells == 1
    finally:
        set_language(before)


def test_a_correction_needs_a_reason_and_an_empty_choice_changes_nothing(at):
    with pytest.raises(UserError):
        accept(at, file_of(at, (number(at, 13), "town")), why=" ")
    places, who = at.city.resource("places"), principal(at, "ga.officer")
    assert acceptance.accept(at, places, acceptance.Chosen(proposals=()), who, WHY).rows == 0


def test_standard_values_are_accepted_where_the_raw_column_can_hold_them(at):
    (wrong,) = {row for row, item in proposed(at, phase="after") if item == "secret"}
    assert wrong == number(at, 13)
    places, who = at.city.resource("places"), principal(at, "ga.officer")
    kept = acceptance.by_confidence(at, places, Asked(phase="after"), who)
    assert (len(kept.proposals), kept.lost) == (4, 0)
    turned = defined(steps=(StepUse(step="expression", options={"text": "value || '!'"}),))
    define(at, turned)
    lost = acceptance.by_confidence(at, turned, Asked(phase="after", items=("town",)), who)
    assert (len(lost.proposals), lost.lost) == (0, 3)
    one = next(p for p in kept.proposals if p.item == "town")
    line = Line(number=1, batch=one.batch, row=one.row, item="town", old=one.old or "", value=one.value or "")
    with pytest.raises(DataError) as refused:
        acceptance.from_lines(at, turned, [line], "after", who)
    assert refused.value.details["count"] == 1
    define(at, defined())
    chosen = acceptance.from_lines(at, defined(), [line], "after", who)
    acceptance.accept(at, defined(), chosen, who, WHY)
    assert {p.row for p in proposed(at, phase="after").values()} & {one.row} == set()


def test_no_look_at_rows_shows_what_is_closed_to_another_department(at):
    places = at.city.resource("places")
    batch, row = next((p.batch, p.row) for p in proposed(at).values() if p.item == "secret")
    for actor, secret in (("ga.officer", "opem"), ("dsj.steward", "***"), ("dsj.analyst", "***")):
        cells = {c.item: c for c in standard_rows.explain_row(at, places, batch, row, actor=actor).cells}
        assert (cells["secret"].raw, cells["secret"].result, cells["town"].raw) == (secret, secret, "Chengdv")
        assert {s.result for s in cells["secret"].steps} <= {secret}
        (held,) = standard_rows.history_of(at, places, ["13"], at=None, actor=actor)
        assert (held["secret"], held["town"]) == (secret, "Chengdv")
        shown = show_batch(at, batch, actor=actor, limit=20)
        assert {r["secret"] for r in shown.rows} == ({"***"} if secret == "***" else {"open", "opem"})
        assert "Chengdv" in {r["city"] for r in shown.rows}
