from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found
from cityloom.model.text import Title
from cityloom.standard.base import Case

_DOTS = "•・‧∙⋅●•･"
_UNTIDY = f"[{_DOTS}. ]"


@dataclass(frozen=True, kw_only=True)
class PersonName:
    """A name without blanks inside, and with one kind of dot (·) between the parts of names that have one.

    Names with Latin letters keep their blanks and full stops.
    """

    name: ClassVar[str] = "person_name"
    title: ClassVar[Title] = Title("姓名", "Person's name")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("王 伟", "王伟"),
        Case("阿里木•买买提", "阿里木·买买提"),
        Case("阿里木.买买提", "阿里木·买买提"),
        Case("John F. Smith", "John F. Smith"),
        Case("欧阳娜娜", "欧阳娜娜"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The name; one that is in order costs one look."""
        return sql(
            "CASE WHEN NOT :untidy THEN :x WHEN :latin THEN translate(:x, :dots, :middle)"
            " ELSE translate(:x, :all_dots, :all_middle) END",
            untidy=found(column, _UNTIDY),
            latin=found(column, "[A-Za-z]"),
            x=column,
            dots=_DOTS,
            middle="·" * len(_DOTS),
            all_dots=_DOTS + ". ",
            all_middle="·" * (len(_DOTS) + 1),
        )

    def value(self, x: str | None) -> str | None:
        """The name."""
        if x is None or not re.search(_UNTIDY, x):
            return x
        if re.search("[A-Za-z]", x):
            return x.translate(str.maketrans(_DOTS, "·" * len(_DOTS)))
        return x.translate(str.maketrans(_DOTS + ".", "·" * (len(_DOTS) + 1), " "))
