from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found
from cityloom.model.text import Title
from cityloom.standard.base import Case

_DASHES = "—–−―﹣"
_UNTIDY = f"[ {_DASHES}]"
_HAN = "[\u4e00-\u9fff]"


@dataclass(frozen=True, kw_only=True)
class Address:
    """A Chinese address without blanks and with one kind of dash; runs of dashes become one."""

    name: ClassVar[str] = "address"
    title: ClassVar[Title] = Title("地址", "Address")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("云澜市 云东区和平路 12号", "云澜市云东区和平路12号"),
        Case("和平路12号3—402", "和平路12号3-402"),
        Case("和平路12号3——402", "和平路12号3-402"),
        Case("12 Baker Street", "12 Baker Street"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The address; one that is in order costs one look."""
        return sql(
            "CASE WHEN NOT :untidy OR NOT :han THEN :x"
            " ELSE regexp_replace(translate(:x, :given, :taken), '-+', '-', 'g') END",
            untidy=found(column, _UNTIDY),
            han=found(column, _HAN),
            x=column,
            given=_DASHES + " ",
            taken="-" * len(_DASHES),
        )

    def value(self, x: str | None) -> str | None:
        """The address."""
        if x is None or not re.search(_UNTIDY, x) or not re.search(_HAN, x):
            return x
        return re.sub("-+", "-", x.translate(str.maketrans(_DASHES, "-" * len(_DASHES), " ")))
