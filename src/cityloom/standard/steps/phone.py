from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_NOISE = " ()+.-—–−"
_MOBILE = "(?:0086|86|0)?1[3-9][0-9]{9}"


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A telephone number as digits, a mobile one without the country's prefix. Other texts stay."""

    name: ClassVar[str] = "phone"
    title: ClassVar[Title] = Title("电话号码", "Telephone number")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("13800138000", "13800138000"),
        Case("+86 138-0013-8000", "13800138000"),
        Case("008613800138000", "13800138000"),
        Case("013800138000", "13800138000"),
        Case("(028) 8765-4321", "02887654321"),
        Case("028-87654321转12", "028-87654321转12"),
        Case("1380013800", "1380013800"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The digits; an ordinary number costs one look."""
        digits = shared(
            sql(
                "CASE WHEN :good THEN :x ELSE translate(:x, :noise, '') END",
                good=full_match(column, "1[3-9][0-9]{9}"),
                x=column,
                noise=_NOISE,
            )
        )
        return sql(
            "CASE WHEN length(:d) = 11 AND :bare THEN :d WHEN :mobile THEN right(:d, 11) WHEN :bare THEN :d ELSE :x END",
            d=digits,
            bare=full_match(digits, "[0-9]+"),
            mobile=full_match(digits, _MOBILE),
            x=column,
        )

    def value(self, x: str | None) -> str | None:
        """The digits."""
        if x is None:
            return None
        digits = x.translate(str.maketrans("", "", _NOISE))
        if re.fullmatch(_MOBILE, digits):
            return digits[-11:]
        return digits if re.fullmatch("[0-9]+", digits) else x
