"""Grades of data and what follows from them (GB/T 43697: 分类分级)."""

from __future__ import annotations

from collections.abc import Iterable

from cityloom.kernel.errors import ConfigError
from cityloom.model.resource import GRADES
from cityloom.model.service import Mask

_DEFAULT_MASKS = {
    "public": None,
    "internal": None,
    "sensitive": Mask(mask="keep", options={"first": 1, "last": 0}),
    "core": Mask(mask="redact"),
}


def highest(grades: Iterable[str]) -> str:
    """The grade of a combination: the highest of its parts. What has no graded part at all counts as core.

    Raises:
        ConfigError: ``protect.grade.unknown``.
    """
    return max(grades, key=_rank, default=GRADES[-1])


def default_mask(grade: str) -> Mask | None:
    """The mask under which a value of that grade leaves when its service names none.

    Raises:
        ConfigError: ``protect.grade.unknown``.
    """
    return _DEFAULT_MASKS[GRADES[_rank(grade)]]


def _rank(grade: str) -> int:
    if grade not in GRADES:
        raise ConfigError(
            "protect.grade.unknown",
            "There is no grade {grade}.",
            hint="Known: {known}.",
            grade=grade,
            known=", ".join(GRADES),
        )
    return GRADES.index(grade)
