from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found
from cityloom.model.text import Title
from cityloom.standard.base import Case

_LOW = "abcdefghijklmnopqrstuvwxyz"
_NOISE = " _.-"
_UNTIDY = f"[a-z{_NOISE}]"


@dataclass(frozen=True, kw_only=True)
class Uscc:
    """A unified social credit code in capital letters and without separators; a wrong one stays."""

    name: ClassVar[str] = "uscc"
    title: ClassVar[Title] = Title("统一社会信用代码", "Unified social credit code")
    standard: ClassVar[str] = "GB 32100"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("91350100m000100y43", "91350100M000100Y43"),
        Case("91350100-M000100Y4-3", "91350100M000100Y43"),
        Case("12345", "12345"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The code; one that is in order costs one look."""
        return sql(
            "CASE WHEN :untidy THEN translate(:x, :low, :high) ELSE :x END",
            untidy=found(column, _UNTIDY),
            x=column,
            low=_LOW + _NOISE,
            high=_LOW.upper(),
        )

    def value(self, x: str | None) -> str | None:
        """The code."""
        if x is None or not re.search(_UNTIDY, x):
            return x
        return x.translate(str.maketrans(_LOW, _LOW.upper(), _NOISE))
