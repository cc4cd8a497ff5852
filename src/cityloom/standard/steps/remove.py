from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Every one of the ``characters`` leaves; a text of nothing else becomes missing."""

    name: ClassVar[str] = "remove"
    title: ClassVar[Title] = Title("去除字符", "Remove characters")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("I-65", "I65", {"characters": "-. "}),
        Case("--", None, {"characters": "-"}),
        Case("I65", "I65", {"characters": "-"}),
        Case("", "", {"characters": "-"}),
        Case(None, None, {"characters": "-"}),
    )

    characters: str

    def sql(self, column: exp.Expression) -> exp.Expression:
        """What is left."""
        left = sql("translate(:x, :characters, '')", x=column, characters=self.characters)
        return sql("CASE WHEN :x = '' THEN '' ELSE nullif(:left, '') END", x=column, left=left)

    def value(self, x: str | None) -> str | None:
        """What is left."""
        return x if not x else x.translate(str.maketrans("", "", self.characters)) or None
