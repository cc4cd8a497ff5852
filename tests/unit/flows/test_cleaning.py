"""Cleaning rules from definition to acting, and corrections of rows that they set apart, over a workspace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.flows.intake_town import GOOD, ID, OWNER, POLICE, city_with, make_tables, push

from cityloom.engines.base import sql
from cityloom.flows import chain, cleaning, row_corrections, standard_rows
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import ConfigError, DeniedError, UserError
from cityloom.model.cleaning import CleaningMatrix, CleaningRule
from cityloom.model.principal import Principal
from cityloom.model.standard import StepUse
from cityloom.protect.keys import load_or_make_keys
from cityloom.standard.rows import key_of
from cityloom.store import gates
from cityloom.store.corrections import list_corrections
from cityloom.store.database import Store

SEX = {"sex": (StepUse(step="expression", options={"text": "CASE WHEN number(substr(a, 17, 1)) % 2 = 1 THEN '1' ELSE '2' END"}, inputs=("citizen_id",)),)}
RULES = (
    CleaningRule(name="no_phone", rule="missing", columns=("phone",), importance="low", severity="high"),
    CleaningRule(name="sex", rule="missing", columns=("sex",), importance="high", severity="medium", correct=SEX),
    CleaningRule(name="no_name", rule="missing", columns=("name",), severity="low"),
)
ROWS = [
    GOOD,
    {**GOOD, "ffdh": "AAAA2", "lxdh": None},
    {**GOOD, "ffdh": "AAAA3", "xb": None},
    {**GOOD, "ffdh": "AAAA4", "xm": None},
]


class Cleaned(Workspace):
    """A workspace whose definitions are given."""

    rules: tuple[CleaningRule, ...] = RULES
    matrices: tuple[CleaningMatrix, ...] = ()

    @property
    def city(self):
        made = city_with(())
        welfare = replace(made.resources["welfare"], cleaning=self.rules)
        return replace(made, resources={**made.resources, "welfare": welfare}, cleaning_matrices={m.name: m for m in self.matrices})

    def forget_city(self) -> None:
        """It is read at every look."""


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    settings = Settings(workspace=tmp_path, busy_seconds=0)
    made = Cleaned(settings, tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    push(made, ROWS)
    with store.write() as connection:
        gates.put_gate(connection, gates.GateState(resource="welfare", is_open=True, missing={}, checked_at="2026-01-05"))
    yield made
    store.close()


def agree(at, *names):
    for name in names:
        cleaning.propose(at, "welfare", name, actor="mz.owner")
        cleaning.review(at, "welfare", name, "business", "approve", actor="mz.owner")
        cleaning.review(at, "welfare", name, "technical", "approve", actor="dsj.steward")


def standardise(at):
    (run,) = chain.standardise(at, Runner(at), ["welfare"])
    assert run.state == "done", run.error_text
    return run.result


def rows(at):
    found = at.lake.engine.records(sql("SELECT * FROM :t WHERE _current ORDER BY payment_no", t=at.lake.relation("std_mz__welfare")))
    return {r["payment_no"]: (r["phone"], r["sex"], r["_flags"]) for r in found}


def test_rules_act_once_both_sides_agreed_and_every_row_is_accounted_for(at):
    assert standardise(at).rejected == 0
    cleaning.propose(at, "welfare", "no_phone", actor="mz.owner")
    cleaning.review(at, "welfare", "no_phone", "technical", "approve", actor="dsj.steward")
    assert standardise(at).rejected == 0
    agree(at, *(rule.name for rule in RULES[1:]))
    cleaning.review(at, "welfare", "no_phone", "business", "approve", actor="mz.owner")
    result = standardise(at)
    assert (result.read, result.written, result.rejected) == (4, 3, 1)
    assert rows(at) == {
        "AAAA1": ("13800138000", "2", None),
        "AAAA3": ("13800138000", "2", "complete:sex@1"),
        "AAAA4": ("13800138000", "2", "tolerate:no_name@1"),
    }


def test_who_may_not_decide_is_refused_and_a_return_needs_words(at):
    cleaning.propose(at, "welfare", "no_phone", actor="mz.owner")
    with pytest.raises(DeniedError):
        cleaning.review(at, "welfare", "no_phone", "business", "approve", actor="ga.owner")
    with pytest.raises(DeniedError):
        cleaning.review(at, "welfare", "no_phone", "technical", "approve", actor="mz.owner")
    with pytest.raises(UserError) as error:
        cleaning.review(at, "welfare", "no_phone", "technical", "return", actor="dsj.steward")
    assert error.value.code == "flows.cleaning.words"
    returned = cleaning.review(at, "welfare", "no_phone", "technical", "return", actor="dsj.steward", words="too strict")
    assert returned.state == "returned"
    assert cleaning.propose(at, "welfare", "no_phone", actor="mz.owner").version == 2


def test_a_changed_rule_waits_while_the_agreed_version_goes_on(at):
    agree(at, "no_phone")
    at.rules = (replace(RULES[0], when="name IS NULL"),)
    standing = cleaning.standings(at, ["welfare"])[0]
    assert (standing.state, standing.acting.mark) == ("draft", "no_phone@1")
    assert standardise(at).rejected == 1
    agree(at, "no_phone")
    assert cleaning.standings(at, ["welfare"])[0].acting.mark == "no_phone@2"
    assert standardise(at).rejected == 0


def test_the_kind_follows_from_the_matrix_or_is_chosen_outright(at):
    matrix = CleaningMatrix(name="mz", cells={"low": {"high": "tolerate"}})
    assert [rule.chosen(None) for rule in RULES] == ["filter", "complete", "tolerate"]
    assert [rule.chosen(matrix) for rule in RULES] == ["tolerate", "complete", "tolerate"]
    assert replace(RULES[1], correct={}).chosen(None) == "tolerate"
    assert replace(RULES[0], kind="tolerate").chosen(None) == "tolerate"
    at.matrices = (matrix,)
    assert cleaning.standings(at, ["welfare"])[0].kind == "tolerate"


def test_a_rule_that_cannot_be_compiled_is_refused_before_anyone_reviews_it(at):
    at.rules = (CleaningRule(name="bad", rule="length", columns=("name",), options={"nonsense": 1}),)
    with pytest.raises(ConfigError):
        cleaning.propose(at, "welfare", "bad", actor="mz.owner")


def test_a_row_set_apart_is_corrected_from_a_file_and_enters(at):
    agree(at, "no_phone")
    standardise(at)
    welfare = at.city.resource("welfare")
    text = row_corrections.hand_out(at, welfare, OWNER)
    assert text.count("no_phone@1") == 1
    changes = row_corrections.read_changes(at, welfare, text.replace("AAAA2,", "AAAA2,").replace(",,2026", ",13900139000,2026"))
    assert [dict(c.values) for c in changes] == [{"lxdh": "13900139000"}]
    done = row_corrections.correct(at, welfare, OWNER, changes, "asked the office")
    assert (done.rows, done.cells) == (1, 1)
    assert rows(at)["AAAA2"][0] == "13900139000"
    assert row_corrections.hand_out(at, welfare, OWNER).count("AAAA2") == 0
    with at.store.read() as connection:
        (one,) = list_corrections(connection, "welfare")
    assert (one.account, one.why, one.columns) == ("mz.owner", "asked the office", ("lxdh",))
    told = standard_rows.explain_row(at, welfare, one.by_batch, one.by_row, actor="mz.owner")
    assert told.correction == one


def test_rows_set_apart_are_handed_to_the_authority_without_sensitive_values(at):
    agree(at, "no_phone")
    standardise(at)
    welfare = at.city.resource("welfare")
    steward = Principal(account="dsj.steward", department="dsj", roles=("steward",))
    own, foreign = (row_corrections.hand_out(at, welfare, who) for who in (OWNER, steward))
    assert ID in own
    assert ID not in foreign
    assert "张三" not in foreign
    assert row_corrections.read_changes(at, welfare, foreign) == []
    (change,) = row_corrections.read_changes(at, welfare, foreign.replace("2026-01-05", "2026-01-06", 1))
    assert dict(change.values) == {"ffrq": "2026-01-06"}


def test_a_corrected_key_leaves_the_wrong_one_and_history_tells_both(at, clock):
    standardise(at)
    welfare = at.city.resource("welfare")
    (place,) = at.lake.engine.rows(sql("SELECT _batch, _row FROM :t WHERE payment_no = 'AAAA1'", t=at.lake.relation("std_mz__welfare")))
    clock.at = clock.at.replace(day=7)
    change = row_corrections.Change(batch=place[0], row=place[1], values={"ffdh": "AAAA9"})
    row_corrections.correct(at, welfare, OWNER, [change], "a slip of the pen")
    assert {"AAAA1", "AAAA9"} & set(rows(at)) == {"AAAA9"}
    (old,) = standard_rows.history_of(at, welfare, ["AAAA1"], at=None, actor="mz.owner")
    assert (old["_from"][:10], old["_to"][:10]) == ("2026-01-05", "2026-01-07")
    assert len(standard_rows.history_of(at, welfare, ["AAAA1"], at="2026-01-06", actor="mz.owner")) == 1
    assert standard_rows.history_of(at, welfare, ["AAAA1"], at="2026-01-08", actor="mz.owner") == []


def test_corrections_and_looks_are_refused_to_others(at):
    standardise(at)
    welfare = at.city.resource("welfare")
    change = row_corrections.Change(batch="b", row=1, values={"xm": "x"})
    with pytest.raises(DeniedError):
        row_corrections.correct(at, welfare, POLICE, [change], "why")
    with pytest.raises(UserError):
        row_corrections.correct(at, welfare, OWNER, [change], " ")
    with pytest.raises(UserError) as unknown:
        row_corrections.correct(at, welfare, OWNER, [change], "why")
    assert unknown.value.code == "flows.correction.unknown"
    with pytest.raises(DeniedError):
        standard_rows.history_of(at, welfare, ["AAAA1"], at=None, actor="ga.owner")
    assert key_of(["a"]) == "a"
