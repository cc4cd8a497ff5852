"""一致率: values that stood in the fused record, or at least did not lose against another department's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.assess.records import Records
from cityloom.engines.base import sql
from cityloom.model.fusion import Contribution, ObjectType
from cityloom.model.score import Share
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of the values that a department says about people and firms, those that no other department's overruled.

    A value is one attribute of one object; several rows of a department about one object count once.
    """

    name: ClassVar[str] = "agreement"
    title: ClassVar[Title] = Title("数据一致率", "Values that agree")
    standard: ClassVar[str] = "GB/T 36344-2018"
    cases: ClassVar = (
        ("1 of 4 values lost against another department", 0.75),
        ("every value lost", 0.0),
        ("a department that contributes to no fused record", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Values not lost of values said; counts name the attributes that lost."""
        said = 0
        lost: dict[str, int] = {}
        for one in records.city.object_types.values():
            table = f"{one.golden_table}__conflict"
            if records.lake.exists(table):
                said += sum(_values(c, one, department, records) for c in one.contributions)
                lost |= _lost(table, one, department, records)
        gone = sum(lost.values())
        return Share(
            part=max(0, said - gone),
            whole=said,
            records=tuple(lost),
            counts={"values": said, "lost": gone, **lost},
        )


def _lost(table: str, one: ObjectType, department: str, records: Records) -> dict[str, int]:
    query = sql(
        "SELECT attribute, count(*) FROM :t AS t WHERE other = :d GROUP BY 1 ORDER BY 1",
        t=records.lake.relation(table),
        d=department,
    )
    return {f"{one.name}.{attribute}": int(n) for attribute, n in records.lake.engine.rows(query)}


def _values(contribution: Contribution, one: ObjectType, department: str, records: Records) -> int:
    """Attributes that a contribution fills, over all its objects, in one scan."""
    resource = records.city.resources.get(contribution.resource)
    if resource is None or resource.department != department or not records.lake.exists(resource.std_table):
        return 0
    known = {a.name for a in one.attributes}
    items = [i for name, i in contribution.attributes.items() if name in known and not i.startswith("=")]
    if not items:
        return 0
    filled = [sql("bool_or(coalesce(:c <> '', false))", c=exp.column(item, quoted=True)) for item in items]
    key = exp.column(contribution.key, quoted=True)
    objects = exp.select(*(exp.alias_(f, f"f{n}") for n, f in enumerate(filled)))
    objects = objects.from_(records.lake.relation(resource.std_table)).where(key.neq(exp.Literal.string(""))).group_by(key)
    for item, values in contribution.where.items():
        allowed = [exp.Literal.string(value) for value in values]
        objects = objects.where(exp.In(this=exp.column(item, quoted=True), expressions=allowed))
    sums = " + ".join(f"count(*) FILTER (f{n})" for n in range(len(items)))
    query = sql(f"SELECT {sums} FROM :o", o=exp.Subquery(this=objects, alias=exp.TableAlias(this=exp.to_identifier("o"))))
    return int(records.lake.engine.rows(query)[0][0])
