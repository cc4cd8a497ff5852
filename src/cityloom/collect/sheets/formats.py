"""Number formats: which make a number a date, a time, a length of time, or a code with leading zeros."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKET = re.compile(r"\[(?![hmsHMS]+\])[^\]]*\]")
_ELAPSED = re.compile(r"\[[hmsHMS]+\]")
_HALVES = re.compile(r"am/pm|a/p|上午/下午", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}")
_DAYS = frozenset("ymdYMDeEgGbB")
_HOURS = frozenset("hsHS")
_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, *range(32, 36), 45, 47, 55, 56), "h:mm:ss"),
    22: "yyyy-mm-dd h:mm",
    46: "[h]:mm:ss",
}
"""Formats that a file names by number only; those from 27 on are the Chinese ones."""


class Kind(Enum):
    """What a format makes of a number."""

    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    MOMENT = "moment"
    SPAN = "span"
    CODE = "code"


@dataclass(frozen=True)
class Format:
    """What a format makes of a number; ``width`` of a code in digits."""

    kind: Kind
    width: int = 0


GENERAL = Format(Kind.NUMBER)


def built_in(number: int) -> Format:
    """The format that stands under a number in every workbook."""
    return classify(_BUILT_IN.get(number, ""))


@lru_cache(maxsize=4096)
def classify(text: str) -> Format:
    """The format that a text describes; its first section counts."""
    plain = _BRACKET.sub("", _QUOTED.sub("", text.split(";")[0]))
    if _ELAPSED.search(plain):
        return Format(Kind.SPAN)
    plain = _HALVES.sub("h", plain)
    if plain.strip().lower() in ("", "general", "@"):
        return GENERAL
    letters = set(plain)
    has_hours = bool(letters & _HOURS)
    has_days = bool(letters & _DAYS) and not re.search(r"[0#][eE][+-]", plain)
    if has_hours:
        only_minutes = not letters & (_DAYS - set("mM"))
        return Format(Kind.TIME if only_minutes and not re.search(r"[mM]{3,}", plain) else Kind.MOMENT)
    if has_days and not letters & set("0#?"):
        return Format(Kind.DATE)
    if _ZEROS.fullmatch(plain.strip()):
        return Format(Kind.CODE, len(plain.strip()))
    return GENERAL
