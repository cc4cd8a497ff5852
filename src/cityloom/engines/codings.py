"""编码规则: rules by which identifiers are made, as integer arithmetic for engines and as plain meaning.

Each coding knows whether a text obeys it, twice: ``is_valid`` in Python is the meaning, ``sql`` a term that
any engine computes and that is never NULL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, full_match, is_real_date, never_null, shared

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
ID_SHAPE = "[1-9][0-9]{16}[0-9X]"
USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
USCC_SHAPE = f"[{USCC_LETTERS}]{{2}}[0-9]{{6}}[{USCC_LETTERS}]{{10}}"
PHONE_SHAPE = "1[3-9][0-9]{9}|0[1-9][0-9]{8,10}|[48]00[0-9]{7}"
DIVISION_SHAPE = "[1-9][0-9]{5}(?:[0-9]{3}(?:[0-9]{3})?)?"


@dataclass(frozen=True)
class Coding:
    """One coding rule: its name in YAML, the standard, its meaning and its term.

    All that is valid matches ``shape`` as a whole; ``is_shape`` where nothing more is asked.
    """

    name: str
    standard: str
    is_valid: Callable[[str], bool]
    sql: Callable[[exp.Expression], exp.Expression]
    shape: str
    is_shape: bool = False


def id_check(seventeen: int) -> str:
    """The check character of a citizen id number (ISO 7064 MOD 11-2) from its first seventeen digits."""
    digits = f"{seventeen:017d}"
    return ID_CHECKS[sum(int(d) * w for d, w in zip(digits, ID_WEIGHTS, strict=True)) % 11]


def id_check_sql(seventeen: exp.Expression) -> exp.Expression:
    """The same as a term over a BIGINT."""
    parts = [
        sql(f"(:n // {10 ** (16 - i)}) % 10 * {weight}", n=seventeen) for i, weight in enumerate(ID_WEIGHTS)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = exp.Add(this=total, expression=part)
    return sql(f"substr('{ID_CHECKS}', CAST((:total) % 11 AS INT) + 1, 1)", total=total)


def is_day(year: int, month: int, day: int) -> bool:
    """Whether three numbers are a day of the calendar."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_citizen_id(text: str) -> bool:
    """Whether a text is a citizen id number of eighteen characters (GB 11643): shape, birthday, check."""
    if not re.fullmatch(ID_SHAPE, text):
        return False
    return is_day(int(text[6:10]), int(text[10:12]), int(text[12:14])) and id_check(int(text[:17])) == text[17]


def id_number_sql(text: exp.Expression) -> exp.Expression:
    """The first seventeen digits of a citizen id number as a BIGINT, NULL where the shape is wrong. Shared."""
    shape = full_match(text, ID_SHAPE)
    return shared(sql("CASE WHEN :shape THEN TRY_CAST(substr(:x, 1, 17) AS BIGINT) END", shape=shape, x=text))


def _citizen_id_sql(text: exp.Expression) -> exp.Expression:
    number = id_number_sql(text)
    born = shared(sql("(:n // 1000) % 100000000", n=number))
    real = is_real_date(
        sql(":b // 10000", b=born), sql("(:b // 100) % 100", b=born), sql(":b % 100", b=born)
    )
    check = sql(":check = substr(:x, 18, 1)", check=id_check_sql(number), x=text)
    return shared(never_null(all_of(real, check)))


def is_uscc(text: str) -> bool:
    """Whether a text is a unified social credit code (GB 32100): shape and check character modulo 31."""
    if not re.fullmatch(USCC_SHAPE, text):
        return False
    total = sum(USCC_LETTERS.index(c) * w for c, w in zip(text[:17], USCC_WEIGHTS, strict=True))
    return USCC_LETTERS[(31 - total % 31) % 31] == text[17]


def _uscc_sql(text: exp.Expression) -> exp.Expression:
    total: exp.Expression = exp.Literal.number(0)
    for i, weight in enumerate(USCC_WEIGHTS):
        part = sql(f"(strpos('{USCC_LETTERS}', substr(:x, {i + 1}, 1)) - 1) * {weight}", x=text)
        total = exp.Add(this=total, expression=part)
    check = sql(f"substr('{USCC_LETTERS}', CAST((31 - (:total) % 31) % 31 AS INT) + 1, 1)", total=total)
    shape = full_match(text, USCC_SHAPE)
    return shared(
        never_null(sql("CASE WHEN :shape THEN :check = substr(:x, 18, 1) END", shape=shape, check=check, x=text))
    )


def _shaped(name: str, standard: str, pattern: str) -> Coding:
    return Coding(
        name,
        standard,
        lambda text: re.fullmatch(pattern, text) is not None,
        lambda text: never_null(shared(full_match(text, pattern))),
        pattern,
        is_shape=True,
    )


CODINGS = {
    coding.name: coding
    for coding in (
        Coding("citizen_id", "GB 11643", is_citizen_id, _citizen_id_sql, ID_SHAPE),
        Coding("uscc", "GB 32100", is_uscc, _uscc_sql, USCC_SHAPE),
        _shaped("phone", "own", PHONE_SHAPE),
        _shaped("division", "GB/T 2260, GB/T 10114", DIVISION_SHAPE),
    )
}
"""All coding rules by name."""
