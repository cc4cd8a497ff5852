"""Identity keys: whether a key is valid, and what it would be with the right check character.

A key is normalised by the standard layer (18 characters, half width, upper case). Both forms of each rule
stand here side by side: SQL for sets, Python for the meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.kernel.errors import ConfigError

_CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_CHECKS = "10X98765432"
_USCC_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


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
    return sql("CASE WHEN length(:k) = 18 THEN try_cast(substr(:k, 1, 17) AS BIGINT) END", k=said)


def _citizen_corrected(said: exp.Expression, number: exp.Expression) -> exp.Expression:
    total = " + ".join(f"(:n // {10 ** (16 - i)}) % 10 * {w}" for i, w in enumerate(_CITIZEN_WEIGHTS))
    return sql(
        f"""CASE WHEN :n >= 10000000000000000 AND (:n // 100000) % 100 BETWEEN 1 AND 12
            AND (:n // 1000) % 100 BETWEEN 1 AND 31 AND (:n // 10000000) % 10000 BETWEEN 1850 AND 2199
        THEN substr(:k, 1, 17) || substr('{_CITIZEN_CHECKS}', CAST(({total}) % 11 AS INTEGER) + 1, 1) END""",
        n=number,
        k=said,
    )


def _correct_citizen(said: str) -> str | None:
    body = said[:17]
    if len(said) != 18 or not (body.isascii() and body.isdigit()) or body[0] == "0":
        return None
    year, month, day = int(body[6:10]), int(body[10:12]), int(body[12:14])
    if not (1850 <= year <= 2199 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    total = sum(int(c) * w for c, w in zip(body, _CITIZEN_WEIGHTS, strict=True))
    return body + _CITIZEN_CHECKS[total % 11]


def _uscc_number(said: exp.Expression) -> exp.Expression:
    terms = " + ".join(
        f"(strpos('{_USCC_SIGNS}', substr(:k, {i + 1}, 1)) - 1) * {w}" for i, w in enumerate(_USCC_WEIGHTS)
    )
    return sql(f"CASE WHEN regexp_full_match(:k, '[{_USCC_SIGNS}]{{17}}.') THEN {terms} END", k=said)


def _uscc_corrected(said: exp.Expression, number: exp.Expression) -> exp.Expression:
    return sql(
        f"substr(:k, 1, 17) || substr('{_USCC_SIGNS}', CAST((31 - :n % 31) % 31 AS INTEGER) + 1, 1)",
        n=number,
        k=said,
    )


def _correct_uscc(said: str) -> str | None:
    body = said[:17]
    if len(said) != 18 or any(c not in _USCC_SIGNS for c in body):
        return None
    total = sum(_USCC_SIGNS.index(c) * w for c, w in zip(body, _USCC_WEIGHTS, strict=True))
    return body + _USCC_SIGNS[(31 - total % 31) % 31]


_RULES = {
    "citizen_id": KeyRule(
        name="citizen_id",
        standard="GB 11643-1999",
        number=_citizen_number,
        corrected=_citizen_corrected,
        correct=_correct_citizen,
    ),
    "uscc": KeyRule(
        name="uscc",
        standard="GB 32100-2015",
        number=_uscc_number,
        corrected=_uscc_corrected,
        correct=_correct_uscc,
    ),
}
