"""Standardising a resource: values conform, nothing is lost, every change is told."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from cityloom.engines.base import sql
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError, UserError
from cityloom.kernel.registry import plugins
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import Code, CodeTable, Element, StepUse
from cityloom.model.text import Title
from cityloom.standard import reference
from cityloom.standard.base import STEPS
from cityloom.standard.cleaning import Cleaning
from cityloom.standard.explain import explain
from cityloom.standard.plan import ItemPlan
from cityloom.standard.run import run

T = Title("甲", "a")


def element(name: str, *steps: StepUse) -> Element:
    return Element(
        name=name, identifier=name, title=T, definition=T, representation="a..30", standard="own",
        steps=(StepUse(step="clean_text"), *steps),
    )  # fmt: skip


ELEMENTS = {
    "citizen_id": element("citizen_id", StepUse(step="citizen_id")),
    "sex": element("sex", StepUse(step="map_code", options={"codes": "sex"})),
    "date": element("date", StepUse(step="parse_date")),
}
SEX = (
    Code(code="1", title=Title("男性", "Male"), variants=("男",)),
    Code(code="2", title=Title("女性", "Female"), variants=("女",)),
)
CODES = {"sex": CodeTable(name="sex", title=T, standard="GB/T 2261.1", codes=SEX)}


def resource(**changes: Any) -> Resource:
    items = (
        Item(name="citizen_id", column="证件.号码", title=T, element="citizen_id"),
        Item(name="sex", column="性别", title=T, element="sex"),
        Item(name="changed_date", column="变更日期", title=T, element="date"),
        Item(name="remark", column="备注", title=T),
    )
    fields: dict[str, Any] = {
        "name": "hukou", "department": "ga", "title": T, "abstract": T, "category": "人口", "items": items,
        "key": ("citizen_id",), "latest": "changed_date", "collect": CollectionTask(source="files"),
    }  # fmt: skip
    return Resource(**{**fields, **changes})


ROWS = [
    ("11010519491231002x", "男", "2024/1/3", "　Ａ"),
    ("110105491231002", "女性", "2024-01-31", None),
    ("11010519491231002X", "3", "2024年2月1日", "b"),
    ("不详", "1", "2024-02-30", "c"),
    (None, "2", "20240101", "c"),
]


def land(lake: Lake, rows: list[tuple[Any, ...]], batch: str = "b_1", at: str = "2026-01-01T00:00:00Z") -> None:
    names = ["证件.号码", "性别", "变更日期", "备注"]
    columns = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)}
    columns["_batch"] = pa.array([batch] * len(rows))
    columns["_row"] = pa.array(range(1, len(rows) + 1), pa.int64())
    columns["_at"] = pa.array([at] * len(rows))
    table = pa.table(columns)
    lake.append("raw_ga__hukou", table.to_batches(), part=batch, schema=table.schema)


def standard(lake: Lake) -> list[dict[str, Any]]:
    query = sql("SELECT * FROM :t ORDER BY _batch, _row", t=lake.relation("std_ga__hukou"))
    return lake.engine.records(query)


def raw(lake: Lake) -> list[dict[str, Any]]:
    return lake.engine.records(sql("SELECT * FROM :t", t=lake.relation("raw_ga__hukou")))


def test_values_conform(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    rows = [(r["citizen_id"], r["sex"], r["changed_date"], r["remark"]) for r in standard(lake)]
    assert rows == [
        ("11010519491231002X", "1", "2024-01-03", "　Ａ"),
        ("11010519491231002X", "2", "2024-01-31", None),
        ("11010519491231002X", None, "2024-02-01", "b"),
        (None, "1", None, "c"),
        (None, "2", "2024-01-01", "c"),
    ]


def test_the_newest_of_a_key_is_current_and_rows_without_key_are(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    result = run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert [r["_current"] for r in standard(lake)] == [False, False, True, True, True]
    assert result.summary["duplicates"] == 2


def test_of_equally_new_rows_the_later_collected_is_current(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS[:1], "b_2", "2026-01-01T00:00:00Z")
    land(lake, ROWS[:1], "b_1", "2026-01-02T00:00:00Z")
    run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert [(r["_batch"], r["_current"]) for r in standard(lake)] == [("b_1", True), ("b_2", False)]


def test_without_a_key_only_equal_rows_repeat(lake: Lake, clock: FixedClock) -> None:
    land(lake, [ROWS[0], ROWS[0], ROWS[4], ROWS[4], ROWS[3]])
    run(resource(key=()), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert [r["_current"] for r in standard(lake)] == [False, True, False, True, True]


def test_changes_are_counted_per_item_and_step(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    result = run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert (result.read, result.written, result.rejected) == (5, 5, 0)
    items = result.summary["items"]
    assert items["citizen_id"] == {
        "clean_text": {"changed": 0, "emptied": 1}, "citizen_id": {"changed": 2, "emptied": 0},
    }  # fmt: skip
    assert items["changed_date"]["parse_date"] == {"changed": 3, "emptied": 1}
    assert result.summary["unmapped"] == {"sex": 1}
    assert [r["_fixed"] for r in standard(lake)] == [3, 2, 2, 2, 1]
    assert result.summary["changed_cells"] == 10
    assert standard(lake)[0]["_steps"] == ".c.c.c"
    assert lake.history("std_ga__hukou")[0].notes["steps"][1] == ["citizen_id", "citizen_id"]


def cleaning(name: str, kind: str, condition: str, is_broken: Any, *, remainder: str = "tolerate", correct: Any = ()) -> Cleaning:
    return Cleaning(
        mark=f"{name}@1", kind=kind, remainder=remainder, condition=sql(condition), is_broken=is_broken, corrections=correct
    )


NO_SEX = ("sex IS NULL", lambda row: row["sex"] is None)


def test_rows_that_a_rule_filters_are_set_apart_and_count_for_nothing(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    rules = [cleaning("no_sex", "filter", *NO_SEX)]
    result = run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock, cleaning=rules)
    assert (result.read, result.written, result.rejected) == (5, 4, 1)
    assert [(r["_row"], r["_current"]) for r in standard(lake)] == [(1, False), (2, True), (4, True), (5, True)]
    apart = lake.engine.records(sql("SELECT * FROM :t", t=lake.relation("std_ga__hukou__set_apart")))
    assert [(r["_row"], r["_rule"], r["remark"], r["_replaced"]) for r in apart] == [(3, "no_sex@1", "b", False)]
    assert result.summary["cleaning"]["no_sex@1"] == {"kind": "filter", "complete": 0, "tolerate": 0, "filter": 1}
    assert lake.history("std_ga__hukou")[0].notes["cleaning"] == [["no_sex@1", "filter"]]
    again = run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert (again.written, again.rejected, lake.count("std_ga__hukou__set_apart")) == (5, 0, 0)


def test_rows_are_put_right_or_tolerated_and_flagged_with_the_rule(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    step = plugins(STEPS)["expression"](text="CASE WHEN a IS NOT NULL THEN '9' END")
    plan = ItemPlan(item="sex", column="", steps=(step,), inputs=(("remark",),))
    rules = [
        cleaning("sex", "complete", *NO_SEX, correct=(plan,)),
        cleaning("no_id", "tolerate", "citizen_id IS NULL", lambda row: row["citizen_id"] is None),
    ]
    result = run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock, cleaning=rules)
    assert (result.read, result.written, result.rejected) == (5, 5, 0)
    assert [(r["_row"], r["sex"], r["_flags"]) for r in standard(lake)] == [
        (1, "1", None), (2, "2", None), (3, "9", "complete:sex@1"), (4, "1", "tolerate:no_id@1"), (5, "2", "tolerate:no_id@1"),
    ]  # fmt: skip
    assert standard(lake)[2]["_steps"][-1] == "c"
    meant = reference.standardise(resource(), ELEMENTS, CODES, raw(lake), rules)
    assert sorted(meant.rows, key=lambda r: r["_row"]) == standard(lake)
    for row in standard(lake):
        cells = explain(resource(), row["_batch"], row["_row"], elements=ELEMENTS, codes=CODES, lake=lake, cleaning=rules)
        assert {c.item: c.result for c in cells} == {c.item: row[c.item] for c in cells}


def test_steps_look_at_items_and_at_columns_as_they_came(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    joined = (StepUse(step="join", options={"between": "|"}, inputs=("sex", "raw:\u6027\u522b")),)
    items = (*resource().items[:3], Item(name="remark", column="\u5907\u6ce8", title=T, steps=joined))
    run(resource(items=items), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert [r["remark"] for r in standard(lake)][:3] == ["\u3000\uff21|1|\u7537", "2|\u5973\u6027", "b|3"]
    cell = explain(resource(items=items), "b_1", 1, elements=ELEMENTS, codes=CODES, lake=lake)[3]
    assert cell.steps[0].inputs == (("sex", "1"), ("raw:\u6027\u522b", "\u7537"))
    assert cell.result == standard(lake)[0]["remark"]


def test_inputs_that_are_no_items_or_go_in_a_circle_are_refused(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    for inputs, code in ((("nobody",), "unknown"), (("remark",), "circle")):
        items = (*resource().items[:3], Item(name="remark", column="b", title=T, steps=(StepUse(step="fill", inputs=inputs),)))
        with pytest.raises(ConfigError) as error:
            run(resource(items=items), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
        assert error.value.code == f"standard.input.{code}"


def test_a_column_that_the_source_dropped_is_missing_and_told(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    items = (*resource().items, Item(name="phone", column="电话", title=T))
    result = run(resource(items=items), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert result.summary["missing_columns"] == ["phone"]
    assert {r["phone"] for r in standard(lake)} == {None}


def test_steps_of_the_item_replace_those_of_its_element(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    items = (Item(name="sex", column="性别", title=T, element="sex", steps=()),)
    run(
        resource(items=items, key=(), latest=None), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock
    )
    assert [r["sex"] for r in standard(lake)] == ["男", "女性", "3", "1", "2"]


def test_nothing_collected_in_a_batch_gives_an_empty_table(lake: Lake, clock: FixedClock) -> None:
    land(lake, [])
    result = run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    assert (result.read, result.written) == (0, 0)
    assert standard(lake) == []


def test_an_unknown_element_or_option_is_named(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    with pytest.raises(ConfigError) as unknown:
        run(resource(), elements={}, codes=CODES, lake=lake, clock=clock)
    assert unknown.value.code == "standard.element.unknown"
    wrong = {**ELEMENTS, "sex": element("sex", StepUse(step="map_code", options={"table": "sex"}))}
    with pytest.raises(ConfigError) as option:
        run(resource(), elements=wrong, codes=CODES, lake=lake, clock=clock)
    assert option.value.code == "kernel.plugin.options"
    assert option.value.details["known"] == "at, codes, own"


def test_every_cell_of_a_row_is_explained_as_the_table_has_it(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    run(resource(), elements=ELEMENTS, codes=CODES, lake=lake, clock=clock)
    for row in standard(lake):
        cells = explain(resource(), row["_batch"], row["_row"], elements=ELEMENTS, codes=CODES, lake=lake)
        assert {c.item: c.result for c in cells} == {c.item: row[c.item] for c in cells}
        assert sum(c.is_changed for c in cells) == row["_fixed"]
    first = explain(resource(), "b_1", 2, elements=ELEMENTS, codes=CODES, lake=lake)[0]
    assert first.raw == "110105491231002"
    assert [(s.step, s.is_changed) for s in first.steps] == [("clean_text", False), ("citizen_id", True)]


def test_a_row_that_is_not_there_cannot_be_explained(lake: Lake, clock: FixedClock) -> None:
    land(lake, ROWS)
    with pytest.raises(UserError) as error:
        explain(resource(), "b_1", 99, elements=ELEMENTS, codes=CODES, lake=lake)
    assert error.value.code == "standard.row.unknown"
