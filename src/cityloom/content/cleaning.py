"""Whether cleaning rules and matrices fit: kinds, levels, items and names of plug-ins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cityloom.content.problems import nearest
from cityloom.kernel.i18n import _
from cityloom.model.cleaning import FILTER, KINDS, LEVELS, TOLERATE, CleaningMatrix, CleaningRule

Path_ = tuple[str | int, ...]
Complaint = tuple[Path_, str, str]


def complaints(
    rules: Sequence[CleaningRule], items: Sequence[str], known_rules: Collection[str], known_steps: Collection[str]
) -> Iterator[Complaint]:
    """What is wrong with the cleaning rules of a resource."""
    names = [rule.name for rule in rules]
    for i, rule in enumerate(rules):
        place: Path_ = ("cleaning", i)
        if names.index(rule.name) != i or " " in rule.name or "@" in rule.name:
            yield (*place, "name"), _("a cleaning rule has a name of its own, without blanks and @."), _("Give it another name.")
        yield from _one_of(rule.rule, known_rules, (*place, "rule"))
        for name in ("importance", "severity"):
            yield from _one_of(getattr(rule, name), LEVELS, (*place, name))
        yield from _one_of(rule.kind or KINDS[0], KINDS, (*place, "kind"))
        yield from _one_of(rule.otherwise or FILTER, (FILTER, TOLERATE), (*place, "otherwise"))
        for column in (*rule.columns, *rule.correct):
            yield from _one_of(column, items, (*place, "columns" if column in rule.columns else "correct"))
        for item, uses in rule.correct.items():
            for j, use in enumerate(uses):
                yield from _one_of(use.step, known_steps, (*place, "correct", item, j, "step"))


def matrix_complaints(matrix: CleaningMatrix) -> Iterator[Complaint]:
    """What is wrong with a matrix."""
    for importance, cells in matrix.cells.items():
        yield from _one_of(importance, LEVELS, ("cells", importance))
        for severity, kind in cells.items():
            yield from _one_of(severity, LEVELS, ("cells", importance, severity))
            yield from _one_of(kind, KINDS, ("cells", importance, severity))


def _one_of(value: str, known: Collection[str], path: Path_) -> Iterator[Complaint]:
    if value not in known:
        yield path, _("there is no {name}.").format(name=value), nearest(value, known)
