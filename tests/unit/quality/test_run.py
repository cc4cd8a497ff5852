"""Assessing a resource: counts, scores, broken rows, before and after standardising."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from cityloom.engines.base import sql
from cityloom.engines.terms import plain
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError, UserError
from cityloom.lake.tables import Lake
from cityloom.model.cleaning import CleaningRule
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import Code, CodeTable, Element, RuleUse
from cityloom.model.text import Title
from cityloom.quality.broken import positions
from cityloom.quality.plan import broken_term, cleaning_rule, plan
from cityloom.quality.run import assess, run
from cityloom.store import quality
from cityloom.store.database import Store, metadata

T = Title("甲", "a")
CODES = {
    "sex": CodeTable(
        name="sex", title=T, standard="GB/T 2261.1",
        codes=tuple(Code(code=c, title=Title(c, c)) for c in "0129"),
    )
}  # fmt: skip


def element(name: str, *rules: RuleUse) -> Element:
    return Element(
        name=name, identifier=name, title=T, definition=T, representation="an18", standard="own", rules=rules
    )


ELEMENTS = {
    "citizen_id": element(
        "citizen_id",
        RuleUse(rule="coding_rule", dimension="accuracy", options={"kind": "citizen_id"}, weight=3),
    ),
    "sex": element("sex", RuleUse(rule="code", dimension="conformity", options={"codes": "sex"})),
}
GOOD = "11010519491231002X"


def resource(**changes: Any) -> Resource:
    fields: dict[str, Any] = {
        "name": "hukou", "department": "ga", "title": T, "abstract": T, "category": "人口",
        "items": (
            Item(name="citizen_id", column="号码", title=T, element="citizen_id", required=True),
            Item(name="sex", column="性别", title=T, element="sex"),
        ),
        "rules": (
            RuleUse(rule="duplicate", dimension="accuracy", columns=("citizen_id",), severity="high"),
            RuleUse(rule="consistent", dimension="consistency", columns=("citizen_id", "sex"), options={"kind": "sex"}),
        ),
        "collect": CollectionTask(source="files"),
    }  # fmt: skip
    return Resource(**{**fields, **changes})


RAW = [(GOOD, "2"), (GOOD, "男"), ("110105194912310021", "1"), ("", "女"), (None, None)]


def write(lake: Lake, table: str, columns: dict[str, Any]) -> None:
    rows = pa.table(columns)
    lake.append(table, rows.to_batches(), part="b_1", schema=rows.schema)


@pytest.fixture
def landed(lake: Lake) -> Lake:
    place = {"_batch": ["b_1"] * len(RAW), "_row": pa.array(range(1, len(RAW) + 1), pa.int64())}
    raw = {name: pa.array([row[i] for row in RAW], pa.string()) for i, name in enumerate(("号码", "性别"))}
    write(lake, "raw_ga__hukou", {**raw, **place})
    better = [(GOOD, "2", True), (GOOD, "1", False), ("110105194912310021", "1", True), (None, "2", True), (None, None, True)]
    std = {
        "citizen_id": pa.array([r[0] for r in better], pa.string()),
        "sex": pa.array([r[1] for r in better], pa.string()),
        "_current": [r[2] for r in better],
    }
    write(lake, "std_ga__hukou", {**std, **place})
    return lake


@pytest.fixture
def control(tmp_path: Path) -> Any:
    store = Store(f"sqlite:///{tmp_path / 'quality.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    yield store
    store.close()


def counts(lake: Lake, clock: FixedClock, phase: str, **changes: Any) -> dict[str, tuple[int, int]]:
    found = assess(resource(**changes), phase=phase, elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    return {r.rule: (r.checked, r.broken) for r in found.results}


def test_raw_rows_are_judged_as_they_came(landed: Lake, clock: FixedClock) -> None:
    assert counts(landed, clock, "before") == {
        "citizen_id.missing": (5, 2),
        "citizen_id.coding_rule": (3, 1),
        "sex.code": (4, 2),
        "citizen_id.duplicate": (4, 1),
        "citizen_id+sex.consistent": (3, 1 + 1),
    }


def test_only_current_standard_rows_are_judged(landed: Lake, clock: FixedClock) -> None:
    assert counts(landed, clock, "after") == {
        "citizen_id.missing": (4, 2),
        "citizen_id.coding_rule": (2, 1),
        "sex.code": (3, 0),
        "citizen_id.duplicate": (2, 0),
        "citizen_id+sex.consistent": (2, 1),
    }


def test_a_rule_counts_only_when_both_reviewers_approved_it(landed: Lake, clock: FixedClock) -> None:
    rule = RuleUse(rule="length", dimension="accuracy", columns=("sex",), approved_by=("business",))
    assert "sex.length" not in counts(landed, clock, "before", rules=(rule,))


def test_a_missing_column_is_all_missing(landed: Lake, clock: FixedClock) -> None:
    items = (Item(name="phone", column="电话", title=T, required=True),)
    assert counts(landed, clock, "before", items=items, rules=()) == {"phone.missing": (5, 5)}


def test_a_resource_without_rules_has_nothing_against_it(landed: Lake, clock: FixedClock) -> None:
    items = (Item(name="sex", column="性别", title=T),)
    found = assess(resource(items=items, rules=()), phase="before", elements={}, codes={}, lake=landed, clock=clock)
    assert (found.rows, found.results, found.total.score) == (5, (), 1.0)


def test_results_are_kept_once_a_version(landed: Lake, control: Store, clock: FixedClock) -> None:
    for _ in range(2):
        result = run(
            resource(), phase="before", elements=ELEMENTS, codes=CODES, lake=landed, store=control, clock=clock
        )
    assert (result.read, result.written, result.rejected) == (5, 5, 0)
    assert result.summary["broken"]["sex.code"] == 2
    with control.read() as connection:
        kept = quality.list_assessments(connection, "hukou")
        assert quality.is_assessed(connection, "hukou")
        assert not quality.is_assessed(connection, "firm")
        assert quality.find_assessment(connection, "hukou", "after") is None
        assert quality.latest_assessments(connection, "before") == kept
        assert connection.execute(sa.select(sa.func.count()).select_from(quality.result_table)).scalar() == 5
    assert kept == [
        assess(resource(), phase="before", elements=ELEMENTS, codes=CODES, lake=landed, clock=clock)
    ]


def test_broken_rows_are_the_ones_counted(landed: Lake, store: Store, clock: FixedClock) -> None:
    for phase in ("before", "after"):
        run(resource(), phase=phase, elements=ELEMENTS, codes=CODES, lake=landed, store=store, clock=clock)
        for name, (_, broken) in counts(landed, clock, phase).items():
            assert len(positions(landed, resource(), phase, name)) == broken
    assert positions(landed, resource(), "before", "sex.code") == [("b_1", 2), ("b_1", 4)]


def test_an_unknown_column_or_phase_is_named(landed: Lake, clock: FixedClock) -> None:
    with pytest.raises(ConfigError) as wrong:
        counts(landed, clock, "before", rules=(RuleUse(rule="missing", dimension="completeness", columns=("x",)),))
    assert wrong.value.code == "quality.column.unknown"
    with pytest.raises(UserError) as phase:
        counts(landed, clock, "during")
    assert phase.value.code == "quality.phase.unknown"


def test_rules_of_one_name_are_told_apart() -> None:
    twice = (RuleUse(rule="length", dimension="accuracy", columns=("sex",)),) * 2
    names = [p.name for p in plan(resource(rules=twice), elements=ELEMENTS, codes=CODES, today="2026-01-05")]
    assert names[-2:] == ["sex.length", "sex.length_2"]


def test_a_cleaning_rule_finds_its_rows_by_a_rule_on_rows(landed: Lake) -> None:
    rule = CleaningRule(name="no_id", rule="missing", columns=("citizen_id",))
    term = broken_term(cleaning_rule(rule, resource(), codes=CODES, today="2026-01-05"))
    query = sql("SELECT count(*) FROM :t WHERE :term", t=landed.relation("std_ga__hukou"), term=plain(term))
    assert landed.engine.rows(query) == [(2,)]
    twice = CleaningRule(name="twice", rule="duplicate", columns=("sex",))
    with pytest.raises(ConfigError) as error:
        cleaning_rule(twice, resource(), codes=CODES, today="2026-01-05")
    assert error.value.code == "quality.cleaning.table"
