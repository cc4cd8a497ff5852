"""血缘: from which columns a column is made, and which are made from it, from source to service."""

from __future__ import annotations

from cityloom.model.catalog import LineageEdge
from cityloom.model.city import City
from cityloom.model.fusion import ObjectType
from cityloom.store.catalog import list_edges
from cityloom.store.database import Store


def origin(store: Store, column: str) -> list[LineageEdge]:
    """All edges on the ways from sources to a column (``base_population.name``)."""
    with store.read() as connection:
        return list_edges(connection, column, is_backward=True)


def impact(store: Store, column: str) -> list[LineageEdge]:
    """All edges on the ways from a column to service fields: what a change of it reaches."""
    with store.read() as connection:
        return list_edges(connection, column, is_backward=False)


def edges_of(city: City) -> list[LineageEdge]:
    """The lineage that the definitions declare, each edge once."""
    edges: dict[tuple[str, str], LineageEdge] = {}
    for edge in [*_resource_edges(city), *_fusion_edges(city), *_service_edges(city)]:
        edges.setdefault((edge.source, edge.target), edge)
    return [edges[key] for key in sorted(edges)]


def _resource_edges(city: City) -> list[LineageEdge]:
    edges = []
    for resource in city.resources.values():
        holder = f"source:{resource.collect.source}/{resource.name}"
        for item in resource.items:
            raw = f"{resource.raw_table}.{item.column}"
            edges.append(LineageEdge(source=f"{holder}.{item.column}", target=raw, step="land"))
            edges.append(LineageEdge(source=raw, target=f"{resource.std_table}.{item.name}", step="standardise"))
    return edges


def _fusion_edges(city: City) -> list[LineageEdge]:
    return [edge for one in city.object_types.values() for edge in _object_edges(one, city)]


def _object_edges(one: ObjectType, city: City) -> list[LineageEdge]:
    edges = []
    for contribution in one.contributions:
        resource = city.resources.get(contribution.resource)
        if resource is None:
            continue
        pairs = {one.key: contribution.key, **contribution.attributes}
        edges += [
            LineageEdge(source=f"{resource.std_table}.{item}", target=f"{one.golden_table}.{name}", step="fuse")
            for name, item in pairs.items()
            if not item.startswith("=")
        ]
    return edges


def _service_edges(city: City) -> list[LineageEdge]:
    edges = []
    for service in city.services.values():
        fields = [*(item.name for item in service.items), *service.require, *service.compare]
        edges += [
            LineageEdge(source=f"{service.table}.{name}", target=f"service:{service.name}.{name}", step="serve")
            for name in fields
        ]
    return edges
