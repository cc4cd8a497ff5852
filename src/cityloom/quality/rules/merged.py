from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import plain
from cityloom.model.text import Title
from cityloom.quality.base import BLANKS, Case, is_blank, is_blank_value


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Where the second column is missing the first must not end with one of ``values``, which belong into the second.

    ``San Francisco CA`` and nothing, where ``San Francisco`` and ``CA`` are meant. A blank stands before the value.
    """

    name: ClassVar[str] = "merged"
    title: ClassVar[Title] = Title("值串列", "Value in another column")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "row"
    blames: ClassVar[str] = "all"
    applies_to_missing: ClassVar[bool] = True
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("San Francisco CA", None), True, {"values": ("CA", "NY")}),
        Case(("San Francisco CA", " "), True, {"values": ("CA", "NY")}),
        Case(("San Francisco CA", "CA"), False, {"values": ("CA", "NY")}),
        Case(("San FranciscoCA", ""), False, {"values": ("CA", "NY")}),
        Case(("San Francisco", ""), False, {"values": ("CA", "NY")}),
        Case((None, ""), False, {"values": ("CA", "NY")}),
    )

    values: tuple[str, ...]

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the first holds what the second misses."""
        text = sql("coalesce(:x, '')", x=columns[0])
        ends = [sql("(right(:t, :n) = :v)", t=text, n=len(v) + 1, v=f" {v}") for v in self.values]
        return sql("(:blank AND :ends)", blank=plain(is_blank(columns[1])), ends=exp.Paren(this=exp.or_(exp.false(), *ends)))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the first holds what the second misses."""
        return is_blank_value(values[1]) and self._tail(values[0]) is not None

    def repaired(self, values: Sequence[str | None]) -> tuple[str | None, ...] | None:
        """Both values, each in its column; None where nothing can be said."""
        tail = self._tail(values[0])
        if tail is None or values[0] is None:
            return None
        return values[0][: -len(tail) - 1].rstrip(BLANKS), tail

    def _tail(self, text: str | None) -> str | None:
        return next((v for v in self.values if text is not None and text.endswith(f" {v}")), None)
