"""Every standardising step: its cases hold, and engine and meaning agree on whatever comes."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.spark.dialect import translate
from cityloom.engines.terms import column, held, plain
from cityloom.kernel.registry import plugins
from cityloom.standard.base import STEPS, Case, ProgramStep, Step, takes
from cityloom.standard.lookups import in_folder
from cityloom.standard.plan import ItemPlan, Mapped

CASES = [(name, case) for name, cls in plugins(STEPS).items() for case in cls.cases]
PLAIN = [(name, dict(cls.cases[0].options)) for name, cls in plugins(STEPS).items()]
MOST_NODES = 20_000
"""A term that is longer when its shared parts are written out is asked in layers only, as the platform does."""
texts = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("0123456789xX-/.年月日 :T+万亿元,", max_size=20),
    st.from_regex(r"[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?( [0-9]{1,2}:[0-9]{2})?", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{5}[0-9]{2}[01][0-9][0-3][0-9]{4}", fullmatch=True),
    st.from_regex(r"[+-]?[0-9]{1,4}(,[0-9]{3})?(\.[0-9]{1,3})?(万|亿)?元?", fullmatch=True),
)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield engine
    engine.close()


def made(name: str, options: Any) -> Step | ProgramStep:
    step: Step | ProgramStep = plugins(STEPS)[name](**options)
    return step


TERMED = [(name, options) for name, options in PLAIN if not isinstance(made(name, options), ProgramStep)]
"""Steps that are a term; the others ask a program, whose answers are looked up."""


def term_of(step: Step, x: sqlglot.exp.Expression, others: tuple[str | None, ...]) -> sqlglot.exp.Expression:
    return step.sql(x, *(sqlglot.exp.cast(sqlglot.exp.convert(one), "VARCHAR") for one in others))


def meant(step: Step | ProgramStep, x: str | None) -> str | None:
    others = step.cases[0].others
    return step.value(x, *others) if others else step.value(x)


def query_of(step: Step | ProgramStep, others: tuple[str | None, ...] | None = None) -> str:
    if isinstance(step, ProgramStep):
        return ""
    further = step.cases[0].others if others is None else others
    layers = Layers(sqlglot.exp.to_table("GIVEN"), {"n": column("n"), "x": column("x")})
    return layers.query({"n": column("n"), "y": term_of(step, column("x"), further)}).sql(dialect="duckdb")


def by_engine(
    engine: DuckDBEngine, query: str, values: list[str | None], step: Step | ProgramStep
) -> list[str | None]:
    rows = pa.table({"n": list(range(len(values))), "x": pa.array(values, pa.string())})
    with engine.bound(rows) as source:
        answer = dict(by_program(engine, source, step) if query == "" else engine.rows(query.replace("GIVEN", source.sql())))
    return [answer[n] for n in range(len(values))]


def by_program(engine: DuckDBEngine, source: sqlglot.exp.Expression, step: Step | ProgramStep) -> list[tuple[Any, ...]]:
    plans = (ItemPlan(item="y", column="x", steps=(step,)),)
    types = {"n": "BIGINT", "x": "VARCHAR", "_row": "BIGINT"}
    rows = sqlglot.exp.select("*", "n AS _row").from_(source).subquery("r")
    with in_folder(plans, engine, lambda known: Mapped(rows, types, plans, known)) as lookups:
        mapped = Mapped(rows, types, plans, lookups)
        return engine.rows(mapped.layers.query({"n": column("_row"), "y": mapped.item("y")}))


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_case(quick: DuckDBEngine, name: str, case: Case) -> None:
    step = made(name, case.options)
    query = query_of(step, case.others)
    assert (step.value(case.given, *case.others) if case.others else step.value(case.given)) == case.expected
    assert by_engine(quick, query, [case.given], step) == [case.expected]


@pytest.mark.parametrize(("name", "options"), PLAIN, ids=[n for n, _ in PLAIN])
def test_hostile_texts(quick: DuckDBEngine, name: str, options: Any, hostile: tuple[str | None, ...]) -> None:
    step = made(name, options)
    query = query_of(step)
    assert by_engine(quick, query, list(hostile), step) == [meant(step, x) for x in hostile]


@pytest.mark.parametrize(("name", "options"), PLAIN, ids=[n for n, _ in PLAIN])
def test_any_text(quick: DuckDBEngine, name: str, options: Any) -> None:
    step = made(name, options)
    query = query_of(step)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(texts, min_size=10, max_size=60))
    def agree(values: list[str | None]) -> None:
        assert by_engine(quick, query, values, step) == [meant(step, x) for x in values]

    agree()


@pytest.mark.parametrize(("name", "options"), TERMED, ids=[n for n, _ in TERMED])
def test_without_layers_the_answer_is_the_same(quick: DuckDBEngine, name: str, options: Any) -> None:
    step = made(name, options)
    given_ = step.cases[0].given
    if written_out(term_of(step, column("x"), step.cases[0].others)) > MOST_NODES:  # in layers only
        assert by_engine(quick, query_of(step), [given_], step) == [meant(step, given_)]
        return
    text = sqlglot.exp.convert(given_)
    assert quick.rows(sqlglot.exp.select(plain(term_of(step, text, step.cases[0].others)))) == [(meant(step, given_),)]


@pytest.mark.parametrize(("name", "options"), PLAIN, ids=[n for n, _ in PLAIN])
def test_a_second_time_changes_nothing(name: str, options: Any, hostile: tuple[str | None, ...]) -> None:
    step = made(name, options)
    nothing = (None,) * takes(step)[0]  # what further columns hold would be added again
    for x in (*hostile, *(case.given for case in step.cases)):
        once = step.value(x, *nothing)
        assert step.value(once, *nothing) == once


@pytest.mark.parametrize(("name", "options"), PLAIN, ids=[n for n, _ in PLAIN])
def test_only_functions_of_every_engine(name: str, options: Any) -> None:
    step = made(name, options)
    layers = Layers(sqlglot.exp.to_table("GIVEN"), {"x": column("x")})
    if isinstance(step, ProgramStep):
        known = {step.program.name: sqlglot.exp.to_table("ANSWERS")}
        mapped = Mapped(sqlglot.exp.to_table("GIVEN"), {"x": "VARCHAR"}, (ItemPlan(item="y", column="x", steps=(step,)),), known)
        tree = mapped.layers.query({"y": mapped.item("y")})
    else:
        tree = layers.query({"y": term_of(step, column("x"), step.cases[0].others)})
    assert not {node.name.lower() for node in tree.find_all(sqlglot.exp.Anonymous)}
    assert "GIVEN" in translate(tree, lambda table: table)


def written_out(term: sqlglot.exp.Expression) -> int:
    """How many nodes a term has with every shared part in its place."""
    known: dict[int, int] = {}

    def nodes(tree: sqlglot.exp.Expression) -> int:
        total = 0
        for node in tree.walk():
            inner = held(node)
            if inner is None:
                total += 1
                continue
            key = id(inner)
            if key not in known:
                known[key] = nodes(inner.term)
            total += known[key]
        return total

    return nodes(term)


@pytest.mark.parametrize("name", list(plugins(STEPS)))
def test_it_is_described(name: str) -> None:
    cls = plugins(STEPS)[name]
    assert cls.title.zh and cls.title.en and cls.standard and cls.__doc__
    assert any(case.given is None for case in cls.cases)
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    imports = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert not [i for i in imports if i.startswith("cityloom.standard.steps")]
