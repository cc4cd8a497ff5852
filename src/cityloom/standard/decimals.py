"""Decimal numbers as plain text: exact, without separators, exponents or needless zeros."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared

PLAIN = "0|[1-9][0-9]{0,17}"
NUMBER = r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.[0-9]{1,8})?"


def decimal_sql(column: exp.Expression, units: Mapping[str, int], noise: str) -> exp.Expression:
    """The number that a text says, times its unit, as plain text; NULL where it says none.

    Args:
        column: the text.
        units: unit at the text's end -> factor (a whole number up to 10^9).
        noise: characters that mean nothing, such as a currency sign.
    """
    bare = shared(
        sql("CASE WHEN :plain THEN :x ELSE translate(:x, :noise, '') END", plain=full_match(column, PLAIN), x=column, noise=noise)
    )
    ending = f"(?:{'|'.join(map(re.escape, units))})" if units else "(?:)"
    digits = sql("regexp_replace(:t, :ending, '')", t=bare, ending=rf"{ending}\z")
    factor: exp.Expression = exp.Literal.number(1)
    for unit, times in units.items():
        if times != 1:
            condition = sql("ends_with(:t, :unit)", t=bare, unit=unit)
            factor = sql("CASE WHEN :is THEN :times ELSE :other END", **{"is": condition}, times=times, other=factor)
    exact = sql(
        "CAST(TRY_CAST(replace(:d, ',', '') AS DECIMAL(26, 8)) * CAST(:f AS DECIMAL(10, 0)) AS VARCHAR)", d=digits, f=factor
    )
    return sql(
        "CASE WHEN :plain THEN :t WHEN :number THEN regexp_replace(:exact, :zeros, '') END",
        plain=full_match(bare, PLAIN),
        t=bare,
        number=full_match(bare, f"{NUMBER}{ending}?"),
        exact=exact,
        zeros=r"\.?0+\z",
    )


def decimal_value(x: str | None, units: Mapping[str, int], noise: str) -> str | None:
    """The meaning of :func:`decimal_sql`."""
    if x is None:
        return None
    text = x.translate(str.maketrans("", "", noise))
    unit = next((u for u in sorted(units, key=len, reverse=True) if text.endswith(u)), "")
    digits = text.removesuffix(unit) if unit else text
    if not re.fullmatch(NUMBER, digits):
        return None
    number = f"{Decimal(digits.replace(',', '')) * units.get(unit, 1):.8f}".rstrip("0").rstrip(".")
    return "0" if number == "-0" else number
