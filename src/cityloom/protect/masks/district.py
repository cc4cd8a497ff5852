"""Generalise an address or a division code to its district."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.protect.mask import Case, check_count


@dataclass(frozen=True, kw_only=True)
class District:
    """The first ``first`` characters of an address, or the division of a code; a text that is not longer is
    hidden wholly, a star for each character."""

    name: ClassVar[str] = "district"
    title: ClassVar[Title] = Title("保留区县", "District only")
    standard: ClassVar[str] = "GB/T 2260"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("四川省云澜市青岚区锦绣路88号2栋", "四川省云澜市"),
        Case("四川省云澜市青岚区锦绣路88号2栋", "四川省云澜市青岚区", {"first": 9}),
        Case("510104199001310012", "510104"),
        Case("锦绣路88号", "******"),
        Case("", ""),
        Case(None, None),
    )

    first: int = 6
    """Characters kept: six are the county level of a division code."""

    def __post_init__(self) -> None:
        check_count(self.name, "first", self.first, least=1)

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """The beginning of a longer text."""
        return sql(
            "CASE WHEN length(:x) <= :first THEN repeat('*', length(:x)) ELSE left(:x, :first) END",
            x=column,
            first=self.first,
        )

    def value(self, x: str | None) -> str | None:
        """The beginning of a longer text."""
        if x is None:
            return None
        return x[: self.first] if len(x) > self.first else "*" * len(x)
