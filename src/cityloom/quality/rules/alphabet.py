from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.terms import full_match, never_null, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.quality.base import Case, Kept, Sure

_CLASSES = {
    "han": "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "latin": "A-Za-z",
    "upper": "A-Z",
    "lower": "a-z",
    "digits": "0-9",
    "space": " \u3000",
}
_NAME = {"only": ("han",), "more": "·"}


@dataclass(frozen=True, kw_only=True)
class Alphabet:
    """A text must be made of the characters of ``only`` and of those in ``more``.

    ``only`` names sets: ``han`` (Chinese characters, rare ones too), ``latin``, ``upper``, ``lower``, ``digits`` (0 to 9
    of normal width), ``space``.
    """

    name: ClassVar[str] = "alphabet"
    title: ClassVar[Title] = Title("字符值域", "Set of characters")
    standard: ClassVar[str] = "GB/T 36344-2018 6.1"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("张伟",), False, _NAME),
        Case(("买买提·吐尔逊",), False, _NAME),
        Case(("𠮷野",), False, _NAME),
        Case(("张伟2",), True, _NAME),
        Case(("张 伟",), True, _NAME),
        Case(("A1-[]",), False, {"only": ("upper", "digits"), "more": "-[]^\\"}),
        Case(("A１",), True, {"only": ("upper", "digits")}),
        Case((None,), False, _NAME),
    )

    only: tuple[str, ...]
    more: str = ""

    def __post_init__(self) -> None:
        """Check the names of sets.

        Raises:
            ConfigError: ``quality.alphabet.unknown``.
        """
        unknown = [name for name in self.only if name not in _CLASSES]
        if unknown:
            raise ConfigError(
                "quality.alphabet.unknown",
                "There is no set of characters {unknown}.",
                hint="There are: {known}.",
                unknown=", ".join(unknown),
                known=", ".join(_CLASSES),
            )

    @property
    def pattern(self) -> str:
        """The texts that are allowed."""
        more = "".join(f"\\{c}" if c in "\\[]^-&~|" else c for c in self.more)
        return f"[{''.join(_CLASSES[name] for name in self.only)}{more}]*"

    @property
    def kept(self) -> Kept:
        """The texts that are allowed."""
        return Kept(within=self.pattern)

    def sure(self, column: exp.Expression) -> Sure:
        """The match itself."""
        return Sure(term=shared(full_match(column, self.pattern)), pattern=self.pattern)

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether another character is there."""
        return never_null(exp.not_(shared(full_match(columns[0], self.pattern))))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether another character is there."""
        return values[0] is not None and re.fullmatch(self.pattern, values[0]) is None
