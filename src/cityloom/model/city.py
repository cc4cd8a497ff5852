"""All definitions of a city together, as the content folder declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cityloom.kernel.errors import UserError
from cityloom.model.cleaning import CleaningMatrix
from cityloom.model.department import Account, Department
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import Resource
from cityloom.model.rules import BusinessRule
from cityloom.model.scoring import USUAL, Scoring
from cityloom.model.service import Demand, IndexSystem, Service
from cityloom.model.source import Source
from cityloom.model.standard import BusinessTerm, CodeTable, DataSetStandard, Element
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class CityName:
    """What the city is called, and how it scores quality: ``title`` stands over its reports."""

    __pydantic_config__ = STRICT

    name: str
    title: Title
    scoring: Scoring = USUAL


@dataclass(frozen=True, kw_only=True)
class City:
    """The definitions by kind and name. ``digests`` maps ``(kind, name)`` to the digest of its YAML."""

    cities: Mapping[str, CityName] = field(default_factory=dict)
    departments: Mapping[str, Department] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    business_rules: Mapping[str, BusinessRule] = field(default_factory=dict)
    elements: Mapping[str, Element] = field(default_factory=dict)
    codes: Mapping[str, CodeTable] = field(default_factory=dict)
    data_sets: Mapping[str, DataSetStandard] = field(default_factory=dict)
    terms: Mapping[str, BusinessTerm] = field(default_factory=dict)
    object_types: Mapping[str, ObjectType] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    indexes: Mapping[str, IndexSystem] = field(default_factory=dict)
    demands: Mapping[str, Demand] = field(default_factory=dict)
    cleaning_matrices: Mapping[str, CleaningMatrix] = field(default_factory=dict)

    @property
    def scoring(self) -> Scoring:
        """How quality is scored here."""
        return next((one.scoring for one in self.cities.values()), USUAL)

    def resource(self, name: str) -> Resource:
        """The resource of that name.

        Raises:
            UserError: ``model.resource.unknown``, with the names there are.
        """
        if name not in self.resources:
            raise UserError(
                "model.resource.unknown",
                "There is no resource {name}.",
                hint="Known: {known}.",
                name=name,
                known=", ".join(sorted(self.resources)),
            )
        return self.resources[name]

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            UserError: ``model.source.unknown``, with the names there are.
        """
        if name not in self.sources:
            raise UserError(
                "model.source.unknown",
                "There is no source {name}.",
                hint="Known: {known}.",
                name=name,
                known=", ".join(sorted(self.sources)),
            )
        return self.sources[name]

    def object_type(self, name: str) -> ObjectType:
        """The object type of that name.

        Raises:
            UserError: ``model.object_type.unknown``, with the names there are.
        """
        if name not in self.object_types:
            raise UserError(
                "model.object_type.unknown",
                "There is no object type {name}.",
                hint="Known: {known}.",
                name=name,
                known=", ".join(sorted(self.object_types)),
            )
        return self.object_types[name]
