from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found, full_match, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_DOTS = "•・‧∙⋅●•･"
_OPEN, _CLOSE = "([【〔［﹙", ")]】〕］﹚"
_BRACKETS, _ROUND = _OPEN + _CLOSE, "（" * len(_OPEN) + "）" * len(_CLOSE)
_TITLES = "先生|女士|小姐|同志"
_ADDRESSED = f"([^\\n]{{2,}}?)(?:{_TITLES})+"
_UNTIDY = rf"[{_DOTS}. ()\[\]【】〔〕［］﹙﹚]|(?:{_TITLES})\z"


@dataclass(frozen=True, kw_only=True)
class PersonName:
    """A name without blanks inside, and with one kind of dot (·) between the parts of names that have one.

    Names with Latin letters keep their blanks and full stops. Brackets become full-width round ones, and a form of
    address behind a whole name leaves (李小姐 is no whole name).
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
        Case("王伟(曾用名:王 维)", "王伟（曾用名:王维）"),
        Case("王伟 先生", "王伟"),
        Case("王伟同志先生", "王伟"),
        Case("李小姐", "李小姐"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The name; one that is in order costs one look."""
        untidy = shared(found(column, _UNTIDY))
        plain = shared(
            sql(
                "CASE WHEN NOT :untidy THEN :x WHEN :latin THEN translate(:x, :dots, :middle)"
                " ELSE translate(:x, :all_dots, :all_middle) END",
                untidy=untidy,
                latin=found(column, "[A-Za-z]"),
                x=column,
                dots=_DOTS + _BRACKETS,
                middle="·" * len(_DOTS) + _ROUND,
                all_dots=_DOTS + "." + _BRACKETS + " ",
                all_middle="·" * (len(_DOTS) + 1) + _ROUND,
            )
        )
        return sql(
            "CASE WHEN NOT :untidy THEN :x WHEN :addressed THEN regexp_extract(:p, :shape, 1) ELSE :p END",
            untidy=untidy,
            x=column,
            addressed=full_match(plain, _ADDRESSED),
            p=plain,
            shape=f"^{_ADDRESSED}$",
        )

    def value(self, x: str | None) -> str | None:
        """The name."""
        if x is None or not re.search(_UNTIDY.replace(r"\z", r"\Z"), x):
            return x
        if re.search("[A-Za-z]", x):
            plain = x.translate(str.maketrans(_DOTS + _BRACKETS, "·" * len(_DOTS) + _ROUND))
        else:
            plain = x.translate(str.maketrans(_DOTS + "." + _BRACKETS, "·" * (len(_DOTS) + 1) + _ROUND, " "))
        addressed = re.fullmatch(_ADDRESSED, plain)
        return addressed[1] if addressed else plain
