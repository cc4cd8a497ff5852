"""What a representation says of a text: which characters, how many. ``a..30``, ``an18``, ``n..12,2``, ``d8``, ``dt14``, ``bl``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"(an|a|n|dt|d|bl|bn)(\.\.)?([0-9]+)?(?:\.\.([0-9]+))?(?:,([0-9]+))?", re.ASCII)
_DAY = "[0-9]{4}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12][0-9]|3[01])"
_LOGICAL = "true|false|TRUE|FALSE|[01]|[YNyn]|\u662f|\u5426"


@dataclass(frozen=True)
class Representation:
    """A representation in its parts: ``letter`` of its kind, least and most characters (digits before the point for a
    number), digits behind the point. Characters are not counted where ``most`` is None."""

    letter: str
    least: int
    most: int | None
    decimals: int = 0

    @property
    def kind_pattern(self) -> str | None:
        """A pattern of the characters that the kind allows; None where all are (``a`` and ``an``: names are of any script)."""
        if self.letter == "n":
            return r"[+-]?[0-9]+(?:\.[0-9]+)?"
        if self.letter == "d":
            return _DAY
        if self.letter == "dt":
            return f"{_DAY}[ T]?[0-9]{{2}}:?[0-9]{{2}}(?::?[0-9]{{2}}(?:\\.[0-9]+)?)?(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
        return _LOGICAL if self.letter == "bl" else None

    @property
    def length_pattern(self) -> str | None:
        """A pattern of the length alone; None where nothing is said of it. Dates are of the length that their kind has."""
        if self.most is None or self.letter in ("d", "dt", "bl", "bn"):
            return None
        if self.letter == "n":
            behind = f"(?:\\.[0-9]{{1,{self.decimals}}})?" if self.decimals else ""
            least, most = max(1, self.least - self.decimals), max(1, self.most - self.decimals)
            return f"[+-]?[0-9]{{{least},{most}}}{behind}"
        return f"(?s:.{{{self.least},{self.most}}})"


def parse(text: str) -> Representation | None:
    """A representation in its parts; None when it is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    letter, upto, first, last, decimals = found.groups()
    most = int(last or first) if first else None
    least = 0 if upto or first is None else int(first)
    return Representation(letter, least, most, int(decimals or 0))
