"""The assessment step: every indicator for every department, points, places, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityloom.assess.records import Measure, Records
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugin
from cityloom.lake.tables import Lake
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.city import City
from cityloom.model.run import StageResult
from cityloom.model.score import DepartmentScore, IndicatorScore, Share
from cityloom.model.service import IndexSystem, Indicator
from cityloom.store import audit
from cityloom.store.database import Store
from cityloom.store.scores import put_scores

MEASURES = "cityloom.assess.measures"
LEAST_APPLIED = 0.5
"""Share of the weights that must apply to a department before it is compared with others."""


def run(
    index: IndexSystem, *, city: City, store: Store, lake: Lake, clock: Clock, actor: str = "system"
) -> StageResult:
    """Score all departments by an index system, and keep the snapshot with its evidence.

    Raises:
        ConfigError: ``kernel.plugin.unknown`` for a measure that there is not; ``assess.weight.invalid``.
    """
    measures = {i.name: _measure(i) for i in index.indicators}
    at = iso(clock.now())
    with store.read() as connection:
        records = Records(city, connection, lake, at)
        found = {
            department: {name: measure.count(department, records) for name, measure in measures.items()}
            for department in sorted(city.departments)
        }
    scores = ranked([_score(index, at, department, shares) for department, shares in found.items()])
    with store.write() as connection:
        put_scores(connection, scores)
        details: dict[str, str | int] = {"at": at, "departments": len(scores), "indicators": len(measures)}
        event = AuditEvent(kind=EventKind.SCORES_MADE, actor=actor, subject=f"index:{index.name}", details=details)
        audit.append(connection, event, clock)
    points = {s.department: s.points for s in scores if s.points is not None}
    return StageResult(read=len(scores), written=len(scores), summary={"at": at, "points": points})


def ranked(scores: list[DepartmentScore]) -> list[DepartmentScore]:
    """The scores with places: equal points share a place, and the next one is left out."""
    points = sorted((s.points for s in scores if s.points is not None), reverse=True)
    return [
        DepartmentScore(
            index=s.index,
            at=s.at,
            department=s.department,
            points=s.points,
            rank=None if s.points is None else points.index(s.points) + 1,
            indicators=s.indicators,
        )
        for s in scores
    ]


def _score(index: IndexSystem, at: str, department: str, shares: Mapping[str, Share]) -> DepartmentScore:
    """Points out of the sum of all weights: weights that do not apply go to the others in proportion.

    A department to which less than half of the weight applies gets neither points nor a place.
    """
    total = sum(i.weight for i in index.indicators)
    applied = sum(i.weight for i in index.indicators if shares[i.name].score is not None)
    factor = total / applied if applied else 0.0
    indicators = tuple(_indicator(i, department, shares[i.name], factor) for i in index.indicators)
    is_scored = applied >= LEAST_APPLIED * total
    points = round(sum(i.points for i in indicators), 2) if is_scored else None
    return DepartmentScore(
        index=index.name, at=at, department=department, points=points, rank=None, indicators=indicators
    )


def _indicator(indicator: Indicator, department: str, share: Share, factor: float) -> IndicatorScore:
    score = share.score
    return IndicatorScore(
        indicator=indicator.name,
        department=department,
        score=None if score is None else round(score, 6),
        weight=indicator.weight,
        points=round((score or 0.0) * indicator.weight * factor, 4),
        evidence=share,
    )


def _measure(indicator: Indicator) -> Measure:
    if indicator.weight <= 0:
        raise ConfigError(
            "assess.weight.invalid",
            "The indicator {name} has no positive weight.",
            hint="Give it the points that it is worth, or leave it out.",
            name=indicator.name,
        )
    made: Any = plugin(MEASURES, indicator.measure)()
    return made  # type: ignore[no-any-return]
