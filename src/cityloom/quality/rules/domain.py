from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import lookup, shared
from cityloom.model.text import Title
from cityloom.quality.base import Case, Sure


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A value must be one of ``values``, as it is written there."""

    name: ClassVar[str] = "domain"
    title: ClassVar[Title] = Title("取值范围", "Set of values")
    standard: ClassVar[str] = "GB/T 36344-2018 6.1"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("yes",), False, {"values": ("yes", "no")}),
        Case(("yxs",), True, {"values": ("yes", "no")}),
        Case(("Yes",), True, {"values": ("yes", "no")}),
        Case(("yes ",), True, {"values": ("yes", "no")}),
        Case((None,), False, {"values": ("yes",)}),
    )

    values: tuple[str, ...]

    def sure(self, column: exp.Expression) -> Sure:
        """The search itself."""
        found = shared(lookup(column, {value: value for value in self.values}))
        return Sure(term=sql("(:found IS NOT NULL)", found=found), texts=tuple(self.values))

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the value is none of them."""
        found = shared(lookup(columns[0], {value: value for value in self.values}))
        return sql("(:x IS NOT NULL AND :found IS NULL)", x=columns[0], found=found)

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the value is none of them."""
        return values[0] is not None and values[0] not in self.values
