from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import all_of, full_match, never_null, shared
from cityloom.model.text import Title
from cityloom.quality.base import Case

_SHAPE = r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?"


@dataclass(frozen=True, kw_only=True)
class NumberRange:
    """A plain decimal number must be at least ``least``, more than ``more_than`` and at most ``most``.

    A text that is no plain decimal number of at most 18 digits on either side of the point breaks
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
    )

    least: int | float | None = None
    more_than: int | float | None = None
    most: int | float | None = None

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the number is out of range."""
        shape = full_match(columns[0], _SHAPE)
        number = shared(
            sql("CASE WHEN :shape THEN TRY_CAST(:x AS DECIMAL(36, 18)) END", shape=shape, x=columns[0])
        )
        good: list[exp.Expression] = [sql("(:n IS NOT NULL)", n=number)]
        for test, bound in ((">=", self.least), (">", self.more_than), ("<=", self.most)):
            if bound is not None:
                good.append(sql(f":n {test} CAST(:bound AS DECIMAL(36, 18))", n=number, bound=str(Decimal(str(bound)))))
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
        )
