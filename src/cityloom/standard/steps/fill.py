from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class Fill:
    """The value, or where it is missing or empty the first of its ``inputs`` that is neither."""

    name: ClassVar[str] = "fill"
    title: ClassVar[Title] = Title("以他列补全", "Fill from another column")
    standard: ClassVar[str] = "own"
    takes: ClassVar[tuple[int, int]] = (1, 20)
    cases: ClassVar[tuple[Case, ...]] = (
        Case("13800138000", "13800138000", {}, ("02887654321",)),
        Case(None, "02887654321", {}, ("02887654321",)),
        Case("", "02887654321", {}, (None, "02887654321")),
        Case(None, None, {}, (None,)),
    )

    def sql(self, column: exp.Expression, *others: exp.Expression) -> exp.Expression:
        """The first that is there."""
        rest = [sql("nullif(:x, '')", x=other) for other in others]
        return exp.Coalesce(this=sql("nullif(:x, '')", x=column), expressions=rest)

    def value(self, x: str | None, *others: str | None) -> str | None:
        """The first that is there."""
        return next((one for one in (x, *others) if one), None)
