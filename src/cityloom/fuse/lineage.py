"""Which standard columns each base column comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cityloom.fuse.contribute import resource_of
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import Resource


@dataclass(frozen=True, kw_only=True)
class ColumnEdge:
    """One column comes from another."""

    source_table: str
    source_column: str
    target_table: str
    target_column: str


def lineage(object_type: ObjectType, resources: Mapping[str, Resource]) -> tuple[ColumnEdge, ...]:
    """Edges from standard columns to the columns of the golden table, sorted.

    A constant contribution comes from the items of its condition, or else from its key.

    Raises:
        ConfigError: ``fuse.resource.unknown``.
    """
    edges = set()
    for one in object_type.contributions:
        table = resource_of(resources, one.resource).std_table
        pairs = [(one.key, object_type.key)]
        for attribute, item in one.attributes.items():
            items = [item] if not item.startswith("=") else list(one.where) or [one.key]
            pairs += [(source, attribute) for source in items]
        edges |= {(table, source, object_type.golden_table, target) for source, target in pairs}
    return tuple(
        ColumnEdge(source_table=a, source_column=b, target_table=c, target_column=d) for a, b, c, d in sorted(edges)
    )
