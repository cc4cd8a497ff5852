"""Layers: a shared term is computed once, and the answer is that of the plain query."""

from __future__ import annotations

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column, lookup, shared


def test_equal_shared_terms_are_computed_once(engine: DuckDBEngine) -> None:
    layers = Layers(sql("SELECT * FROM range(3)").subquery("r"), {"n": column("range")})
    square = shared(sql(":n * :n", n=column("n")))
    query = layers.query({"a": sql(":s + 1", s=square), "b": sql(":s * :t", s=square, t=shared(sql(":s + :s", s=square)))})
    assert query.sql(dialect="duckdb").count('"n" * "n"') == 1
    assert sorted(engine.rows(query)) == [(1, 0), (2, 2), (5, 32)]


def test_nothing_shared_needs_no_layer() -> None:
    layers = Layers(exp.to_table("t"), {"n": column("n")})
    assert layers.query({"m": sql(":n + 1", n=column("n"))}).sql().count("SELECT") == 2


def test_a_named_term_is_a_column_of_that_name() -> None:
    layers = Layers(exp.to_table("t"), {"n": column("n")})
    assert layers.add(sql(":n + 1", n=column("n")), name="m").name == "m"


def test_lookup_gives_the_value_or_nothing(engine: DuckDBEngine) -> None:
    pairs = {"男": "1", "女": "2", "it's": "3"}
    texts = ["男", "it's", "x", None]
    found = [engine.rows(exp.select(lookup(exp.convert(text), pairs)))[0][0] for text in texts]
    assert found == ["1", "3", None, None]
