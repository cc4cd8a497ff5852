from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found
from cityloom.model.text import Title
from cityloom.standard.base import Case

_UNTIDY = r"[ ()\[\]【】〔〕［］﹙﹚]"
_OPEN, _CLOSE = "([【〔［﹙", ")]】〕］﹚"
_LATIN = "[A-Za-z]"


@dataclass(frozen=True, kw_only=True)
class OrganisationName:
    """A name of an organisation with full-width round brackets, as registers write it, and without blanks
    (names with Latin letters keep theirs). Kinds of companies stay apart: 有限公司 is not 有限责任公司."""

    name: ClassVar[str] = "organisation_name"
    title: ClassVar[Title] = Title("单位名称", "Name of an organisation")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("云澜(集团)启恒商贸有限公司", "云澜（集团）启恒商贸有限公司"),
        Case("云澜 启恒商贸有限公司", "云澜启恒商贸有限公司"),
        Case("云澜〔集团〕", "云澜（集团）"),
        Case("ABC Trading (Yunlan)", "ABC Trading （Yunlan）"),
        Case("云澜启恒商贸有限公司", "云澜启恒商贸有限公司"),
        Case("云澜［启恒］商贸有限责任公司", "云澜（启恒）商贸有限责任公司"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The name; one that is in order costs one look."""
        given = _OPEN + _CLOSE
        taken = "（" * len(_OPEN) + "）" * len(_CLOSE)
        return sql(
            "CASE WHEN NOT :untidy THEN :x WHEN :latin THEN translate(:x, :given, :taken)"
            " ELSE translate(:x, :given_, :taken) END",
            untidy=found(column, _UNTIDY),
            latin=found(column, _LATIN),
            x=column,
            given=given,
            given_=given + " ",
            taken=taken,
        )

    def value(self, x: str | None) -> str | None:
        """The name."""
        if x is None or not re.search(_UNTIDY, x):
            return x
        blanks = "" if re.search(_LATIN, x) else " "
        return x.translate(str.maketrans(_OPEN + _CLOSE, "（" * len(_OPEN) + "）" * len(_CLOSE), blanks))
