from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.predicate import Predicate, parse_predicate
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.standard.base import Case

_VALUE = "value"


@dataclass(frozen=True, kw_only=True)
class Expression:
    """The outcome of ``text``, an expression of the confined language over the value (``value``) and the step's inputs
    (``a``, ``b``, ``c`` … in their order): a text, or a number as plain text."""

    name: ClassVar[str] = "expression"
    title: ClassVar[Title] = Title("表达式", "Expression")
    standard: ClassVar[str] = "own"
    takes: ClassVar[tuple[int, int]] = (0, 20)
    cases: ClassVar[tuple[Case, ...]] = (
        Case("2024", "2024年", {"text": "CASE WHEN value LIKE '%年' THEN value ELSE value || '年' END"}),
        Case("x", "1", {"text": "CASE WHEN number(substr(a, 17, 1)) % 2 = 1 THEN '1' ELSE '2' END"}, ("110105194912310012",)),
        Case("12.5", "25", {"text": "number(value) * number(a)"}, ("2",)),
        Case("12.5", None, {"text": "number(value) / number(a)"}, ("0",)),
        Case(None, "b", {"text": "coalesce(value, a)"}, ("b",)),
        Case(None, None, {"text": "value || a"}, ("b",)),
    )

    text: str

    def _parsed(self, count: int) -> Predicate:
        found = parse_predicate(self.text, (_VALUE, *_names(count)))
        if found.kind == "boolean":
            raise ConfigError(
                "standard.expression.boolean",
                "The expression of a step says whether something holds, and not what the value becomes.",
                hint="Write CASE WHEN ... THEN ... ELSE ... END.",
            )
        return found.as_text()

    def sql(self, column: exp.Expression, *others: exp.Expression) -> exp.Expression:
        """The outcome."""
        names = (_VALUE, *_names(len(others)))
        return self._parsed(len(others)).sql(dict(zip(names, (column, *others), strict=True)))

    def value(self, x: str | None, *others: str | None) -> str | None:
        """The outcome."""
        names = (_VALUE, *_names(len(others)))
        found = self._parsed(len(others)).meaning()(dict(zip(names, (x, *others), strict=True)))
        return None if found is None else str(found)


def _names(count: int) -> Sequence[str]:
    return "abcdefghijklmnopqrst"[:count]
