"""Programs are asked once a distinct text, and their answers are looked up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from cityloom.engines.base import sql
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.lookups import in_folder, in_lake, table_of
from cityloom.standard.plan import ItemPlan, Mapped

T = Title("甲", "a")
PLACES = Resource(
    name="places", department="ga", title=T, abstract=T, category="a", collect=CollectionTask(source="files"),
    items=(Item(name="a", column="地", title=T), Item(name="b", column="地", title=T)),
)  # fmt: skip


@dataclass
class Ends:
    """Tells the first and the last letter of a text, and counts how often it was asked."""

    version: str = "1"
    name: str = "ends"
    outputs: tuple[str, ...] = ("first", "last")
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, text: str) -> tuple[str | None, ...]:
        self.asked[text] += 1
        return (text[0], text[-1]) if text else (None, None)


@dataclass(frozen=True, kw_only=True)
class End:
    name: ClassVar[str] = "end"
    title: ClassVar[Title] = T
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = ()
    program: Ends
    output: str

    def value(self, x: str | None) -> str | None:
        return None if x is None else self.program.answer(x)[self.program.outputs.index(self.output)]


def land(lake: Lake, texts: list[str | None], batch: str = "b_1", replaces: tuple[str, ...] = ()) -> None:
    rows = pa.table({
        "地": pa.array(texts, pa.string()), "_batch": [batch] * len(texts), "_row": list(range(1, len(texts) + 1)),
    })  # fmt: skip
    lake.append("raw_ga__places", rows.to_batches(), part=batch, schema=rows.schema, replaces=replaces)


def plans(program: Ends, *steps: tuple[str, str]) -> tuple[ItemPlan, ...]:
    return tuple(
        ItemPlan(item=item, column="地", steps=tuple(End(program=program, output=o) for o in outputs.split()))
        for item, outputs in steps
    )


def standardised(lake: Lake, steps: tuple[ItemPlan, ...]) -> list[tuple[Any, ...]]:
    def mapped(lookups: Any = None) -> Mapped:
        return Mapped(lake.relation("raw_ga__places"), {"地": "VARCHAR", "_row": "BIGINT"}, steps, lookups)

    last = mapped(in_lake(PLACES, steps, lake, mapped))
    outputs = {"n": sql("_row"), **{one.item: last.item(one.item) for one in steps}}
    return sorted(lake.engine.rows(last.layers.query(outputs)))


def test_a_text_is_asked_once_for_all_rows_items_and_runs(lake: Lake) -> None:
    program = Ends()
    land(lake, ["甲乙", "丙丁", "甲乙", None, ""])
    steps = plans(program, ("a", "first"), ("b", "last"))
    expected = [(1, "甲", "乙"), (2, "丙", "丁"), (3, "甲", "乙"), (4, None, None), (5, None, None)]
    assert standardised(lake, steps) == expected
    assert standardised(lake, steps) == expected
    assert program.asked == {"甲乙": 1, "丙丁": 1, "": 1}
    land(lake, ["戊己"], "b_2")
    assert standardised(lake, steps)[-1] == (5, None, None)
    assert program.asked["戊己"] == 1 and program.asked["甲乙"] == 1


def test_what_no_row_holds_is_forgotten(lake: Lake) -> None:
    program = Ends()
    land(lake, ["甲乙", "丙丁"])
    steps = plans(program, ("a", "first"))
    standardised(lake, steps)
    land(lake, ["丙丁"], "b_2", replaces=("b_1",))
    standardised(lake, steps)
    known = lake.engine.rows(sql("SELECT _given, first, last FROM :t", t=lake.relation(table_of(PLACES, program))))
    assert known == [("丙丁", "丙", "丁")]
    assert program.asked == {"甲乙": 1, "丙丁": 1}


def test_another_version_asks_again(lake: Lake) -> None:
    land(lake, ["甲乙"])
    standardised(lake, plans(Ends(), ("a", "first")))
    newer = Ends(version="2")
    assert standardised(lake, plans(newer, ("a", "last"))) == [(1, "乙")]
    assert newer.asked == {"甲乙": 1}
    assert lake.count(table_of(PLACES, newer)) == 1


def test_a_program_behind_another_is_given_its_answers(lake: Lake) -> None:
    program = Ends()
    land(lake, ["甲乙", None])
    assert standardised(lake, plans(program, ("a", "last first"), ("b", "first"))) == [(1, "乙", "甲"), (2, None, None)]


@pytest.mark.parametrize("texts", [[], [None]])
def test_nothing_to_ask(lake: Lake, texts: list[str | None]) -> None:
    land(lake, texts)
    assert standardised(lake, plans(Ends(), ("a", "first"))) == [(n + 1, None) for n in range(len(texts))]


def test_rows_that_are_in_no_lake(lake: Lake) -> None:
    program = Ends()
    steps = plans(program, ("a", "first"))
    rows = pa.table({"地": ["甲乙", "丙丁"]})
    with (
        lake.engine.bound(rows) as relation,
        in_folder(steps, lake.engine, lambda known: Mapped(relation, {"地": "VARCHAR"}, steps, known)) as lookups,
    ):
        mapped = Mapped(relation, {"地": "VARCHAR"}, steps, lookups)
        assert sorted(lake.engine.rows(mapped.layers.query({"a": mapped.item("a")}))) == [("丙",), ("甲",)]
