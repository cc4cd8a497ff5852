from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.decimals import decimal_sql, decimal_value

_WAN, _YI = 10_000, 100_000_000
_UNITS: Mapping[str, int] = {
    "万元人民币": _WAN, "万人民币": _WAN, "万元": _WAN, "万": _WAN, "亿元": _YI, "亿": _YI, "元人民币": 1, "元": 1, "圆": 1,
}  # fmt: skip
_NOISE = " ¥￥"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A sum of money in yuan as plain decimal text, from texts with 元, 万元 or 亿元 or none, in digits
    or in Chinese characters (banker's too, with 角 and 分), with brackets round what is negative.

    What says no sum becomes missing and is counted.
    """

    name: ClassVar[str] = "amount"
    title: ClassVar[Title] = Title("金额（元）", "Sum in yuan")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("500000", "500000"),
        Case("50万元", "500000"),
        Case("1.5亿元", "150000000"),
        Case("1,234.50元", "1234.5"),
        Case("￥ 100", "100"),
        Case("100万元人民币", "1000000"),
        Case("1.2E7", "12000000"),
        Case("五百万元", "5000000"),
        Case("壹亿贰仟万元整", "120000000"),
        Case("壹仟贰佰叁拾肆元伍角陆分", "1234.56"),
        Case("(1,200.00)", "-1200"),
        Case("万元", None),
        Case("约50万", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The sum."""
        return decimal_sql(column, _UNITS, _NOISE, is_money=True)

    def value(self, x: str | None) -> str | None:
        """The sum."""
        return decimal_value(x, _UNITS, _NOISE, is_money=True)
