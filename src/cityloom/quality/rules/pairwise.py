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
_STRICT = ("<", ">")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
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
    compared within the groups that the columns with ``=`` make: without one, all with all. One further column, or two of
    which one is ``<`` or ``>``, are told by what the groups hold; only with more is row compared with row, and refused
    where that are too many pairs.
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
        TableCase((("1", "9"), ("2", "9"), ("3", "8"), ("3", "9")), 4, 3, {"operators": (">", "<")}),
        TableCase((("1", "9"), ("2", "9"), ("3", "8"), ("3", "9")), 4, 4, {"operators": (">=", "<")}),
        TableCase((("1", "1"), ("2", "2"), ("3", "3")), 3, 0, {"operators": ("<=", ">")}),
        TableCase((("1", "a", "2"), ("2", "b", "1"), ("3", "a", "3")), 3, 2, {"operators": ("<", "<>", ">")}),
        TableCase((("a",), ("b",)), 2, 2, {"operators": ("<>",)}),
        TableCase((("a",), ("a",), ("b",)), 3, 2, {"operators": ("=",)}),
        TableCase((("1",), ("1",), (None,)), 2, 2, {"operators": (">=",)}),
        TableCase((("1",), ("1",), ("x",)), 2, 0, {"operators": (">",)}),
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
            "SELECT count(*) AS checked, coalesce(count_if(a.is_found), 0) AS broken FROM :rows AS a",
            rows=self._told(rows, width),
        )

    def broken_rows(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The rows with a counterpart."""
        return sql("SELECT a._batch, a._row FROM :rows AS a WHERE a.is_found", rows=self._told(rows, width))

    def comparisons(self, rows: exp.Expression, width: int) -> exp.Expression | None:
        """A query for how many pairs of rows have to be compared; None where the groups tell it without comparing."""
        equal, others = self._parts(width)
        if self._is_told_by_groups(others, width):
            return None
        n = sql("SELECT count(*) AS n FROM :rows AS q", rows=self._judged(rows, width)).assert_is(exp.Select)
        groups = n.group_by(*(column(f"c{i}") for i in equal)) if equal else n
        return sql("SELECT coalesce(sum(CAST(g.n AS DOUBLE) * g.n), 0) FROM :groups AS g", groups=exp.Subquery(this=groups))

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

    def _parts(self, width: int) -> tuple[list[int], list[int]]:
        """Numbers of the columns that make the groups, and of the others."""
        operators = self._all(width)
        equal = [i for i, op in enumerate(operators) if op == "="]
        return equal, [i for i in range(len(operators)) if i not in equal]

    def _is_told_by_groups(self, others: Sequence[int], width: int) -> bool:
        operators = [self._all(width)[i] for i in others]
        is_ordered = all(op in _ORDERED for op in operators)
        return len(others) < 2 or (len(others) == 2 and is_ordered and any(op in _STRICT for op in operators))

    def _told(self, rows: exp.Expression, width: int) -> exp.Expression:
        """The judged rows with ``is_found``: whether one has a counterpart, in either part."""
        _equal, others = self._parts(width)
        if not self._is_told_by_groups(others, width):
            query = sql("SELECT a._batch, a._row, :found AS is_found FROM :rows AS a", found=self._found(rows, width), rows=self._judged(rows, width))
        elif len(others) == 2:
            query = self._of_two(rows, width)
        else:
            query = self._of_one(rows, width)
        return exp.Subquery(this=query)

    def _of_one(self, rows: exp.Expression, width: int) -> exp.Expression:
        """One column beside the groups: a counterpart is there when the group has another value, or another row."""
        equal, others = self._parts(width)
        operator = self._all(width)[others[0]] if others else ""
        if operator in ("<>", *_STRICT):
            test = sql("min(:x) <> max(:x)", x=column(f"c{others[0]}"))
        else:
            test = sql("count(*) > 1")
        groups = exp.select(*(column(f"c{i}") for i in equal), exp.alias_(test, "is_found")).from_(self._judged(rows, width))
        groups = groups.group_by(*(column(f"c{i}") for i in equal)) if equal else groups
        return self._joined(rows, width, groups, equal, column("is_found", "g"))

    def _of_two(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Two ordered columns: of each first value the ends of the second are held against those of all before and behind."""
        equal, (x, y) = self._parts(width)
        first, second = (self._all(width)[i] for i in (x, y))
        keys = [column(f"c{i}") for i in equal]
        ends = exp.select(*(k.copy() for k in keys), column(f"c{x}"), sql("min(:y) AS least", y=column(f"c{y}")), sql("max(:y) AS most", y=column(f"c{y}")))
        ends = ends.from_(self._judged(rows, width)).group_by(*(k.copy() for k in keys), column(f"c{x}"))
        is_own = first not in _STRICT
        sides = {"before": ("PRECEDING", ">"), "behind": ("FOLLOWING", "<")}
        picks, tests = [], []
        for side, (way, towards) in sides.items():
            end = "CURRENT ROW" if is_own else f"1 {way}"
            frame = f"UNBOUNDED PRECEDING AND {end}" if way == "PRECEDING" else f"{end} AND UNBOUNDED FOLLOWING"
            operator = second if first[0] == towards else _TURNED[second]
            kind = "min" if operator[0] == ">" else "max"
            window = sql(f"{kind}(e.{'least' if kind == 'min' else 'most'}) OVER (PARTITION BY 1 ORDER BY e.c{x} ROWS BETWEEN {frame})")
            if keys:
                window.set("partition_by", [column(f"c{i}", "e") for i in equal])
            picks.append(exp.alias_(window, side))
            tests.append(sql(f"coalesce(:y {operator} g.{side}, false)", y=column(f"c{y}", "r")))
        names = [*equal, x]
        query = exp.select(*(column(f"c{i}", "e") for i in names), *picks).from_(exp.alias_(exp.Subquery(this=ends), "e"))
        return self._joined(rows, width, query, names, sql("(:one OR :other)", one=tests[0], other=tests[1]))

    def _joined(self, rows: exp.Expression, width: int, groups: exp.Expression, names: Sequence[int], found: exp.Expression) -> exp.Expression:
        """The judged rows with what their group says."""
        same = all_of(*(sql(":a = :b", a=column(f"c{i}", "r"), b=column(f"c{i}", "g")) for i in names)) if names else exp.true()
        return sql(
            "SELECT r._batch, r._row, :found AS is_found FROM :rows AS r JOIN :groups AS g ON :same",
            found=found, rows=self._judged(rows, width), groups=exp.Subquery(this=groups), same=same,
        )  # fmt: skip

    def _found(self, rows: exp.Expression, width: int) -> exp.Expression:
        """Whether row ``a`` has a counterpart, in either part."""
        return sql("(:one OR :other)", one=self._exists(rows, width, "a", "b"), other=self._exists(rows, width, "b", "a"))

    def _exists(self, rows: exp.Expression, width: int, left: str, right: str) -> exp.Expression:
        tests = [
            sql(f":x {op} :y", x=column(f"c{i}", left), y=column(f"c{i}", right)) for i, op in enumerate(self._all(width))
        ]
        tests.append(sql("(a._batch <> b._batch OR a._row <> b._row)"))
        return sql("EXISTS (SELECT 1 FROM :rows AS b WHERE :tests)", rows=self._judged(rows, width), tests=all_of(*tests))
