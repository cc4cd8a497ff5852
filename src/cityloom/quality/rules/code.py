from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import lookup, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.codes import CURRENT, is_moment, valid_codes
from cityloom.model.standard import Code as OneCode
from cityloom.model.standard import CodeTable
from cityloom.model.text import Title
from cityloom.quality.base import Case, Sure

_OPTIONS = {
    "codes": "sex",
    "tables": {
        "sex": CodeTable(
            name="sex",
            title=Title("性别", "Sex"),
            standard="GB/T 2261.1",
            codes=(
                OneCode(code="1", title=Title("男性", "Male"), variants=("男",)),
                OneCode(code="3", title=Title("旧", "Old"), valid_to="2010-12-31", successors=("1",)),
            ),
        )
    },
}


@dataclass(frozen=True, kw_only=True)
class Code:
    """A value must be a code of the code table ``codes``: neither its name nor a variant of it.

    ``at`` is the time at which codes count, where the table has a history: a day (``2012-12-31``), ``any`` for every
    code that ever did, or ``current`` for those that have not ended.
    """

    name: ClassVar[str] = "code"
    title: ClassVar[Title] = Title("代码值域", "Code of a code table")
    standard: ClassVar[str] = "GB/T 36344-2018 6.1"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("1",), False, _OPTIONS),
        Case(("男",), True, _OPTIONS),
        Case(("01",), True, _OPTIONS),
        Case((None,), False, _OPTIONS),
        Case(("3",), True, _OPTIONS),
        Case(("3",), False, {**_OPTIONS, "at": "2009-12-31"}),
        Case(("3",), False, {**_OPTIONS, "at": "any"}),
    )

    codes: str
    at: str = CURRENT
    tables: Mapping[str, CodeTable]

    @cached_property
    def allowed(self) -> dict[str, str]:
        """The codes.

        Raises:
            ConfigError: ``quality.codes.unknown`` or ``quality.codes.moment``.
        """
        if self.codes not in self.tables:
            raise ConfigError(
                "quality.codes.unknown",
                "There is no code table {codes}.",
                hint="Known: {known}.",
                codes=self.codes,
                known=", ".join(sorted(self.tables)),
            )
        if not is_moment(self.at):
            raise ConfigError(
                "quality.codes.moment",
                "{at} is no time at which codes count.",
                hint="Write a day as yyyy-mm-dd, current or any.",
                at=self.at,
            )
        return {code: code for code in valid_codes(self.tables[self.codes], self.at)}

    def sure(self, column: exp.Expression) -> Sure:
        """The search itself."""
        found = shared(lookup(column, self.allowed))
        return Sure(term=sql("(:found IS NOT NULL)", found=found), texts=tuple(self.allowed))

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the value is no code."""
        return sql("(:x IS NOT NULL AND :found IS NULL)", x=columns[0], found=shared(lookup(columns[0], self.allowed)))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the value is no code."""
        return values[0] is not None and values[0] not in self.allowed
