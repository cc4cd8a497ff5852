from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, column, full_match, plain
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.quality.base import TableCase, is_blank, is_blank_value

_NUMBER = r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?"
_ORDERED = ("<", "<=", ">", ">=")
_OPERATORS = ("=", "<>", *_ORDERED)
_TESTS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, kw_only=True)
class Pairwise:
    """No two rows may stand in all these relations to each other (a denial constraint): both break the rule.

    ``operators`` has one of ``= <> < <= > >=`` for each column: how the one row's value stands to the other row's.
    Where none is given all columns are equal and the last one is not. ``<`` and its like compare plain decimal
    numbers. Rows with a missing value, or with a text where a number is compared, are not judged here. Rows are
    compared within the groups that the columns with ``=`` make: without one, all with all.
    """

    name: ClassVar[str] = "pairwise"
    title: ClassVar[Title] = Title("行间约束", "Constraint between rows")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "table"
    blames: ClassVar[str] = "all"
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase((("x", "a"), ("x", "b"), ("y", "b"), ("y", None)), 3, 2),
        TableCase((("CA", "100", "5"), ("CA", "200", "4"), ("NY", "50", "9")), 3, 2, {"operators": ("=", ">", "<")}),
        TableCase((("CA", "100", "5"), ("CA", "200", "6"), ("CA", "x", "9")), 2, 0, {"operators": ("=", ">", "<")}),
        TableCase((), 0, 0),
    )

    operators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the operators.

        Raises:
            ConfigError: ``quality.pairwise.operator``.
        """
        wrong = [one for one in self.operators if one not in _OPERATORS]
        if wrong:
            raise ConfigError(
                "quality.pairwise.operator",
                "Rows cannot be compared by {operator}.",
                hint="Known: {known}.",
                operator=wrong[0],
                known=" ".join(_OPERATORS),
            )

    def counts(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Rows that are judged, and those with a counterpart."""
        return sql(
            "SELECT count(*) AS checked, coalesce(count_if(:found), 0) AS broken FROM :rows AS a",
            rows=self._judged(rows, width),
            found=self._found(rows, width),
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows with a counterpart."""
        return sql(
            "SELECT a._batch, a._row FROM :rows AS a WHERE :found",
            rows=self._judged(rows, width),
            found=self._found(rows, width),
        )

    def count(self, rows: Sequence[Sequence[str | None]]) -> tuple[int, int]:
        """Rows that are judged, and those with a counterpart."""
        judged = [[str(v) for v in row] for row in rows if self._is_judged(row)]
        hit = {
            i
            for i, a in enumerate(judged)
            for j, b in enumerate(judged)
            if i != j and (self._holds(a, b) or self._holds(b, a))
        }
        return len(judged), len(hit)

    def _all(self, width: int) -> tuple[str, ...]:
        """One operator a column."""
        return (self.operators or ("=",) * (width - 1) + ("<>",))[:width]

    def _is_judged(self, row: Sequence[str | None]) -> bool:
        return not any(
            v is None or is_blank_value(v) or (op in _ORDERED and not re.fullmatch(_NUMBER, v))
            for v, op in zip(row, self._all(len(row)), strict=False)
        )

    def _holds(self, a: Sequence[str], b: Sequence[str]) -> bool:
        for op, x, y in zip(self._all(len(a)), a, b, strict=False):
            if op in ("=", "<>"):
                if (x == y) != (op == "="):
                    return False
            elif not _TESTS[op](Decimal(x), Decimal(y)):
                return False
        return True

    def _judged(self, rows: exp.Expression, width: int) -> exp.Expression:
        picks: list[exp.Expression] = [column("_batch"), column("_row")]
        where: list[exp.Expression] = []
        for i, op in enumerate(self._all(width)):
            value = column(f"c{i}")
            where.append(sql("NOT :blank", blank=plain(is_blank(value))))
            if op in _ORDERED:
                where.append(full_match(value, _NUMBER))
                number = sql("TRY_CAST(:x AS DECIMAL(36, 18))", x=value)
                picks.append(exp.Alias(this=number, alias=exp.to_identifier(f"c{i}")))
            else:
                picks.append(value)
        return exp.Subquery(this=exp.select(*picks).from_(rows.copy()).where(*where))

    def _found(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Whether row ``a`` has a counterpart, in either part."""
        return sql("(:one OR :other)", one=self._exists(rows, width, "a", "b"), other=self._exists(rows, width, "b", "a"))

    def _exists(self, rows: exp.Expression, width: int, left: str, right: str) -> exp.Expression:
        tests = [
            sql(f":x {op} :y", x=column(f"c{i}", left), y=column(f"c{i}", right)) for i, op in enumerate(self._all(width))
        ]
        tests.append(sql("(a._batch <> b._batch OR a._row <> b._row)"))
        return sql("EXISTS (SELECT 1 FROM :rows AS b WHERE :tests)", rows=self._judged(rows, width), tests=all_of(*tests))
