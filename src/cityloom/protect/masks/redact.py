"""Hide a text wholly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.protect.mask import Case


@dataclass(frozen=True, kw_only=True)
class Redact:
    """Three stars in place of any text: only whether there is a value can be seen."""

    name: ClassVar[str] = "redact"
    title: ClassVar[Title] = Title("全部遮盖", "Redact")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (Case("四川省云澜市", "***"), Case("", "***"), Case(None, None))

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """Three stars."""
        return sql("CASE WHEN :x IS NOT NULL THEN '***' END", x=column)

    def value(self, x: str | None) -> str | None:
        """Three stars."""
        return None if x is None else "***"
