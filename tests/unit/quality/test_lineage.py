"""Where broken rows first appear, followed from the source over the steps into fused records."""

from __future__ import annotations

import pyarrow as pa
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.lake.tables import Lake
from cityloom.model.fusion import Attribute, Contribution, ObjectType
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.quality.cause.lineage import Chain, trace

T = Title("甲", "a")
FIRM = Resource(
    name="firm", department="ga", title=T, abstract=T, category="x", items=(Item(name="phone", column="p", title=T),), collect=CollectionTask(source="files"),
)  # fmt: skip


def broken(lake: Lake, *rows: int) -> exp.Expression:
    listed = ", ".join(str(n) for n in rows)
    return exp.Subquery(this=sql(f"SELECT _batch, _row FROM :t WHERE _row IN ({listed})", t=lake.relation(FIRM.raw_table)), alias=exp.TableAlias(this=exp.to_identifier("x")))


def test_rows_are_followed_from_the_source_into_fused_records(lake: Lake) -> None:
    places = {"_batch": ["b1"] * 6, "_row": pa.array(range(6), pa.int64())}
    raw = pa.table({"p": ["1"] * 6, **places})
    lake.append(FIRM.raw_table, raw.to_batches(), part="b1", schema=raw.schema)
    std = pa.table({"phone": ["1"] * 6, **places, "_current": [True] * 4 + [False] * 2, "_steps": ["..", "x.", ".c", "c.", "..", ".."]})
    lake.append(FIRM.std_table, std.to_batches(), part="b1", schema=std.schema, notes={"steps": [["phone", "trim"], ["phone", "digits"]]})
    fused = pa.table({"id": ["1", "2", "3"], "tel__from": ["ga|firm|b1|1", "ga|firm|b1|0", None]})
    lake.append("base_firm", fused.to_batches(), part="b1", schema=fused.schema)
    kind = ObjectType(
        name="firm", title=T, key="id", coding_rule="credit_code", attributes=(Attribute(name="tel", title=T),),
        contributions=(Contribution(resource="firm", key="id", attributes={"tel": "phone"}),),
    )  # fmt: skip
    found = trace(
        Chain(
            resource=FIRM, columns=("phone",), connector="csv_files", rows=lake.relation(FIRM.raw_table),
            broken=broken(lake, 0, 3, 4, 5), broken_after=broken(lake, 1, 2, 3), batches=(), object_types={"firm": kind},
        ),
        lake,
    )  # fmt: skip
    assert (found.first, found.came, found.mended, found.made, found.left, found.aside) == ("source", 4, 1, 2, 3, 2)
    assert [(s.step, s.changed, s.lost, s.broken) for s in found.steps] == [("trim", 1, 1, 1), ("digits", 1, 0, 1)]
    assert found.reached == (("firm.tel", 1),)
