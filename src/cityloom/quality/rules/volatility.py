from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.predicate_terms import NUMBER_SHAPE, read_number
from cityloom.engines.terms import any_of, column, full_match
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.quality.base import TableCase

_MEASURES = ("rows", "filled", "distinct", "sum", "mean")
_NUMBER = "CASE WHEN :shape THEN TRY_CAST(:x AS DECIMAL(28, 8)) END"
_TWO = (("1",), ("2",))
_FOUR = (*_TWO, ("3",), ("4",))


@dataclass(frozen=True, kw_only=True)
class Volatility:
    """A figure of the table must not leap: it must stay near its mean at earlier assessments.

    ``measure`` is ``rows`` (of no column), or of the column: ``filled`` (values that are there), ``distinct``, ``sum`` or
    ``mean`` of its numbers. It is compared with the mean at up to ``periods`` earlier assessments: it must not differ by more
    than ``percent`` of that mean, and by no more than ``sigmas`` standard deviations where there were at least three.
    The table as a whole is one thing checked; the first assessment is not judged, however many batches it saw.
    """

    name: ClassVar[str] = "volatility"
    title: ClassVar[Title] = Title("波动性", "Volatility")
    standard: ClassVar[str] = "GB/T 36344-2018 6.3"
    scope: ClassVar[str] = "table"
    needs_columns: ClassVar[bool] = False
    cases: ClassVar[tuple[TableCase, ...]] = (
        TableCase(_TWO, 1, 0, {"percent": 20}, (_TWO,)),
        TableCase(_FOUR, 1, 1, {"percent": 20}, (_TWO,)),
        TableCase(_TWO, 0, 0, {"percent": 20}, ()),
        TableCase(_FOUR, 1, 1, {"measure": "sum", "percent": 50}, (_TWO,)),
        TableCase((("1",), ("x",), ("3",)), 1, 0, {"measure": "mean", "percent": 50}, (_TWO,)),
        TableCase((("1",), (None,)), 1, 1, {"measure": "filled", "percent": 10}, (_TWO,)),
        TableCase((("1",), ("1",)), 1, 1, {"measure": "distinct", "percent": 10}, (_TWO,)),
        TableCase(_FOUR, 1, 0, {"sigmas": 2, "periods": 3}, (_TWO, (*_FOUR, *_TWO), _FOUR)),
        TableCase((*_FOUR, *_FOUR), 1, 1, {"sigmas": 2, "periods": 3}, (_TWO, _TWO, (("1",),))),
        TableCase(_FOUR, 0, 0, {"sigmas": 2, "periods": 3}, (_TWO, _TWO)),
    )

    measure: str = "rows"
    periods: int = 1
    percent: float | None = None
    sigmas: float | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ConfigError: ``quality.volatility.options``.
        """
        if self.measure not in _MEASURES or not 1 <= self.periods <= 36 or (self.percent is None and self.sigmas is None):
            raise ConfigError(
                "quality.volatility.options",
                "The rule volatility cannot judge {measure} over {periods} periods like this.",
                hint="measure is one of {known}, periods from 1 to 36; give percent, sigmas, or both.",
                measure=self.measure,
                periods=self.periods,
                known=", ".join(_MEASURES),
            )

    @property
    def others(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The table at earlier assessments."""
        return tuple((f"@{n}", self.columns[:1]) for n in range(1, self.periods + 1))

    def counts(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """The figure of the table and those of its earlier versions, compared."""
        if not self._is_judged(len(others)):
            return sql("SELECT 0 AS checked, 0 AS broken")
        names = [f"v{n}" for n in range(len(others))]
        figures = [self._figure(rows, "v"), *(self._figure(o, n) for o, n in zip(others, names, strict=True))]
        mean = sql(f"(({' + '.join(names)}) / {len(names)}.0)")
        wrong = any_of(*self._tests(mean, names))
        inner = exp.select(*figures)
        return sql("SELECT 1 AS checked, CASE WHEN :wrong THEN 1 ELSE 0 END AS broken FROM :inner AS f", wrong=wrong, inner=exp.Subquery(this=inner))

    def broken_rows(self, rows: exp.Expression, width: int, others: Sequence[exp.Expression]) -> exp.Expression:
        """No single row is at fault."""
        return sql("SELECT _batch, _row FROM :rows WHERE false", rows=rows)

    def count(self, rows: Sequence[Sequence[str | None]], others: Sequence[Sequence[Sequence[str | None]]]) -> tuple[int, int]:
        """One thing checked, broken when the figure leaps."""
        if not self._is_judged(len(others)):
            return 0, 0
        now, before = self._meant(rows), [self._meant(other) for other in others]
        mean = _added(before) / float(len(before))
        is_broken = self.percent is not None and abs(now - mean) > self.percent / 100.0 * abs(mean)
        if self.sigmas is not None and len(before) > 2:
            deviation = math.sqrt(_added([(v - mean) * (v - mean) for v in before]) / float(len(before) - 1))
            is_broken = is_broken or abs(now - mean) > self.sigmas * deviation
        return 1, int(is_broken)

    def _is_judged(self, versions: int) -> bool:
        return versions > 2 or (versions > 0 and self.percent is not None)

    def _tests(self, mean: exp.Expression, names: Sequence[str]) -> list[exp.Expression]:
        tests = []
        if self.percent is not None:
            tests.append(sql(f"abs(v - :m) > {float(self.percent) / 100.0!r} * abs(:m)", m=mean))
        if self.sigmas is not None and len(names) > 2:
            squares = [sql(f"(({name} - :m) * ({name} - :m))", m=mean) for name in names]
            total = squares[0]
            for one in squares[1:]:
                total = exp.Add(this=total, expression=one)
            deviation = sql(f"sqrt((:total) / {len(names) - 1}.0)", total=total)
            tests.append(sql(f"abs(v - :m) > {float(self.sigmas)!r} * :deviation", m=mean, deviation=deviation))
        return tests

    def _figure(self, relation: exp.Expression, name: str) -> exp.Expression:
        x = column("c0")
        number = sql(_NUMBER, shape=full_match(x, NUMBER_SHAPE), x=x)
        figure = {
            "rows": lambda: sql("count(*)"),
            "filled": lambda: sql("count(c0)"),
            "distinct": lambda: sql("count(DISTINCT c0)"),
            "sum": lambda: sql("sum(:n)", n=number),
            "mean": lambda: sql("CAST(sum(:n) AS DOUBLE) / count(:n)", n=number),
        }[self.measure]()
        query = sql("SELECT coalesce(CAST(:x AS DOUBLE), 0.0) FROM :rows", x=exp.Paren(this=figure), rows=relation)
        return exp.Alias(this=exp.Subquery(this=query), alias=exp.to_identifier(name))

    def _meant(self, rows: Sequence[Sequence[str | None]]) -> float:
        if self.measure == "rows":
            return float(len(rows))
        values = [row[0] for row in rows if row[0] is not None]
        if self.measure in ("filled", "distinct"):
            return float(len(values) if self.measure == "filled" else len(set(values)))
        numbers = [n for value in values if (n := read_number(value)) is not None]
        total = float(sum(numbers, Decimal()))
        return total if self.measure == "sum" else total / len(numbers) if numbers else 0.0


def _added(values: Sequence[float]) -> float:
    """One after another, as an engine adds them."""
    total = values[0]
    for value in values[1:]:
        total += value
    return total
