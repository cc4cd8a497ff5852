"""Identity keys: whether a key is valid, and what it would be with the right check character.

A key is normalised by the standard layer (18 characters, half width, upper case). Both forms of each rule
stand side by side: SQL for sets, Python for the meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import (
    ID_SHAPE,
    USCC_LETTERS,
    USCC_SHAPE,
    USCC_WEIGHTS,
    id_check,
    id_check_sql,
    is_day,
)
from cityloom.engines.terms import full_match, is_real_date
from cityloom.kernel.errors import ConfigError

_ID_BODY = ID_SHAPE.removesuffix("[0-9X]") + "."
_USCC_BODY = re.sub(r"\{10\}$", "{9}", USCC_SHAPE) + "."


@dataclass(frozen=True, kw_only=True)
class KeyRule:
    """A coding rule of keys.

    ``number`` is a helper value computed once a row (SQL), ``corrected`` the key with the right check
    character (SQL, from the key and its number; NULL when the key cannot be one), ``correct`` the same in
    Python. A key is valid when it equals its corrected form.
    """

    name: str
    standard: str
    number: Callable[[exp.Expression], exp.Expression]
    corrected: Callable[[exp.Expression, exp.Expression], exp.Expression]
    correct: Callable[[str], str | None]


def key_rule(name: str) -> KeyRule:
    """The coding rule of that name.

    Raises:
        ConfigError: ``fuse.key.unknown``, with the rules there are.
    """
    if name not in _RULES:
        raise ConfigError(
            "fuse.key.unknown",
            "There is no coding rule {name} for identity keys.",
            hint="Known: {known}.",
            name=name,
            known=", ".join(_RULES),
        )
    return _RULES[name]


def _citizen_number(said: exp.Expression) -> exp.Expression:
    shape = full_match(said, _ID_BODY)
    return sql("CASE WHEN :shape THEN CAST(substr(:k, 1, 17) AS BIGINT) END", shape=shape, k=said)


def _citizen_corrected(said: exp.Expression, number: exp.Expression) -> exp.Expression:
    year, month, day = (sql(f"(:n // {10**e}) % {m}", n=number) for e, m in ((7, 10_000), (5, 100), (3, 100)))
    return sql(
        "CASE WHEN :real THEN substr(:k, 1, 17) || :check END",
        real=is_real_date(year, month, day),
        k=said,
        check=id_check_sql(number),
    )


def _correct_citizen(said: str) -> str | None:
    if not re.fullmatch(_ID_BODY, said):
        return None
    if not is_day(int(said[6:10]), int(said[10:12]), int(said[12:14])):
        return None
    return said[:17] + id_check(int(said[:17]))


def _uscc_number(said: exp.Expression) -> exp.Expression:
    terms = " + ".join(
        f"(strpos('{USCC_LETTERS}', substr(:k, {i + 1}, 1)) - 1) * {weight}" for i, weight in enumerate(USCC_WEIGHTS)
    )
    return sql(f"CASE WHEN :shape THEN {terms} END", shape=full_match(said, _USCC_BODY), k=said)


def _uscc_corrected(said: exp.Expression, number: exp.Expression) -> exp.Expression:
    check = sql(f"substr('{USCC_LETTERS}', CAST((31 - :n % 31) % 31 AS INTEGER) + 1, 1)", n=number)
    return sql("CASE WHEN :n IS NOT NULL THEN substr(:k, 1, 17) || :check END", n=number, k=said, check=check)


def _correct_uscc(said: str) -> str | None:
    if not re.fullmatch(_USCC_BODY, said):
        return None
    total = sum(USCC_LETTERS.index(c) * w for c, w in zip(said[:17], USCC_WEIGHTS, strict=True))
    return said[:17] + USCC_LETTERS[(31 - total % 31) % 31]


def _nothing(said: exp.Expression) -> exp.Expression:
    return sql("CAST(NULL AS BIGINT)")


def _as_said(said: exp.Expression, number: exp.Expression) -> exp.Expression:
    return sql("nullif(:k, '')", k=said)


_RULES = {
    "citizen_id": KeyRule(
        name="citizen_id",
        standard="GB 11643",
        number=_citizen_number,
        corrected=_citizen_corrected,
        correct=_correct_citizen,
    ),
    "uscc": KeyRule(
        name="uscc",
        standard="GB 32100",
        number=_uscc_number,
        corrected=_uscc_corrected,
        correct=_correct_uscc,
    ),
    "any": KeyRule(name="any", standard="own", number=_nothing, corrected=_as_said, correct=lambda said: said or None),
}
"""``any`` takes each text that is not empty as it stands: for keys without a check character."""
