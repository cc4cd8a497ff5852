"""Every negotiation rule: its cases hold, and engine and plain meaning choose the same row."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.terms import column
from cityloom.fuse.negotiation import ROW_BITS, Candidate, Rule, Said, pointer_in, spot_of
from cityloom.kernel.registry import plugins

RULES = plugins("cityloom.fuse.rules")
DEPARTMENTS = ("ga", "mz", "rs", "sj", "sw", "wj", "zj")
ORDERS = ((), ("ga",), ("rs", "ga", "wj"))
MORE: dict[str, list[dict[str, Any]]] = {
    "most_recent": [{"fallback": ("ga", "rs")}],
    "minimum": [{"numeric": True}],
    "maximum": [{"numeric": True}],
    "state_machine": [{"events": {"1": "20", "2": "40", "a": "30"}}],
}
VARIANTS = [
    (name, {"order": order, **more}) for name in RULES for order in ORDERS for more in [{}, *MORE.get(name, [])]
]
candidates = st.lists(
    st.builds(
        Candidate,
        value=st.sampled_from(["1", "2", "10", "9.5", "-3", "a", "王", "ab'c"]),
        department=st.sampled_from(DEPARTMENTS),
        resource=st.just("r"),
        batch=st.sampled_from(["b1", "b2"]),
        row=st.integers(0, 5),
        at=st.sampled_from([0, 1, 63_000_000_000, 63_000_086_400, 315_537_897_599]),
    ),
    unique_by=lambda c: c.place,
    max_size=8,
)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield engine
    engine.close()


def by_engine(engine: DuckDBEngine, rule: Rule, said: list[Candidate]) -> tuple[str, tuple[Any, ...]] | None:
    sources = sorted({c.place[:3] for c in said})
    rows = pa.table(
        {
            "v": pa.array([c.value for c in said] + [None], pa.string()),
            "d": pa.array([DEPARTMENTS.index(c.department) for c in said] + [0], pa.int32()),
            "at": pa.array([c.at for c in said] + [0], pa.int64()),
            "p": pa.array([(sources.index(c.place[:3]) << ROW_BITS) + c.row for c in said] + [0], pa.int64()),
        }
    )
    columns = Said(value=column("v"), department=column("d"), at=column("at"), spot=spot_of(column("p"), exp.convert(0)), departments=DEPARTMENTS)
    pick = rule.pick(column("v"), column("r"))
    with engine.bound(rows) as source:
        query = sql(
            "SELECT :value, :pointer FROM (SELECT *, :each AS r FROM :rows) AS q",
            value=pick.value, pointer=pointer_in(pick.rank), each=rule.rank(columns), rows=source,
        )  # fmt: skip
        value, pointer = engine.rows(query)[0]
    if pointer is None:
        assert value is None
        return None
    return value, (*sources[pointer >> ROW_BITS], pointer & ((1 << ROW_BITS) - 1))


@pytest.mark.parametrize("name", RULES)
def test_case(quick: DuckDBEngine, name: str) -> None:
    case = RULES[name].cases
    rule = RULES[name](**case["options"])
    said = [
        Candidate(value=v, department=d, resource="r", batch="b", row=n, at=86_400 * date.fromisoformat(at).toordinal() if at else 0)
        for n, (v, d, at) in enumerate(case["candidates"])
    ]
    chosen = rule.choose(said)
    assert chosen is not None and chosen[0] == case["value"]
    assert by_engine(quick, rule, said) == (case["value"], chosen[1].place)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(VARIANTS)])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=candidates)
def test_engine_and_meaning_choose_the_same(quick: DuckDBEngine, name: str, options: dict[str, Any], said: list[Candidate]) -> None:
    rule = RULES[name](**options)
    chosen = rule.choose(said)
    assert by_engine(quick, rule, said) == (None if chosen is None else (chosen[0], chosen[1].place))


@pytest.mark.parametrize("name", RULES)
def test_the_order_of_rows_does_not_matter(quick: DuckDBEngine, name: str) -> None:
    said = [
        Candidate(value=v, department=d, resource="r", batch="b", row=n, at=63_000_000_000)
        for n, (v, d) in enumerate([("1", "rs"), ("2", "ga"), ("1", "ga"), ("2", "wj")])
    ]
    rule = RULES[name](**({"events": {"1": "x", "2": "y"}} if name == "state_machine" else {}))
    assert rule.choose(said) == rule.choose(said[::-1])
    assert by_engine(quick, rule, said) == by_engine(quick, rule, said[::-1])
