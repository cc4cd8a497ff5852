from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.model.text import Title
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class Join:
    """The value and its ``inputs`` one behind the other, with ``between`` between them; missing and empty ones are left
    out, or make the whole missing when ``needs_all``."""

    name: ClassVar[str] = "join"
    title: ClassVar[Title] = Title("合并", "Join")
    standard: ClassVar[str] = "own"
    takes: ClassVar[tuple[int, int]] = (1, 20)
    cases: ClassVar[tuple[Case, ...]] = (
        Case("2024", "2024-3-5", {"between": "-"}, ("3", "5")),
        Case("四川省", "四川省武侯区", {}, (None, "武侯区")),
        Case("104.06", None, {"between": ",", "needs_all": True}, (None,)),
        Case("104.06", "104.06,30.65", {"between": ",", "needs_all": True}, ("30.65",)),
        Case("", None, {}, ("",)),
        Case(None, None, {}, (None,)),
    )

    between: str = ""
    needs_all: bool = False

    def sql(self, column: exp.Expression, *others: exp.Expression) -> exp.Expression:
        """The whole; a part that is not the first one brings what stands between along."""
        parts = (column, *others)
        lacking = exp.or_(*(sql("(:p IS NULL OR :p = '')", p=part) for part in parts))
        texts: exp.Expression = exp.Literal.string("")
        for part in parts:
            texts = sql(
                "(:so_far || CASE WHEN :p IS NULL OR :p = '' THEN '' ELSE :between || :p END)",
                so_far=texts,
                p=part,
                between=self.between,
            )
        whole = sql("nullif(substr(:texts, :start), '')", texts=texts, start=len(self.between) + 1)
        return sql("CASE WHEN NOT :lacking THEN :whole END", lacking=exp.Paren(this=lacking), whole=whole) if self.needs_all else whole

    def value(self, x: str | None, *others: str | None) -> str | None:
        """The whole."""
        parts = [part for part in (x, *others) if part]
        return None if self.needs_all and len(parts) <= len(others) else self.between.join(parts) or None
