from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.patterns import check_pattern
from cityloom.engines.terms import full_match, never_null, shared
from cityloom.model.text import Title
from cityloom.quality.base import Case, Kept, Sure


@dataclass(frozen=True, kw_only=True)
class Format:
    """A value as a whole must match ``pattern``, a regular expression without look-around, ``\\d``, ``^`` and ``$``."""

    name: ClassVar[str] = "format"
    title: ClassVar[Title] = Title("格式", "Format")
    standard: ClassVar[str] = "GB/T 36344-2018 6.1"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("2024-01-31",), False, {"pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
        Case(("2024/1/31",), True, {"pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
        Case(("2024-01-31\n",), True, {"pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
        Case(("b",), False, {"pattern": "a|b"}),
        Case((None,), False, {"pattern": "a"}),
    )

    pattern: str

    def __post_init__(self) -> None:
        """Check the pattern.

        Raises:
            ConfigError: ``engines.pattern.unfit``.
        """
        check_pattern(self.pattern)

    @property
    def kept(self) -> Kept:
        """The texts that match."""
        return Kept(within=self.pattern)

    def sure(self, column: exp.Expression) -> Sure:
        """The match itself."""
        return Sure(term=shared(full_match(column, self.pattern)), pattern=self.pattern)

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the value does not match."""
        return never_null(exp.not_(shared(full_match(columns[0], self.pattern))))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the value does not match."""
        return values[0] is not None and re.fullmatch(self.pattern, values[0], re.ASCII) is None
