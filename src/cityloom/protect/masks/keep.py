"""Keep the ends of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.protect.mask import Case, check_count


@dataclass(frozen=True, kw_only=True)
class Keep:
    """The first ``first`` and the last ``last`` characters, a star for each one between.

    A text that is not longer than what would be kept is hidden wholly.
    """

    name: ClassVar[str] = "keep"
    title: ClassVar[Title] = Title("保留首尾", "Keep the ends")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("张三丰", "张**"),
        Case("11010519491231002X", "110105********002X", {"first": 6, "last": 4}),
        Case("𠮷野家", "𠮷*家", {"first": 1, "last": 1}),
        Case("1234567", "*******", {"first": 3, "last": 4}),
        Case("张", "*"),
        Case("", ""),
        Case(None, None),
    )

    first: int = 1
    """Characters kept at the beginning."""
    last: int = 0
    """Characters kept at the end."""

    def __post_init__(self) -> None:
        check_count(self.name, "first", self.first)
        check_count(self.name, "last", self.last)

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """The ends with stars between."""
        return sql(
            "CASE WHEN length(:x) <= :both THEN repeat('*', length(:x))"
            " ELSE left(:x, :first) || repeat('*', length(:x) - :both) || right(:x, :last) END",
            x=column,
            both=self.first + self.last,
            first=self.first,
            last=self.last,
        )

    def value(self, x: str | None) -> str | None:
        """The ends with stars between."""
        if x is None:
            return None
        hidden = len(x) - self.first - self.last
        if hidden <= 0:
            return "*" * len(x)
        return x[: self.first] + "*" * hidden + x[self.first + hidden :]
