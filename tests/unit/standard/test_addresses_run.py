"""Address steps in the standard layer: engine and meaning agree, and several items cost one parse."""

from __future__ import annotations

import pyarrow as pa

from cityloom.engines.base import sql
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import StepUse
from cityloom.model.text import Title
from cityloom.standard.explain import explain
from cityloom.standard.reference import standardise
from cityloom.standard.run import run

T = Title("甲", "a")
TEXTS = [
    "广东深圳南山区 甲乙路１号", "绍兴县柯桥街道甲乙路9号3幢2单元401室", "朝阳区甲乙路1号", "宁波市温州市甲乙路", None, "", "甲乙路",
    "广东深圳南山区 甲乙路１号",
]  # fmt: skip


def item(name: str, *steps: StepUse) -> Item:
    return Item(name=name, column="地址", title=T, steps=steps)


PLACES = Resource(
    name="places", department="zj", title=T, abstract=T, category="a", collect=CollectionTask(source="files"),
    items=(
        item("raw"),
        item("standard", StepUse(step="clean_text"), StepUse(step="address_standard")),
        item("division", StepUse(step="address_division", options={"within": "44"})),
        item("detail", StepUse(step="address_detail")),
        item("again", StepUse(step="address_standard"), StepUse(step="address_part", options={"part": "county"})),
    ),
)  # fmt: skip


def test_engine_and_meaning_agree(lake: Lake, clock: FixedClock) -> None:
    rows = [{"地址": text, "_batch": "b_1", "_row": n} for n, text in enumerate(TEXTS, start=1)]
    table = pa.Table.from_pylist(rows, pa.schema([("地址", pa.string()), ("_batch", pa.string()), ("_row", pa.int64())]))
    lake.append("raw_zj__places", table.to_batches(), part="b_1", schema=table.schema)
    run(PLACES, elements={}, codes={}, lake=lake, clock=clock)
    found = lake.engine.records(sql("SELECT * FROM :t ORDER BY _row", t=lake.relation("std_zj__places")))
    names = [one.name for one in PLACES.items]
    expected = standardise(PLACES, {}, {}, rows).rows
    assert [[row[name] for name in names] for row in found] == [[row[name] for name in names] for row in expected]
    assert [row["division"] for row in found][:4] == ["440305", "330603", None, "330000"]
    assert found[1]["again"] == "柯桥区"
    assert lake.count("std_zj__places__address_44") == 6


def test_a_cell_is_explained_step_by_step(lake: Lake) -> None:
    table = pa.table({"地址": [TEXTS[1]], "_batch": ["b_1"], "_row": [1]})
    lake.append("raw_zj__places", table.to_batches(), part="b_1", schema=table.schema)
    cells = {cell.item: cell for cell in explain(PLACES, "b_1", 1, elements={}, codes={}, lake=lake)}
    assert [step.step for step in cells["again"].steps] == ["address_standard", "address_part"]
    assert cells["standard"].result == "浙江省绍兴市柯桥区柯桥街道甲乙路9号3幢2单元401室"
