"""The kinds of definitions and the dataclass of each. A new kind is one line here and one field of City."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from cityloom.model.city import CityName
from cityloom.model.cleaning import CleaningMatrix
from cityloom.model.department import Account, Department
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import Resource
from cityloom.model.rules import BusinessRule
from cityloom.model.service import Demand, IndexSystem, Service
from cityloom.model.source import Source
from cityloom.model.standard import BusinessTerm, CodeTable, DataSetStandard, Element

KINDS: dict[str, tuple[type[Any], str]] = {
    "city": (CityName, "cities"),
    "department": (Department, "departments"),
    "account": (Account, "accounts"),
    "source": (Source, "sources"),
    "element": (Element, "elements"),
    "code_table": (CodeTable, "codes"),
    "data_set": (DataSetStandard, "data_sets"),
    "term": (BusinessTerm, "terms"),
    "business_rule": (BusinessRule, "business_rules"),
    "resource": (Resource, "resources"),
    "object_type": (ObjectType, "object_types"),
    "service": (Service, "services"),
    "cleaning_matrix": (CleaningMatrix, "cleaning_matrices"),
    "index": (IndexSystem, "indexes"),
    "demand": (Demand, "demands"),
}
"""kind in YAML -> (dataclass, field of :class:`cityloom.model.city.City`)."""


@cache
def adapter(kind: str) -> TypeAdapter[Any]:
    """What turns a mapping into the dataclass of a kind, strictly: no unknown key, no guessed type."""
    return TypeAdapter(KINDS[kind][0])
