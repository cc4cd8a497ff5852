"""挂接: a published entry is bound to its real table, and comes loose where the two disagree."""

from __future__ import annotations

from cityloom.lake.tables import Lake
from cityloom.model.batch import Finding
from cityloom.model.catalog import Entry
from cityloom.model.resource import Resource


def compare(entry: Entry, resource: Resource, lake: Lake) -> tuple[str | None, list[Finding]]:
    """The lake table to bind the entry to (nothing where there is none or it lacks items), and what is wrong."""
    table = resource.std_table
    if not lake.exists(table):
        return None, []
    missing = sorted({item.name for item in entry.items} - set(lake.columns(table)))
    if not missing:
        return table, []
    finding = Finding(
        kind="catalog",
        subject=entry.name,
        code="catalog.mount.drift",
        text=f"The catalog names items that the table {table} does not have: {', '.join(missing)}.",
        count=len(missing),
    )
    return None, [finding]
