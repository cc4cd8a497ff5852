"""共享度: resources that other departments may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.score import Share
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Of a department's resources, those shared unconditionally or under conditions."""

    name: ClassVar[str] = "shared"
    title: ClassVar[Title] = Title("数据共享度", "Resources shared")
    standard: ClassVar[str] = "Interim measures for sharing government information resources (2016)"
    cases: ClassVar = (
        ("1 of 2 resources is shared under conditions", 0.5),
        ("a resource that says nothing about sharing does not count", 0.0),
        ("a department without resources", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Resources shared of resources declared; records are those not shared."""
        own = records.resources(department)
        kept = [r.name for r in own if r.sharing is None or r.sharing.attribute == "none"]
        return Share(
            part=len(own) - len(kept),
            whole=len(own),
            records=tuple(kept),
            counts={"resources": len(own), "not_shared": len(kept)},
        )
