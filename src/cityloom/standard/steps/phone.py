from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.standard.base import Case

_NOISE = " ()+.-—–−"
_USUAL = "1[3-9][0-9]{9}"
_MOBILE = f"(?:0086|86|0)?{_USUAL}"
_LOCAL = "[2-9][0-9]{6,7}"
_EXTENDED = (
    r"(?:[(]?(0[1-9][0-9]{1,2})[)]?[- ]?)?([2-9][0-9]{2,3}[- ]?[0-9]{4})"
    " ?(?:转接?|轉|分[机機][:：]?|[eE][xX][tT][.]?|[xX#-]) ?([0-9]{1,6})"
)
"""Area code, number, extension."""
_AREA = "0[1-9][0-9]{1,2}"


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A telephone number as digits, a mobile one without the country's prefix, an extension behind a hyphen. Other
    texts stay.

    ``area`` is the area code (``028``) of numbers that are written without one.
    """

    name: ClassVar[str] = "phone"
    title: ClassVar[Title] = Title("电话号码", "Telephone number")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("13800138000", "13800138000"),
        Case("+86 138-0013-8000", "13800138000"),
        Case("008613800138000", "13800138000"),
        Case("013800138000", "13800138000"),
        Case("(028) 8765-4321", "02887654321"),
        Case("028-87654321转12", "02887654321-12"),
        Case("(028)8765 4321 分机：12", "02887654321-12"),
        Case("028-87654321-801", "02887654321-801"),
        Case("8765-4321", "87654321"),
        Case("8765-4321", "02887654321", {"area": "028"}),
        Case("7654321 ext.5", "08167654321-5", {"area": "0816"}),
        Case("0571-87654321", "057187654321", {"area": "028"}),
        Case("12345", "12345", {"area": "028"}),
        Case("1380013800", "1380013800"),
        Case(None, None),
    )

    area: str = ""

    def __post_init__(self) -> None:
        if self.area and not re.fullmatch(_AREA, self.area):
            raise ConfigError(
                "standard.phone.area", "{area} is no area code.", hint="Write it with its zero: 028.", area=self.area
            )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The digits; an ordinary mobile number costs one look."""
        usual = shared(full_match(column, _USUAL))
        digits = shared(sql("CASE WHEN :usual THEN :x ELSE translate(:x, :noise, '') END", usual=usual, x=column, noise=_NOISE))
        area, number, extension = (sql("regexp_extract(:x, :shape, :n)", x=column, shape=f"^{_EXTENDED}$", n=n) for n in (1, 2, 3))
        return sql(
            "CASE WHEN :usual THEN :x"
            " WHEN :extended THEN coalesce(nullif(:found, ''), :area) || translate(:number, ' -', '') || '-' || :extension"
            " WHEN :mobile THEN right(:d, 11) WHEN :local THEN :area || :d WHEN :bare THEN :d ELSE :x END",
            usual=usual,
            x=column,
            extended=full_match(column, _EXTENDED),
            found=area,
            area=self.area,
            number=number,
            extension=extension,
            mobile=full_match(digits, _MOBILE),
            local=full_match(digits, _LOCAL),
            bare=full_match(digits, "[0-9]+"),
            d=digits,
        )

    def value(self, x: str | None) -> str | None:
        """The digits."""
        if x is None:
            return None
        if found := re.fullmatch(_EXTENDED, x):
            number = found[2].translate(str.maketrans("", "", " -"))
            return f"{found[1] or self.area}{number}-{found[3]}"
        digits = x.translate(str.maketrans("", "", _NOISE))
        if re.fullmatch(_MOBILE, digits):
            return digits[-11:]
        if re.fullmatch(_LOCAL, digits):
            return self.area + digits
        return digits if re.fullmatch("[0-9]+", digits) else x
