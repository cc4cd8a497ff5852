"""数据汇聚: resources whose newest batch is in the lake whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.score import Share
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Of a department's resources, those whose newest batch was reconciled with its source."""

    name: ClassVar[str] = "collected"
    title: ClassVar[Title] = Title("数据汇聚率", "Resources collected")
    standard: ClassVar[str] = "own"
    cases: ClassVar = (
        ("the newest batches of 1 of 2 resources are reconciled", 0.5),
        ("a resource without batch counts as not collected", 0.0),
        ("a department without resources", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Resources reconciled of resources declared; records are the batches."""
        own = records.resources(department)
        newest = [records.batches[r.name][-1] for r in own if r.name in records.batches]
        good = [batch for batch in newest if batch.state == "reconciled"]
        return Share(
            part=len(good),
            whole=len(own),
            records=tuple(batch.id for batch in good),
            counts={"resources": len(own), "reconciled": len(good)},
        )
