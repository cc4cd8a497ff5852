"""Samples are even: of keys in order, of pairs of equal numbers, of texts, for every count."""

from __future__ import annotations

import pytest
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.quality.items import one_of

ROWS = 60_000
NUMBERS = "SELECT i AS a, i AS b, 'b' AS c, CAST(i AS VARCHAR) AS d, i % 1000 AS e FROM range(60000) AS t(i)"


@pytest.mark.parametrize("names", [("a",), ("c", "a"), ("a", "b"), ("a", "b", "c"), ("d", "c"), ("e", "a"), ("d", "b", "e")])
@pytest.mark.parametrize("count", [2, 3, 4, 8, 15, 16, 50])
def test_one_row_of_so_many_is_taken(engine, names, count):
    chosen = sql("SELECT count(*) FROM :rows AS t WHERE :some", rows=exp.Subquery(this=sql(NUMBERS)), some=one_of([column(n) for n in names], count))
    expected = ROWS / count
    (found,) = engine.rows(chosen)[0]
    assert abs(found - expected) < 5 * expected**0.5
