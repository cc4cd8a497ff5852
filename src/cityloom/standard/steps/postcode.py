from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match
from cityloom.model.text import Title
from cityloom.standard.base import Case

_WITHIN = "(?:^|[^0-9])([0-9]{6})(?:[^0-9]|$)"


@dataclass(frozen=True, kw_only=True)
class Postcode:
    """The six digits of a postcode, alone or beside words; what holds none becomes missing and is counted."""

    name: ClassVar[str] = "postcode"
    title: ClassVar[Title] = Title("邮政编码", "Postcode")
    standard: ClassVar[str] = "YZ/T 0001"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("610000", "610000"),
        Case("邮编:610000", "610000"),
        Case("610000 成都", "610000"),
        Case("6100000", None),
        Case("无", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The digits; a postcode by itself costs one look."""
        return sql(
            "CASE WHEN :good THEN :x ELSE nullif(regexp_extract(:x, :within, 1), '') END",
            good=full_match(column, "[0-9]{6}"),
            x=column,
            within=_WITHIN,
        )

    def value(self, x: str | None) -> str | None:
        """The digits."""
        found = None if x is None else re.search(_WITHIN, x)
        return found[1] if found else None
