from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.periods import Periods, day_of, day_sql, on_day, on_day_sql
from cityloom.engines.terms import lookup, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.codes import dated_texts, is_moment, texts_of
from cityloom.model.standard import Code, CodeTable
from cityloom.model.text import Title
from cityloom.standard.base import Case

_TABLE = CodeTable(
    name="sex",
    title=Title("性别", "Sex"),
    standard="GB/T 2261.1",
    codes=(
        Code(code="1", title=Title("男性", "Male"), variants=("男", "M")),
        Code(code="2", title=Title("女性", "Female"), variants=("女", "F")),
    ),
)
_PAST = CodeTable(
    name="division",
    title=Title("行政区划", "Divisions"),
    standard="GB/T 2260",
    codes=(
        Code(code="110101", title=Title("东城区", "Dongcheng")),
        Code(code="110103", title=Title("崇文区", "Chongwen"), valid_to="2010-12-31", successors=("110101",)),
    ),
)


@dataclass(frozen=True, kw_only=True)
class MapCode:
    """The code that a department's own text stands for: the code itself, its names or a variant of them.

    ``codes`` names the code table, ``own`` maps further texts of this department to codes. ``at`` is the time at
    which codes count, where the table has a history: a day (``2012-12-31``) or ``current``; an older code then
    becomes what took its place. Without it a code that ended stays as it is. With an input, the codes count that
    did on the day that stands there (``inputs: [registered_on]``); ``at`` is then for rows without a day. A text that
    stands for no code, or for several, becomes missing and is counted.
    """

    name: ClassVar[str] = "map_code"
    title: ClassVar[Title] = Title("代码映射", "Map to a code")
    standard: ClassVar[str] = "GB/T 19488.2"
    takes: ClassVar[tuple[int, int]] = (0, 1)
    cases: ClassVar[tuple[Case, ...]] = (
        Case("1", "1", {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("男", "1", {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("Female", "2", {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("男孩", "1", {"codes": "sex", "own": {"男孩": "1"}, "tables": {"sex": _TABLE}}),
        Case("3", None, {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case(None, None, {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("110103", "110103", {"codes": "division", "tables": {"division": _PAST}}),
        Case("110103", "110101", {"codes": "division", "at": "current", "tables": {"division": _PAST}}),
        Case("110103", "110103", {"codes": "division", "at": "2009-12-31", "tables": {"division": _PAST}}),
        Case("崇文区", "110103", {"codes": "division", "tables": {"division": _PAST}}, ("1995-06-01",)),
        Case("110103", "110101", {"codes": "division", "tables": {"division": _PAST}}, ("2012-06-01T08:00:00",)),
        Case("110103", "110101", {"codes": "division", "at": "current", "tables": {"division": _PAST}}, (None,)),
    )

    codes: str
    own: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    tables: Mapping[str, CodeTable]

    @cached_property
    def pairs(self) -> dict[str, str]:
        """Text -> code, as :func:`cityloom.model.codes.texts_of` finds it.

        Raises:
            ConfigError: ``standard.codes.unknown`` or ``standard.codes.moment``.
        """
        if self.codes not in self.tables:
            raise ConfigError(
                "standard.codes.unknown",
                "There is no code table {codes}.",
                hint="Known: {known}.",
                codes=self.codes,
                known=", ".join(sorted(self.tables)),
            )
        if not is_moment(self.at):
            raise ConfigError(
                "standard.codes.moment",
                "{at} is no time at which codes count.",
                hint="Write a day as yyyy-mm-dd, or current.",
                at=self.at,
            )
        return texts_of(self.tables[self.codes], self.own, self.at)

    @property
    def _dated(self) -> Periods:
        """Text -> codes by day."""
        return dated_texts(self.tables[self.codes], tuple(self.own.items()))

    def sql(self, column: exp.Expression, *others: exp.Expression) -> exp.Expression:
        """The code, by a look into a fixed list."""
        if not others:
            return lookup(column, self.pairs)
        day = day_sql(others[0])
        return sql(
            "CASE WHEN :day IS NULL THEN :usual ELSE :dated END",
            day=day,
            usual=shared(lookup(column, self.pairs)),
            dated=on_day_sql(column, day, self._dated),
        )

    def value(self, x: str | None, *others: str | None) -> str | None:
        """The code."""
        day = day_of(others[0]) if others else None
        if x is None or day is None:
            return None if x is None else self.pairs.get(x)
        return on_day(x, day, self._dated)
