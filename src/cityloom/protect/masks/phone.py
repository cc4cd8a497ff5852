"""Hide the middle of a mobile number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match
from cityloom.model.text import Title
from cityloom.protect.mask import Case

_MOBILE = "1[0-9]{10}"


@dataclass(frozen=True, kw_only=True)
class Phone:
    """The first three and the last four digits of a mobile number; any other text is hidden wholly."""

    name: ClassVar[str] = "phone"
    title: ClassVar[Title] = Title("手机号码", "Mobile number")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("13800135678", "138****5678"),
        Case("028-87654321", "****"),
        Case("１３８００１３５６７８", "****"),
        Case("13800135678\n", "****"),
        Case("", "****"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """Four stars in the middle, or alone."""
        return sql(
            "CASE WHEN :is_mobile THEN left(:x, 3) || '****' || right(:x, 4) WHEN :x IS NOT NULL THEN '****' END",
            x=column,
            is_mobile=full_match(column, _MOBILE),
        )

    def value(self, x: str | None) -> str | None:
        """Four stars in the middle, or alone."""
        if x is None:
            return None
        return f"{x[:3]}****{x[-4:]}" if re.fullmatch(_MOBILE, x) else "****"
