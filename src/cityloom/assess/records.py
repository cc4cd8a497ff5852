"""What measures look at: definitions, control store and lake, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import sqlalchemy as sa

from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.city import City
from cityloom.model.resource import Resource
from cityloom.model.score import Share
from cityloom.model.text import Title
from cityloom.store.batches import list_batches


@dataclass(frozen=True)
class Records:
    """The platform's records at the moment ``now`` (UTC, ISO), inside one read transaction."""

    city: City
    connection: sa.Connection
    lake: Lake
    now: str

    def resources(self, department: str) -> list[Resource]:
        """A department's resources, by name."""
        own = [r for r in self.city.resources.values() if r.department == department]
        return sorted(own, key=lambda r: r.name)

    @cached_property
    def batches(self) -> dict[str, list[Batch]]:
        """Batches that count (those not superseded) by resource, oldest first."""
        found: dict[str, list[Batch]] = {}
        for batch in list_batches(self.connection):
            if batch.state not in ("superseded", "running"):
                found.setdefault(batch.resource, []).append(batch)
        return found


class Measure(Protocol):
    """A measure: a frozen class with a name, a title and one verb."""

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    cases: ClassVar[tuple[Any, ...]]

    def count(self, department: str, records: Records) -> Share:
        """The share that is as it should be; a whole of 0 where the measure does not apply."""
        ...
