"""Decimal numbers as plain text: exact, without separators, exponents or needless zeros."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.standard.numerals import digits_of, digits_sql, money_of, money_sql

PLAIN = "0|[1-9][0-9]{0,17}"
NUMBER = r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})"
PLACES, SCALED_PLACES = 18, 8
"""Digits behind the point that are kept; fewer where a unit scales the number."""


def decimal_sql(
    column: exp.Expression, units: Mapping[str, int], noise: str, *, is_money: bool = False
) -> exp.Expression:
    """The number that a text says, times its unit, as plain text; NULL where it says none.

    Exponents, percentages, accountants' brackets and Chinese numerals are understood.

    Args:
        column: the text.
        units: unit at the text's end -> factor (a whole number up to 10^9).
        noise: characters that mean nothing, such as a currency sign.
        is_money: whether sums in Chinese characters, with tenths and hundredths, are understood too.
    """
    tidy = sql("translate(:x, :noise, '')", x=column, noise=noise)
    usual = shared(sql("CASE WHEN :plain THEN :x ELSE :tidy END", plain=full_match(column, PLAIN), x=column, tidy=tidy))
    bare = shared(digits_sql(shared(money_sql(usual)) if is_money else usual, units))
    ending = f"(?:{'|'.join(map(re.escape, units))})" if units else "(?:)"
    digits = sql("regexp_replace(:t, :ending, '')", t=bare, ending=rf"{ending}\z")
    places = _places(units)
    factor: exp.Expression = exp.Literal.number(1)
    for unit, times in units.items():
        if times != 1:
            condition = sql("ends_with(:t, :unit)", t=bare, unit=unit)
            factor = sql("CASE WHEN :is THEN :times ELSE :other END", **{"is": condition}, times=times, other=factor)
    exact = sql(f"TRY_CAST(replace(:d, ',', '') AS DECIMAL({places + 18}, {places}))", d=digits)
    if places == SCALED_PLACES:
        exact = sql("(:n * CAST(:f AS DECIMAL(10, 0)))", n=exact, f=factor)
    return sql(
        "CASE WHEN :plain THEN :t WHEN :number THEN regexp_replace(:exact, :zeros, '') END",
        plain=full_match(bare, PLAIN),
        t=bare,
        number=full_match(bare, rf"{NUMBER}(?:\.[0-9]{{1,{places}}})?{ending}?"),
        exact=sql("CAST(:n AS VARCHAR)", n=exact),
        zeros=r"\.?0+\z",
    )


def decimal_value(x: str | None, units: Mapping[str, int], noise: str, *, is_money: bool = False) -> str | None:
    """The meaning of :func:`decimal_sql`."""
    if x is None:
        return None
    tidy = x.translate(str.maketrans("", "", noise))
    text = digits_of(money_of(tidy) if is_money else tidy, units)
    unit = next((u for u in sorted(units, key=len, reverse=True) if text.endswith(u)), "")
    digits = text.removesuffix(unit) if unit else text
    places = _places(units)
    if not re.fullmatch(rf"{NUMBER}(?:\.[0-9]{{1,{places}}})?", digits):
        return None
    exact = Decimal(digits.replace(",", ""))
    if places == SCALED_PLACES:
        exact *= units.get(unit, 1)
    number = f"{exact:.{places}f}".rstrip("0").rstrip(".")
    return "0" if number == "-0" else number


def _places(units: Mapping[str, int]) -> int:
    return SCALED_PLACES if any(times != 1 for times in units.values()) else PLACES
