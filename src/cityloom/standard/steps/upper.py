from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.standard.base import Case

_LOW = "abcdefghijklmnopqrstuvwxyz"
_HIGH = _LOW.upper()


@dataclass(frozen=True, kw_only=True)
class Upper:
    """The letters a to z become capital letters; nothing else changes."""

    name: ClassVar[str] = "upper"
    title: ClassVar[Title] = Title("转为大写", "Capital letters")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (Case("i65a", "I65A"), Case("straße", "STRAßE"), Case(None, None))

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The text in capitals; a text without small letters costs one look."""
        return sql(
            "CASE WHEN regexp_matches(:x, '[a-z]') THEN translate(:x, :low, :high) ELSE :x END",
            x=column,
            low=_LOW,
            high=_HIGH,
        )

    def value(self, x: str | None) -> str | None:
        """The text in capitals."""
        return None if x is None else x.translate(str.maketrans(_LOW, _HIGH))
