"""数据资源目录: resources that are published in the catalog and bound to real data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.catalog import EntryState
from cityloom.model.score import Share
from cityloom.model.text import Title
from cityloom.store.catalog import list_entries


@dataclass(frozen=True, kw_only=True)
class Catalogued:
    """Of a department's resources, those published and mounted."""

    name: ClassVar[str] = "catalogued"
    title: ClassVar[Title] = Title("目录挂接率", "Resources catalogued and mounted")
    standard: ClassVar[str] = "Guidelines for the catalogue of government information resources (2017)"
    cases: ClassVar = (
        ("1 of 2 resources is mounted", 0.5),
        ("a resource published and not mounted does not count", 0.0),
        ("a department without resources", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Resources mounted of resources declared; records are their codes."""
        declared = {r.name for r in records.resources(department)}
        entries = list_entries(records.connection, department=department, states=(EntryState.MOUNTED,))
        mounted = [entry.code for entry in entries if entry.name in declared]
        return Share(
            part=len(mounted),
            whole=len(declared),
            records=tuple(mounted),
            counts={"resources": len(declared), "mounted": len(mounted)},
        )
