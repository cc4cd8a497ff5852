from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import never_null
from cityloom.model.text import Title
from cityloom.quality.base import Case, Kept


@dataclass(frozen=True, kw_only=True)
class Length:
    """A text must have at least ``least`` and at most ``most`` characters."""

    name: ClassVar[str] = "length"
    title: ClassVar[Title] = Title("长度", "Length")
    standard: ClassVar[str] = "GB/T 36344-2018 6.1"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("张伟",), False, {"least": 2, "most": 4}),
        Case(("张",), True, {"least": 2, "most": 4}),
        Case(("𠮷野家宅店",), True, {"least": 2, "most": 4}),
        Case(("𠮷野",), False, {"least": 2, "most": 2}),
        Case((None,), False, {"least": 2, "most": 4}),
    )

    least: int = 0
    most: int = 1_000_000

    @property
    def kept(self) -> Kept:
        """The texts of such a length."""
        return Kept(least=self.least, most=self.most)

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the text is too short or too long."""
        return never_null(
            sql("length(:x) NOT BETWEEN :least AND :most", x=columns[0], least=self.least, most=self.most)
        )

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the text is too short or too long."""
        return values[0] is not None and not self.least <= len(values[0]) <= self.most
