"""A code counts on a day that stands in its row: in the meaning, on the embedded engine, and as terms of the distributed one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cityloom.content import library
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.spark.dialect import translate
from cityloom.engines.terms import column
from cityloom.model.codes import dated_texts, periods_of, texts_of, valid_codes
from cityloom.model.standard import Code, CodeTable
from cityloom.model.text import Title
from cityloom.quality.rules.code import Code as CodeRule
from cityloom.standard.steps.map_code import MapCode


def code(name: str, title: str, **more: Any) -> Code:
    return Code(code=name, title=Title(title, title), **more)


TABLE = CodeTable(
    name="t",
    title=Title("甲", "a"),
    standard="GB/T 2260",
    codes=(
        code("1", "东", valid_from="1990-01-01", valid_to="2000-01-01", successors=("3",)),
        code("1", "东城", valid_from="2000-01-01", valid_to="2005-01-01", successors=("3",)),
        code("2", "西", valid_to="2003-07-01", successors=("3", "4")),
        code("3", "东城", valid_from="2005-01-01"),
        code("4", "西", valid_from="2003-07-01", valid_to="2010-01-01"),
        code("4", "西", valid_from="2012-01-01"),
    ),
)
DAYS = ["1989-12-31", "1990-01-01", "1999-12-31", "2000-01-01", "2003-06-30", "2003-07-01T10:00:00", "2005-01-01", "2010-01-01", "2011-06-01", "2012-01-01", "2026-01-01", None, "", "2005", "2005年1月1日", "2005-13-01"]
TEXTS = ["1", "2", "3", "4", "东", "东城", "西", "5", "", None]
GIVEN: dict[str, Any] = {"codes": "t", "tables": {"t": TABLE}}


def by_engine(engine: DuckDBEngine, term: exp.Expression, rows: list[tuple[str | None, str | None]]) -> list[Any]:
    table = pa.table({"n": range(len(rows)), "x": pa.array([r[0] for r in rows], pa.string()), "d": pa.array([r[1] for r in rows], pa.string())})
    with engine.bound(table) as source:
        layers = Layers(source, {name: column(name) for name in ("n", "x", "d")})
        return [y for _, y in sorted(engine.rows(layers.query({"n": column("n"), "y": term})))]


@pytest.mark.parametrize("at", ["", "current", "1995-01-01"])
def test_step_and_rule_agree_with_the_tables_of_each_day(engine: DuckDBEngine, at: str) -> None:
    rows = [(text, day) for text in TEXTS for day in DAYS]
    step, rule = MapCode(**GIVEN, at=at), CodeRule(**GIVEN, at=at, columns=("d", "x"))
    days = {day: (day or "")[:10] if day in DAYS[:11] else at for day in DAYS}
    meant = [None if text is None else texts_of(TABLE, at=days[day]).get(text) for text, day in rows]
    assert [step.value(text, day) for text, day in rows] == meant
    assert by_engine(engine, step.sql(column("x"), column("d")), rows) == meant
    is_code = [text is not None and text not in valid_codes(TABLE, days[day]) for text, day in rows]
    assert [rule.is_broken((day, text)) for text, day in rows] == is_code
    assert by_engine(engine, rule.broken([column("d"), column("x")]), rows) == is_code


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_table_any_day(engine: DuckDBEngine, data: st.DataObject) -> None:
    days = st.dates().map(lambda d: f"{1980 + d.year % 40}-{d.month:02d}-01")
    codes = []
    for name in data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)):
        first, last = sorted(data.draw(st.tuples(days, days)))
        ends = data.draw(st.booleans())
        codes.append(code(name, f"t{data.draw(st.sampled_from('xyz'))}", valid_from=first, valid_to=last if ends and last > first else None, successors=("d",)))
    table = CodeTable(name="t", title=Title("甲", "a"), standard="s", codes=tuple(codes))
    rows = [(text, data.draw(days)) for text in ("a", "b", "c", "d", "tx", "ty", "tz")]
    meant = [texts_of(table, at=day).get(text) for text, day in rows]
    step = MapCode(codes="t", tables={"t": table})
    assert [step.value(*row) for row in rows] == meant
    assert by_engine(engine, step.sql(column("x"), column("d")), rows) == meant
    assert [step.value(y, row[1]) for y, row in zip(meant, rows, strict=True)] == meant


def test_divisions_of_1995_are_judged_by_the_edition_of_1995(engine: DuckDBEngine) -> None:
    table = library.read("code_table", "division_history").value
    given_ = {"codes": "division_history", "tables": {"division_history": table}}
    rule = CodeRule(**given_, columns=("d", "x"))
    rows: list[tuple[str | None, str | None]] = [("110103", "1995-06-01"), ("110103", "2015-06-01"), ("110101", "1995-06-01"), ("500118", "1995-06-01")]
    assert by_engine(engine, rule.broken([column("d"), column("x")]), rows) == [False, True, False, True]
    step = MapCode(**given_)
    offered = by_engine(engine, step.sql(column("x"), column("d")), rows)
    assert offered == [step.value(*row) for row in rows] == ["110103", "110101", "110101", None]
    assert len(dated_texts(table)) > 10_000 and len(periods_of(table)) > 5_000


@pytest.mark.parametrize("term", [MapCode(**GIVEN).sql(column("x"), column("d")), CodeRule(**GIVEN, columns=("d", "x")).broken([column("d"), column("x")])])
def test_the_terms_are_of_every_engine(term: exp.Expression) -> None:
    layers = Layers(exp.to_table("t"), {name: column(name) for name in ("x", "d")})
    query = layers.query({"y": term})
    assert not {node.name for node in query.find_all(exp.Anonymous)}
    assert sqlglot.parse_one(translate(query, lambda table: table), dialect="spark") is not None
