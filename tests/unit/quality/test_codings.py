"""Coding rules: numbers that are known to be right are, and any one changed character is found."""

from __future__ import annotations

import pytest

from cityloom.engines.base import sql
from cityloom.engines.codings import CODINGS, id_check, id_check_sql
from cityloom.engines.duckdb import DuckDBEngine

GOOD = {
    "citizen_id": ["11010519491231002X", "440524188001010014"],
    "uscc": ["91350100M000100Y43", "91110000802100433B"],
}


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in GOOD.items() for t in texts])
def test_known_numbers_are_valid_and_no_neighbour_is(kind: str, text: str) -> None:
    coding = CODINGS[kind]
    assert coding.is_valid(text)
    for i, old in enumerate(text):
        for new in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            if new != old:
                assert not coding.is_valid(text[:i] + new + text[i + 1 :])


def test_check_character_is_integer_arithmetic(engine: DuckDBEngine) -> None:
    numbers = [11010519491231002, 44052418800101001, 99999999999999999, 10000000000000000]
    for number in numbers:
        term = id_check_sql(sql(f"CAST({number} AS BIGINT)"))
        assert engine.rows(sql("SELECT :t", t=term)) == [(id_check(number),)]
