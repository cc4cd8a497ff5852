"""What a representation says of a text: which characters, how many. ``a..30``, ``an18``, ``n..12,2``, ``d8``, ``dt14``, ``bl``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, never_null

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
    def has_length(self) -> bool:
        """Whether anything is said of the length. Dates are of the length that their kind has."""
        return self.most is not None and self.letter not in ("d", "dt", "bl", "bn")

    def length_sql(self, text: exp.Expression) -> exp.Expression:
        """Whether a text has the length; never NULL. Characters are counted, not matched: patterns repeat a thousand
        times at most."""
        if self.letter == "n":
            return never_null(full_match(text, self._digits))
        return never_null(sql("length(:x) BETWEEN :least AND :most", x=text, least=self.least, most=self.most))

    def has_such_length(self, text: str) -> bool:
        """The meaning of :meth:`length_sql`."""
        if self.letter == "n":
            return re.fullmatch(self._digits, text) is not None
        return self.most is not None and self.least <= len(text) <= self.most

    @property
    def _digits(self) -> str:
        behind = f"(?:\\.[0-9]{{1,{self.decimals}}})?" if self.decimals else ""
        least, most = max(1, self.least - self.decimals), max(1, (self.most or 0) - self.decimals)
        return f"[+-]?[0-9]{{{least},{most}}}{behind}"


def parse(text: str) -> Representation | None:
    """A representation in its parts; None when it is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    letter, upto, first, last, decimals = found.groups()
    most = int(last or first) if first else None
    least = 0 if upto or first is None else int(first)
    return Representation(letter, least, most, int(decimals or 0))
