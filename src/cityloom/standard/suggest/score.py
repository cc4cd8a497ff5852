"""Puts what name, values and earlier decisions say of a column together, into one confidence an element."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from cityloom.kernel.i18n import _
from cityloom.model.mapping import CONFIRMED, REJECTED, ColumnSample, MappingDecision, Suggestion
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.suggest.names import Likeness, NameIndex, folded
from cityloom.standard.suggest.values import NOTHING, Fit, Taster, kind_of

PROPOSED = 0.8
"""Confidence from which a suggestion is proposed without being asked for."""
LEAST = 0.1
"""Confidence below which nothing is said."""
_BASE, _NAME, _VALUES, _AGAINST = -4.2, 7.4, 3.0, 5.0
_PREFERRED = 0.9
"""What an element in force is ahead of one of the library."""
_BY_VALUES = ("coding", "codes", "ending", "date")
"""Tests of values that speak for an element whatever the column is called."""
_TELLING = 0.7
"""Weight from which the kind of the values does, too."""


class Suggester:
    """Suggests elements for raw columns.

    Args:
        elements: that may be suggested; earlier ones win where two are as good.
        tables: their code tables by name.
        decisions: of stewards, on any resource.
        preferred: names of the elements in force: another one is suggested only where it is clearly better.
    """

    def __init__(
        self,
        elements: Iterable[Element],
        tables: Mapping[str, CodeTable],
        decisions: Iterable[MappingDecision] = (),
        preferred: Collection[str] = (),
    ) -> None:
        self._preferred = frozenset(preferred)
        self._elements = {one.name: one for one in elements}
        self._names = NameIndex(self._elements.values())
        self._tasters = {name: Taster(one, tables) for name, one in self._elements.items()}
        self._decisions: dict[str, list[MappingDecision]] = {}
        for one in decisions:
            self._decisions.setdefault(folded(one.column), []).append(one)

    @cached_property
    def _tellers(self) -> tuple[str, ...]:
        """Elements whose values tell them by themselves."""
        return tuple(
            name
            for name, one in self._elements.items()
            if one.coding_rule or one.codes or (self._tasters[name].wants and (not self._preferred or name in self._preferred))
        )

    def suggest(self, sample: ColumnSample, *, resource: str = "", department: str = "", most: int = 3) -> tuple[Suggestion, ...]:
        """The elements that a column may be, best first; none where nothing speaks for one.

        Args:
            sample: name and some values of the column.
            resource: its resource: what was decided on it counts in full.
            department: its department.
            most: how many.
        """
        values = list(dict.fromkeys(v.strip() for v in sample.values if v.strip()))[:60]
        kind = kind_of(values)
        likeness = self._names.likeness(sample.column)
        learnt = self._learnt(sample.column, resource, department, kind)
        candidates = dict.fromkeys([*likeness, *learnt, *(self._tellers if values else ())])
        scored = []
        for place, name in enumerate(n for n in self._elements if n in candidates):
            alike = likeness.get(name)
            fit = self._tasters[name].fit(values, kind)
            logit = _logit(alike, fit) + learnt.get(name, 0.0) + (_PREFERRED if name in self._preferred else 0.0)
            scored.append((logit, -place, name, _reasons(alike, fit, learnt.get(name, 0.0))))
        scored.sort(reverse=True)
        best = [(_confidence(logit, i, scored), name, why) for i, (logit, _place, name, why) in enumerate(scored[: most + 1])]
        return tuple(
            Suggestion(column=sample.column, element=name, confidence=round(c, 3), reasons=why)
            for c, name, why in best[:most]
            if c >= LEAST
        )

    def _learnt(self, column: str, resource: str, department: str, kind: str) -> dict[str, float]:
        """What earlier decisions on columns of this name add, by element."""
        found: Counter[str] = Counter()
        added: dict[str, float] = {}
        for one in self._decisions.get(folded(column), ()):
            if one.element not in self._elements:
                continue
            is_same = one.resource == resource
            weight = 6.0 if is_same else 3.0 if one.department == department else 2.4
            if one.kind and kind != "empty" and one.kind != kind and not is_same:
                weight *= 0.5
            found[one.element] += 1
            weight /= found[one.element]
            sign = 1 if one.verdict == CONFIRMED else -1.2 if one.verdict == REJECTED else 0
            added[one.element] = added.get(one.element, 0.0) + sign * weight
        return added


def _logit(alike: Likeness | None, fit: Fit) -> float:
    name = alike.score if alike else 0.0
    total: float = _BASE + _NAME * math.pow(name, 1.3)
    if fit is not NOTHING:
        if fit.share >= 0.7:
            speaks = _VALUES * fit.weight * (fit.share - 0.4) / 0.6
            by_values = fit.what in _BY_VALUES or (fit.what == "kind" and fit.weight >= _TELLING)
            total += speaks if name >= 0.25 or by_values else 0.3 * speaks
            if fit.what == "coding" and fit.weight >= 1 and fit.share > 0.9:
                total += 2.0
        elif fit.share < 0.5:
            against = _AGAINST * (0.5 - fit.share) * 2 * max(0.4, fit.weight)
            total -= against * (0.4 if name > 0.9 else 1.0)
    return total


def _confidence(logit: float, place: int, scored: Sequence[tuple[float, int, str, tuple[str, ...]]]) -> float:
    """A logistic of the score; less where another element is nearly as good."""
    alone = 1 / (1 + math.exp(-logit))
    rival = scored[1][0] if place == 0 and len(scored) > 1 else scored[0][0] if place else -math.inf
    gap = logit - rival
    return alone if gap > 1.2 else alone * (0.62 + 0.38 * max(0.0, gap) / 1.2) if gap >= 0 else alone * 0.62


def _reasons(alike: Likeness | None, fit: Fit, learnt: float) -> tuple[str, ...]:
    found = []
    if learnt > 0:
        found.append(_("a steward confirmed it for a column of this name"))
    if learnt < 0:
        found.append(_("a steward rejected it for a column of this name"))
    if alike is not None:
        found.append(alike.reason)
    texts = {
        "coding": _("{share} of its values keep the element's coding rule"),
        "codes": _("{share} of its values are of the element's code table"),
        "pattern": _("{share} of its values have the element's form"),
        "date": _("{share} of its values are dates"),
        "number": _("{share} of its values are numbers in the element's range"),
        "ending": _("{share} of its values end as names of this kind do"),
        "kind": _("its values are of the kind that the element has"),
    }
    if fit.what in texts and (fit.share >= 0.7 or (alike is not None and fit.what != "kind")):
        found.append(texts[fit.what].format(share=f"{fit.share:.0%}"))
    return tuple(found)
