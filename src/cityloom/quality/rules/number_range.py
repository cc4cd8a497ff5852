from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from math import isfinite
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, full_match, never_null, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.quality.base import Case, Kept, Sure

_LIKELY = 1000
"""From such an end on numbers with fewer digits are nearly all."""
_SHAPE = r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?"


@dataclass(frozen=True, kw_only=True)
class NumberRange:
    """A plain decimal number must be at least ``least``, more than ``more_than``, at most ``most`` and less than ``less_than``.

    ``step`` says that it must be a multiple of it: 1 for whole numbers, 0.01 for amounts with two digits behind the
    point. A text that is no plain decimal number of at most 18 digits on either side of the point breaks
    the rule.
    """

    name: ClassVar[str] = "number_range"
    title: ClassVar[Title] = Title("数值范围", "Range of numbers")
    standard: ClassVar[str] = "GB/T 36344-2018 6.3"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("89.5",), False, {"more_than": 0, "most": 1000}),
        Case(("-73.85968935858301",), False, {"least": -180, "most": 180}),
        Case(("180.000000000000001",), True, {"most": 180}),
        Case(("0",), True, {"more_than": 0}),
        Case(("0",), False, {"least": 0}),
        Case(("-1",), True, {"least": 0}),
        Case(("99999.99",), True, {"most": 20000}),
        Case(("5万",), True, {"least": 0}),
        Case(("NaN",), True, {"least": 0}),
        Case((None,), False, {"least": 0}),
        Case(("10",), True, {"less_than": 10}),
        Case(("9.999",), False, {"less_than": 10}),
        Case(("12.34",), False, {"step": 0.01}),
        Case(("12.345",), True, {"step": 0.01}),
        Case(("-15",), False, {"step": 5}),
        Case(("3.0",), False, {"step": 1}),
        Case(("3.000000000000000001",), True, {"step": 1}),
    )

    least: int | float | None = None
    more_than: int | float | None = None
    most: int | float | None = None
    less_than: int | float | None = None
    step: int | float | None = None

    def __post_init__(self) -> None:
        """Check the step and the ends.

        Raises:
            ConfigError: ``quality.number.step``, ``quality.number.end``.
        """
        ends = (self.least, self.more_than, self.most, self.less_than, self.step)
        if not all(end is None or isfinite(end) for end in ends):
            raise ConfigError("quality.number.end", "An end of a range is a number.", hint="Leave out the end that does not count.")
        if self.step is not None and self.step <= 0:
            raise ConfigError("quality.number.step", "A step is more than 0.", hint="Write 1 for whole numbers.")

    @property
    def kept(self) -> Kept | None:
        """The numbers without a sign that are short enough; None where there are none such."""
        plain = self._plain
        return Kept(within=plain) if plain else None

    def sure(self, column: exp.Expression) -> Sure | None:
        """The same, where they are likely to be nearly all."""
        plain = self._plain
        is_wide = all(end is None or end >= _LIKELY for end in (self.most, self.less_than))
        return Sure(term=shared(full_match(column, plain)), pattern=plain) if plain and is_wide else None

    @property
    def _plain(self) -> str:
        """A pattern for numbers from 0 to the next power of ten that is surely not beyond the end."""
        has_start = (self.least is None or self.least <= 0) and (self.more_than is None or self.more_than < 0)
        ends = [end for end in (self.most, self.less_than) if end is not None]
        digits = min([18, *(len(str(int(end))) - 1 if end >= 10 else 0 for end in ends)])
        if not has_start or not digits or self.step not in (None, 1):
            return ""
        return f"[0-9]{{1,{digits}}}" + ("" if self.step else r"(?:\.[0-9]{1,18})?")

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the number is out of range."""
        shape = full_match(columns[0], _SHAPE)
        number = shared(
            sql("CASE WHEN :shape THEN TRY_CAST(:x AS DECIMAL(36, 18)) END", shape=shape, x=columns[0])
        )
        good: list[exp.Expression] = [sql("(:n IS NOT NULL)", n=number)]
        for test, bound in (
            (">=", self.least),
            (">", self.more_than),
            ("<=", self.most),
            ("<", self.less_than),
        ):
            if bound is not None:
                good.append(sql(f":n {test} CAST(:bound AS DECIMAL(36, 18))", n=number, bound=str(Decimal(str(bound)))))
        if self.step is not None:
            step = str(Decimal(str(self.step)))
            good.append(sql(":n % CAST(:step AS DECIMAL(36, 18)) = 0", n=number, step=step))
        return sql("(:x IS NOT NULL AND NOT :good)", x=columns[0], good=never_null(all_of(*good)))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the number is out of range."""
        if values[0] is None:
            return False
        if not re.fullmatch(_SHAPE, values[0]):
            return True
        number = Decimal(values[0])
        return (
            (self.least is not None and number < Decimal(str(self.least)))
            or (self.more_than is not None and number <= Decimal(str(self.more_than)))
            or (self.most is not None and number > Decimal(str(self.most)))
            or (self.less_than is not None and number >= Decimal(str(self.less_than)))
            or (self.step is not None and _rest(number, Decimal(str(self.step))) != 0)
        )


def _rest(number: Decimal, step: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return number % step
