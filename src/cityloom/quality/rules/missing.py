from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import is_one_of, shared
from cityloom.model.text import Title
from cityloom.quality.base import BLANKS, STAND_INS, Case, Kept, is_blank, is_blank_value

_BEYOND_ASCII = "\u0080"
"""Sorts behind every text that begins with a sign of ASCII."""


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A value must be there: not NULL, not blank, not a text that only stands in for one."""

    name: ClassVar[str] = "missing"
    title: ClassVar[Title] = Title("缺失", "Missing value")
    standard: ClassVar[str] = "GB/T 36344-2018 6.2"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = True
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("张伟",), False),
        Case((None,), True),
        Case(("",), True),
        Case((" 　\n",), True),
        Case(("不详",), True),
        Case(("不详",), False, {"stand_ins": ()}),
        Case(("(无)",), True, {"stand_ins": ("(无)", "无-")}),
        Case(("无-",), True, {"stand_ins": ("(无)", "无-")}),
        Case(("0",), False),
    )

    stand_ins: tuple[str, ...] = STAND_INS

    @property
    def kept(self) -> Kept:
        """The texts that are there."""
        return Kept(apart="|".join([f"[{BLANKS}]*", *(re.escape(text) for text in self.stand_ins)]))

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the value is missing."""
        blank = is_blank(columns[0])
        if not self.stand_ins:
            return blank
        first, second = ([t for t in self.stand_ins if (t < _BEYOND_ASCII) is is_first] for is_first in (True, False))
        term = sql(
            "CASE WHEN :blank THEN true WHEN length(:x) > :most THEN false WHEN :x < :wide THEN :first ELSE :second END",
            blank=blank,
            x=columns[0],
            most=max(len(t) for t in self.stand_ins),
            wide=_BEYOND_ASCII,
            first=is_one_of(columns[0], first),
            second=is_one_of(columns[0], second),
        )
        return shared(term)

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the value is missing."""
        return is_blank_value(values[0]) or values[0] in self.stand_ins
