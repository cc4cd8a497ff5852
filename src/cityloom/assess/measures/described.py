"""落标率: items that hang on a data element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.score import Share
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Described:
    """Of the items of a department's resources, those with a data element."""

    name: ClassVar[str] = "described"
    title: ClassVar[Title] = Title("数据落标率", "Items with a data element")
    standard: ClassVar[str] = "GB/T 36073"
    cases: ClassVar = (
        ("3 of 4 items have an element", 0.75),
        ("an element that is not defined does not count", 0.0),
        ("a department without resources", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Items with an element of all items; records are the items without."""
        items = [(r.name, item) for r in records.resources(department) for item in r.items]
        bare = [f"{name}.{item.name}" for name, item in items if item.element not in records.city.elements]
        return Share(
            part=len(items) - len(bare),
            whole=len(items),
            records=tuple(bare),
            counts={"items": len(items), "without_element": len(bare)},
        )
