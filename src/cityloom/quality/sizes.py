"""Refuses a rule that would compare so many pairs of rows that nobody could wait for it."""

from __future__ import annotations

from sqlglot import exp

from cityloom.engines.base import Engine
from cityloom.kernel.errors import UserError
from cityloom.quality.plan import RulePlan

MOST = 400_000_000
"""Pairs of rows that one rule may compare: 20,000 rows, all with all; some seconds of one core."""


def check_size(engine: Engine, one: RulePlan, rows: exp.Expression) -> None:
    """Refuse a rule whose ``comparisons`` count too many pairs among the rows.

    Raises:
        UserError: ``quality.pairs.many``.
    """
    compared = getattr(one.rule, "comparisons", None)
    query = compared(rows, len(one.columns)) if compared is not None else None
    pairs = int(engine.rows(query)[0][0]) if query is not None else 0
    if pairs > MOST:
        raise UserError(
            "quality.pairs.many",
            "The rule {rule} would compare {pairs} pairs of rows; at most {most} are compared.",
            hint="Add a column with = that makes smaller groups, or compare fewer columns: two with < or > need no pairs.",
            rule=one.name,
            pairs=pairs,
            most=MOST,
        )
