from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import shared, trimmed
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.standard.base import Case

_MOST = 50


@dataclass(frozen=True, kw_only=True)
class Split:
    """One part of a text that holds several, without blanks around it; an empty part, or one that is not there, is
    missing.

    ``by`` are the characters any of which ends a part, ``part`` is its number from 1.
    """

    name: ClassVar[str] = "split"
    title: ClassVar[Title] = Title("拆分", "Split")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("王伟、李娜", "王伟", {"by": "、,;/", "part": 1}),
        Case("王伟、李娜", "李娜", {"by": "、,;/", "part": 2}),
        Case("四川省/成都市, 武侯区", "武侯区", {"by": "/,", "part": 3}),
        Case("a", None, {"by": ",", "part": 2}),
        Case(",a", None, {"by": ",", "part": 1}),
        Case("a", "a", {"by": ",", "part": 1}),
        Case("", None, {"by": ",", "part": 1}),
        Case(None, None, {"by": ",", "part": 1}),
    )

    by: str
    part: int

    def __post_init__(self) -> None:
        if not self.by or " " in self.by or not 1 <= self.part <= _MOST:
            raise ConfigError(
                "standard.split.options",
                "The step split needs characters to split by (no blank), and the number of a part.",
                hint="part is 1 to {most}.",
                most=_MOST,
            )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The part."""
        first = self.by[0]
        alike = shared(sql("translate(:x, :by, :first)", x=column, by=self.by, first=first * len(self.by)))
        part = shared(sql("split_part(:t, :first, :part)", t=alike, first=first, part=self.part))
        return sql("nullif(:part, '')", part=trimmed(part, " "))

    def value(self, x: str | None) -> str | None:
        """The part."""
        if x is None:
            return None
        parts = x.translate(str.maketrans(self.by, self.by[0] * len(self.by))).split(self.by[0])
        return (parts[self.part - 1].strip(" ") or None) if self.part <= len(parts) else None
