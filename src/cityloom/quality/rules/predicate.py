from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.predicate import Predicate as Expression
from cityloom.engines.predicate import parse_condition
from cityloom.engines.terms import shared
from cityloom.model.text import Title
from cityloom.quality.base import Case

_PAID = {"expression": "a + b <= c OR a = '-'"}
_FIRST = {"expression": "starts_with(value, '51')"}


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """The condition ``expression`` must hold.

    It is written in the confined language over the rule's items, or over ``value``, the first of them; which items it
    looks at follows from it. Rows in which it can be neither said to be true nor false are not judged.
    """

    name: ClassVar[str] = "predicate"
    title: ClassVar[Title] = Title("自定义条件", "Condition")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("1", "2", "3"), False, _PAID),
        Case(("1", "2.5", "3"), True, _PAID),
        Case(("-", None, "3"), False, _PAID),
        Case((None, None, "3"), False, _PAID),
        Case(("510104",), False, _FIRST),
        Case(("110104",), True, _FIRST),
    )

    expression: str
    today: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the condition.

        Raises:
            ConfigError: ``engines.predicate.invalid`` or ``engines.predicate.unconditional``.
        """
        assert self.condition is not None

    @cached_property
    def condition(self) -> Expression:
        """The condition, checked."""
        return parse_condition(self.expression, (*self.columns, "value"), today=self.today)

    def applies(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the condition is true or false; never NULL."""
        return shared(sql("(:held IS NOT NULL)", held=self._held(columns)))

    def applies_to(self, values: Sequence[str | None]) -> bool:
        """The meaning of :meth:`applies`."""
        return self._is_held(values) is not None

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether it is false."""
        return sql("(NOT coalesce(:held, true))", held=self._held(columns))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether it is false."""
        return self._is_held(values) is False

    def _held(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        named = dict(zip(self.columns, columns, strict=False))
        return self.condition.sql({"value": columns[0], **named})

    def _is_held(self, values: Sequence[str | None]) -> bool | None:
        named = dict(zip(self.columns, values, strict=False))
        held: bool | None = self.condition.meaning()({"value": values[0], **named})
        return held
