"""数据质量: the mean score of what a department delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.score import Share
from cityloom.model.text import Title
from cityloom.store.quality import latest_assessments


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The mean, over a department's assessed resources by their importance, of the newest total score of the rows as it
    delivered them."""

    name: ClassVar[str] = "quality"
    title: ClassVar[Title] = Title("数据质量得分", "Quality score")
    standard: ClassVar[str] = "GB/T 36344-2018"
    cases: ClassVar = (
        ("two resources with the scores 1.0 and 0.5", 0.75),
        ("one resource whose rows all break every rule", 0.0),
        ("no resource has been assessed as it was delivered", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Sum of scores of the number assessed; records are resource and version of the table assessed."""
        own = {r.name: r.importance for r in records.resources(department)}
        found = [a for a in latest_assessments(records.connection, "before") if a.resource in own]
        return Share(
            part=sum(a.total.score * own[a.resource] for a in found),
            whole=sum(own[a.resource] for a in found),
            records=tuple(f"{a.resource}@{a.version}" for a in found),
            counts={"resources": len(own), "assessed": len(found), **{a.resource: a.total.score for a in found}},
        )
