from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot import exp

from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.decimals import decimal_sql, decimal_value


@dataclass(frozen=True, kw_only=True)
class Number:
    """A decimal number as plain text: no thousands separators, no unit, no needless zeros.

    Understood are exponents (``1.2E-3``), percentages (``12.5%`` is 0.125), accountants' brackets for what is
    negative, and Chinese numerals, ordinary and banker's; one that leaves its last unit out (三万五) is no number.
    ``units`` maps a unit that may stand behind the number to its factor; a percent sign that is one (``{"%": 1}``) is no
    percentage. Up to 18 digits before the point
    and 18 behind it (8 where a unit has a factor other than 1), exactly; what is no such number becomes
    missing and is counted.
    """

    name: ClassVar[str] = "number"
    title: ClassVar[Title] = Title("数值", "Number")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("89.50", "89.5"),
        Case("1,234", "1234"),
        Case("12,34", None),
        Case("89.5平方米", "89.5", {"units": {"平方米": 1, "㎡": 1}}),
        Case("-73.859689358583010", "-73.85968935858301"),
        Case("2.123456789万", None, {"units": {"万": 10000}}),
        Case("-0.0", "0"),
        Case("007", "7"),
        Case("1e5", "100000"),
        Case("1.2E-3", "0.0012"),
        Case("1e-19", None),
        Case("12.5%", "0.125"),
        Case("12.5%", "12.5", {"units": {"%": 1}}),
        Case("12.5‰", "0.0125", {"units": {"%": 1}}),
        Case("(1,234.50)", "-1234.5"),
        Case("一百二十三", "123"),
        Case("壹佰贰拾叁点五", "123.5"),
        Case("三万零五百", "30500"),
        Case("三万五", None),
        Case("NaN", None),
        Case(None, None),
    )

    units: Mapping[str, int] = field(default_factory=dict)

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The number."""
        return decimal_sql(column, self.units, " ")

    def value(self, x: str | None) -> str | None:
        """The number."""
        return decimal_value(x, self.units, " ")
