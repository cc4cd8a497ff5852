"""Chance that comes out the same again: SQL texts that draw from a key by hashing it with a salt.

A *key* is the text of an unsigned 64-bit expression, itself a hash of a row's number and the seed. Every
draw names its own salt, so draws of one row do not depend on each other. Texts are in the DuckDB dialect.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from cityloom.sample.places import roads

_FULL_FROM = "0123456789ABCDEFGHJKLMNPQRTUWXY()"
_FULL_TO = "０１２３４５６７８９ＡＢＣＤＥＦＧＨＪＫＬＭＮＰＱＲＴＵＷＸＹ（）"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of a unified social credit code, in the order of their values."""

_ROADS = roads()
_EPOCH = "DATE '1970-01-01'"


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Sequence[str]) -> str:
    """A list of string literals."""
    return "[" + ", ".join(text(v) for v in values) + "]"


def salted(key: str, salt: str) -> str:
    """A new key out of a key."""
    return f"hash(xor({key}, {zlib.crc32(salt.encode())}::UBIGINT))"


def dice(key: str, salt: str, sides: int) -> str:
    """A whole number from 0 to ``sides - 1``."""
    return f"CAST({salted(key, salt)} % {sides} AS INTEGER)"


def chance(key: str, salt: str, permille: float) -> str:
    """True in ``permille`` of a thousand cases."""
    return f"({dice(key, salt, 1_000_000)} < {round(permille * 1000)})"


def span(key: str, salt: str, length: str) -> str:
    """A whole number from 0 to an expression's value, exclusive; the expression must be positive."""
    return f"CAST((CAST({length} AS BIGINT) * {dice(key, salt, 1_000_000)}) // 1000000 AS INTEGER)"


def pick(key: str, salt: str, values: Sequence[str]) -> str:
    """One of the values, each as likely as it stands often."""
    return f"{texts(values)}[1 + {dice(key, salt, len(values))}]"


def lookup(value: str, table: Mapping[str, str]) -> str:
    """The table's entry for a value."""
    whens = " ".join(f"WHEN {text(k)} THEN {text(v)}" for k, v in table.items())
    return f"CASE {value} {whens} END"


def day(number: str) -> str:
    """The DATE of a number of days since 1970-01-01."""
    return f"({_EPOCH} + CAST({number} AS INTEGER))"


def iso_day(number: str) -> str:
    """The ISO text of a number of days since 1970-01-01."""
    return f"CAST({day(number)} AS VARCHAR)"


def moment(number: str, key: str, salt: str) -> str:
    """``2025-03-01 09:30:12``: a moment of office hours on a day."""
    clock = " || ':' || ".join(
        f"lpad(CAST({part} AS VARCHAR), 2, '0')"
        for part in (
            f"8 + {dice(key, salt + '.h', 10)}",
            dice(key, salt + ".m", 60),
            dice(key, salt + ".s", 60),
        )
    )
    return f"({iso_day(number)} || ' ' || {clock})"


def address(key: str) -> str:
    """An address of the city; its road, house, unit and room follow from the key."""
    room = f"CAST((1 + {dice(key, 'floor', 18)}) * 100 + 1 + {dice(key, 'room', 4)} AS VARCHAR)"
    return (
        f"({texts([name for _, name in _ROADS])}[1 + {dice(key, 'road', len(_ROADS))}]"
        f" || CAST(1 + {dice(key, 'house', 300)} AS VARCHAR) || '号'"
        f" || CAST(1 + {dice(key, 'unit', 6)} AS VARCHAR) || '单元' || {room} || '室')"
    )


def division(key: str) -> str:
    """The six-digit division code of ``address(key)``."""
    return f"{texts([code for code, _ in _ROADS])}[1 + {dice(key, 'road', len(_ROADS))}]"


def citizen_id(body: str) -> str:
    """A GB 11643 number from its first 17 digits (BIGINT), with the ISO 7064 MOD 11-2 check character."""
    weights = [2**n % 11 for n in range(1, 18)]
    total = " + ".join(f"(({body}) // {10**n}) % 10 * {w}" for n, w in enumerate(weights))
    return f"(CAST({body} AS VARCHAR) || substr('10X98765432', 1 + CAST(({total}) % 11 AS INTEGER), 1))"


def org_check(code: str) -> str:
    """The GB 11714 check character of an eight-character organisation code."""
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    total = " + ".join(
        f"(strpos('{letters}', substr({code}, {n}, 1)) - 1) * {w}" for n, w in enumerate(weights, 1)
    )
    return f"substr('0123456789X', 1 + CAST((11 - ({total}) % 11) % 11 AS INTEGER), 1)"


def uscc_check(code: str) -> str:
    """The GB 32100 check character of the first 17 characters."""
    total = " + ".join(
        f"(strpos('{USCC_ALPHABET}', substr({code}, {n}, 1)) - 1) * {3 ** (n - 1) % 31}" for n in range(1, 18)
    )
    return f"substr('{USCC_ALPHABET}', 1 + CAST((31 - ({total}) % 31) % 31 AS INTEGER), 1)"


def base31(number: str, width: int) -> str:
    """A number in the 31 characters of the credit code, ``width`` of them."""
    return "(" + " || ".join(
        f"substr('{USCC_ALPHABET}', 1 + CAST((({number}) // {31**n}) % 31 AS INTEGER), 1)" for n in reversed(range(width))
    ) + ")"  # fmt: skip


def full_width(value: str) -> str:
    """The value with full-width digits, letters and brackets."""
    return f"translate({value}, '{_FULL_FROM}', '{_FULL_TO}')"
