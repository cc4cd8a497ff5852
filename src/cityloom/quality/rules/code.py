from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.periods import day_of, day_sql, on_day, on_day_sql
from cityloom.engines.terms import lookup, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.codes import CURRENT, is_moment, periods_of, valid_codes
from cityloom.model.standard import Code as OneCode
from cityloom.model.standard import CodeTable
from cityloom.model.text import Title
from cityloom.quality.base import Case, Sure, is_blank, is_blank_value

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
    code that ever did, or ``current`` for those that have not ended. Of two columns the first is the day at which they
    count in its row (``columns: [registered_on, division]``); ``at`` is then for rows without a day.
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
        Case(("1995-06-01", "3"), False, {**_OPTIONS, "at": "2012-12-31"}),
        Case(("2012-06-01T08:00:00", "3"), True, {**_OPTIONS, "at": "2012-12-31"}),
        Case((None, "1"), False, {**_OPTIONS, "at": "2012-12-31"}),
        Case(("1995年", "3"), True, {**_OPTIONS, "at": "2012-12-31"}),
    )

    codes: str
    at: str = CURRENT
    tables: Mapping[str, CodeTable]
    columns: tuple[str, ...] = ()

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

    @property
    def applies(self) -> Callable[[Sequence[exp.Expression]], exp.Expression] | None:
        """With a day, a row without one is judged, too."""
        return (lambda columns: sql("NOT :blank", blank=is_blank(columns[-1]))) if self._is_dated else None

    @property
    def applies_to(self) -> Callable[[Sequence[str | None]], bool] | None:
        """The meaning of ``applies``."""
        return (lambda values: not is_blank_value(values[-1])) if self._is_dated else None

    @property
    def _is_dated(self) -> bool:
        return len(self.columns) > 1

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the value is no code."""
        code = columns[-1]
        found: exp.Expression = shared(lookup(code, self.allowed))
        if len(columns) > 1:
            day = day_sql(columns[0])
            dated = on_day_sql(code, day, periods_of(self.tables[self.codes]))
            found = sql("CASE WHEN :day IS NULL THEN :found ELSE :dated END", day=day, found=found, dated=dated)
        return sql("(:x IS NOT NULL AND :found IS NULL)", x=code, found=found)

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the value is no code."""
        code, day = values[-1], day_of(values[0]) if len(values) > 1 else None
        if code is None or day is None:
            return code is not None and code not in self.allowed
        return on_day(code, day, periods_of(self.tables[self.codes])) is None
