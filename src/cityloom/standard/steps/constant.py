from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.model.text import Title
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class Constant:
    """Every value, also a missing one, becomes ``text``; or only a missing one when ``only_missing``."""

    name: ClassVar[str] = "constant"
    title: ClassVar[Title] = Title("固定值", "Constant")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("anything", "156", {"text": "156"}),
        Case(None, "156", {"text": "156"}),
        Case("840", "840", {"text": "156", "only_missing": True}),
        Case(None, "156", {"text": "156", "only_missing": True}),
    )

    text: str
    only_missing: bool = False

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The constant."""
        text = exp.Literal.string(self.text)
        return exp.Coalesce(this=column.copy(), expressions=[text]) if self.only_missing else text

    def value(self, x: str | None) -> str | None:
        """The constant."""
        return x if self.only_missing and x is not None else self.text
