from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_SHAPE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-Z0-9]{4,5}[A-Z0-9挂学警港澳使领超试]"  # fmt: skip
_LOWER, _UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOISE = " .-—·•・‧∙\u3000"


@dataclass(frozen=True, kw_only=True)
class Plate:
    """A vehicle's plate in capitals without dots and blanks: seven characters, or eight of a new-energy vehicle; what is
    none becomes missing and is counted."""

    name: ClassVar[str] = "plate"
    title: ClassVar[Title] = Title("车辆号牌", "Vehicle plate")
    standard: ClassVar[str] = "GA 36"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("川A·12345", "川A12345"),
        Case("川a 12345", "川A12345"),
        Case("川AD12345", "川AD12345"),
        Case("粤Z1234港", "粤Z1234港"),
        Case("川A1234", None),
        Case("无", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The plate."""
        bare = shared(sql("translate(:x, :given, :taken)", x=column, given=_LOWER + _NOISE, taken=_UPPER))
        return sql("CASE WHEN :good THEN :t END", good=full_match(bare, _SHAPE), t=bare)

    def value(self, x: str | None) -> str | None:
        """The plate."""
        if x is None:
            return None
        bare = x.translate(str.maketrans(_LOWER, _UPPER, _NOISE))
        return bare if re.fullmatch(_SHAPE, bare) else None
