from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_NOISE = " -\u3000"
_SHAPE = "[0-9]{12,19}"


@dataclass(frozen=True, kw_only=True)
class BankCard:
    """A number of a bank card or account as digits without blanks and hyphens; what is none becomes missing and is
    counted. Whether its check digit is right is for the rule ``coding_rule`` to say."""

    name: ClassVar[str] = "bank_card"
    title: ClassVar[Title] = Title("银行卡号", "Bank card number")
    standard: ClassVar[str] = "JR/T 0008"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("6222 0210 0111 2233 445", "6222021001112233445"),
        Case("6222-0210-0111-2233", "6222021001112233"),
        Case("12345", None),
        Case("6.222E+18", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The digits."""
        bare = shared(sql("translate(:x, :noise, '')", x=column, noise=_NOISE))
        return sql("CASE WHEN :good THEN :t END", good=full_match(bare, _SHAPE), t=bare)

    def value(self, x: str | None) -> str | None:
        """The digits."""
        bare = None if x is None else x.translate(str.maketrans("", "", _NOISE))
        return bare if bare is not None and re.fullmatch(_SHAPE, bare) else None
