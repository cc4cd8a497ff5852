"""表示格式 of a data element as a rule that any value can be held against."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHAPE = re.compile(r"(an|a|n|c)(?:\.\.([0-9]+)|([0-9]+)\.\.([0-9]+)|([0-9]+))?(?:,([0-9]+))?", re.ASCII)
_DAY = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_FIXED = {
    "d8": ("date", "[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"),
    "d10": ("date", _DAY),
    "dt14": ("time", "[0-9]{14}"),
    "dt15": ("time", "[0-9]{8}T[0-9]{6}"),
    "dt19": ("time", f"{_DAY}[ T]{_TIME}"),
    "bl": ("truth", "true|false|0|1"),
}


@dataclass(frozen=True, kw_only=True)
class Representation:
    """What the values of a representation look like.

    ``kind`` is text, number, date, time or truth; ``pattern`` one that the whole value matches (RE2, Java, Python
    and browsers alike), empty for text; ``least`` and ``most`` characters.
    """

    kind: str
    pattern: str = ""
    least: int = 0
    most: int = 0


def parse_representation(text: str) -> Representation | None:
    """``a..30``, ``an18``, ``n6..12``, ``n..12,2``, ``d10``, ``dt19``, ``bl`` (GB/T 19488.2); nothing for another text."""
    wanted = text.strip().lower()
    if wanted in _FIXED:
        kind, pattern = _FIXED[wanted]
        return Representation(kind=kind, pattern=pattern)
    found = _SHAPE.fullmatch(wanted)
    if found is None:
        return None
    letters, upto, first, last, exact, decimals = found.groups()
    least, most = int(first or exact or 0), int(upto or last or exact or 0)
    if letters == "n":
        return Representation(kind="number" if decimals else "digits", pattern=_digits(least, most, int(decimals or 0)))
    return Representation(kind="text", least=least, most=most)


def _digits(least: int, most: int, decimals: int) -> str:
    if decimals:
        whole = max(most - decimals, 1) if most else 30
        return rf"-?[0-9]{{1,{whole}}}(?:[.][0-9]{{1,{decimals}}})?"
    return f"[0-9]{{{max(least, 1)},{most}}}" if most else "[0-9]+"
