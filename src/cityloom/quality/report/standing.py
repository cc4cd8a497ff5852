"""How every resource stood at the end of a period: its newest assessment until then, with the evidence of the records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.catalog import EntryState
from cityloom.model.city import City
from cityloom.model.quality import Assessment, RuleResult
from cityloom.model.report import Evidence, Line, Period
from cityloom.model.standard import DIMENSIONS
from cityloom.model.text import Title
from cityloom.quality.report.evidence import evidence_of
from cityloom.quality.report.words import DIMENSION_TITLES
from cityloom.quality.score import combine, scores_of
from cityloom.store.batches import list_batches
from cityloom.store.catalog import find_entry
from cityloom.store.quality import assessments_before

RECORDS = "records"
"""Stands for the plug-in where a score follows from the platform's records."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A resource at the end of a period: its assessment with scores that count the evidence too."""

    assessment: Assessment
    evidence: tuple[Evidence, ...]


@dataclass
class Records:
    """What standings are read from; batches are read once.

    Args:
        city: definitions, with weights and thresholds.
        connection: the control store.
        lake: whether tables exist.
        now: UTC.
    """

    city: City
    connection: sa.Connection
    lake: Lake
    now: str
    _batches: dict[str, list[Batch]] = field(default_factory=dict, init=False, repr=False)
    _mounted: dict[str, bool] = field(default_factory=dict, init=False, repr=False)

    def standings(self, period: Period, phase: str, names: Iterable[str]) -> dict[str, Standing]:
        """By resource; those that had been assessed by the end of the period."""
        found = assessments_before(self.connection, phase, period.end, list(names))
        return {a.resource: self._standing(a, period) for a in found}

    def lines(self, standings: Mapping[str, Standing], before: Mapping[str, Standing] | None = None) -> tuple[Line, ...]:
        """Total and dimensions of some resources together, each with the score of the period before."""
        scoring = self.city.scoring
        weights = {name: one.importance for name, one in self.city.resources.items()}
        now = combine((s.assessment for s in standings.values()), weights, scoring)
        old = {s.dimension: s.score for s in combine((s.assessment for s in (before or {}).values()), weights, scoring)}
        order = {name: i for i, name in enumerate(("total", *DIMENSIONS))}
        return tuple(
            Line(name=s.dimension, title=title_of(s.dimension), score=s.score, light=s.light, before=old.get(s.dimension))
            for s in sorted(now, key=lambda s: order[s.dimension])
        )

    def batches(self, resource: str) -> list[Batch]:
        """A resource's batches, oldest first."""
        if resource not in self._batches:
            self._batches[resource] = list_batches(self.connection, resource)
        return self._batches[resource]

    def is_mounted(self, resource: str) -> bool:
        """Whether the catalog publishes a resource bound to a table that exists."""
        if resource not in self._mounted:
            entry = find_entry(self.connection, resource)
            table = entry.mounted_table if entry and entry.state == EntryState.MOUNTED else None
            self._mounted[resource] = table is not None and self.lake.exists(table)
        return self._mounted[resource]

    def _standing(self, found: Assessment, period: Period) -> Standing:
        resource = self.city.resources[found.resource]
        evidence = evidence_of(
            resource, self.batches(resource.name), period, self.now, is_mounted=self.is_mounted(resource.name)
        )
        results = (*found.results, *(_result(one) for one in evidence))
        return Standing(assessment=replace(found, scores=scores_of(results, self.city.scoring)), evidence=evidence)


def title_of(dimension: str) -> Title:
    """A dimension's title, or that of the total."""
    return DIMENSION_TITLES.get(dimension, Title(dimension, dimension))


def _result(one: Evidence) -> RuleResult:
    return RuleResult(
        rule=one.name,
        plugin=RECORDS,
        dimension=one.dimension,
        columns=(),
        weight=1.0,
        severity="medium",
        checked=one.whole,
        broken=one.whole - one.good,
        score=one.score,
    )
