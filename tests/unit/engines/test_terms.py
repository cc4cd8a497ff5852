"""Small pieces of queries mean what they say, whatever text comes."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column, is_one_of, lookup, plain, trimmed

SETS = (" ", " \t\n\v\f\r\u00a0\u3000", "-一")
texts = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text(" \t\n\u00a0\u3000-一甲a\U00020bb7\u0301", max_size=12),
)


def asked(engine: DuckDBEngine, term: exp.Expression, values: list[str | None]) -> list[object]:
    rows = pa.table({"n": list(range(len(values))), "x": pa.array(values, pa.string())})
    with engine.bound(rows) as source:
        layers = Layers(source, {"n": column("n"), "x": column("x")})
        return [y for _, y in sorted(engine.rows(layers.query({"n": column("n"), "y": term})))]


@pytest.mark.parametrize("characters", SETS)
def test_trimming_takes_what_stands_at_the_ends(engine: DuckDBEngine, characters: str, hostile: tuple[str | None, ...]) -> None:
    term = trimmed(column("x"), characters)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(texts, min_size=5, max_size=60))
    def agree(values: list[str | None]) -> None:
        assert asked(engine, term, values) == [None if x is None else x.strip(characters) for x in values]

    agree()
    assert asked(engine, term, list(hostile)) == [None if x is None else x.strip(characters) for x in hostile]


def test_one_of_a_few(engine: DuckDBEngine, hostile: tuple[str | None, ...]) -> None:
    for some in (("",), ("0", "00", "=cmd|'/C calc'!A0"), ()):
        assert asked(engine, is_one_of(column("x"), some), list(hostile)) == [None if x is None else x in some for x in hostile]


@pytest.mark.parametrize("count", [1, 300, 301, 3000])
def test_a_value_is_looked_up_in_short_and_long_lists(engine: DuckDBEngine, count: int, hostile: tuple[str | None, ...]) -> None:
    pairs = {**{f"k{i}": f"v{i}" for i in range(count - 1)}, "0": "zero"}
    values = ["k0", f"k{count - 2}", f"k{count}", *hostile]
    meant = [None if x is None else pairs.get(x) for x in values]
    assert asked(engine, lookup(column("x"), pairs), values) == meant
    with engine.bound(pa.table({"x": pa.array(values, pa.string())})) as source:
        query = exp.select(plain(lookup(column("x"), pairs))).from_(source)
        assert sorted(str(y) for (y,) in engine.rows(query)) == sorted(str(y) for y in meant)
