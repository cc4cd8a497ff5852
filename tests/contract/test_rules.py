"""Every quality rule: its cases hold, and engine and meaning agree on whatever comes."""

from __future__ import annotations

import ast
import inspect
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column, plain
from cityloom.kernel.registry import plugins
from cityloom.quality.base import RULES, Case, Rule, TableCase, applies, applies_to

ALL = plugins(RULES)
ROW = {name: cls for name, cls in ALL.items() if cls.scope == "row"}
TABLE = {name: cls for name, cls in ALL.items() if cls.scope == "table"}
GIVEN = {"today": "2026-01-05", "cycle": "day", "tables": {}, "columns": ("a", "b", "c")}
# one set of fields for each that the cases show, without repeats
PLAIN = list({(n, str(dict(c.options))): (n, c.options, len(c.given)) for n, k in ROW.items() for c in k.cases}.values())
ROW_CASES = [(name, case) for name, cls in ROW.items() for case in cls.cases]
TABLE_CASES = [(name, case) for name, cls in TABLE.items() for case in cls.cases]
values = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("0123456789xX-. T:", max_size=20),
    st.from_regex(r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{5}(19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9X]", fullmatch=True),
    st.from_regex(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", fullmatch=True),
    st.from_regex(r"1[3-9][0-9]{9}|-?[0-9]{1,6}(\.[0-9]{1,3})?|[129]", fullmatch=True),
)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield engine
    engine.close()


def made(name: str, options: Any) -> Any:
    given_ = {k: v for k, v in GIVEN.items() if k in ALL[name].__dataclass_fields__}
    return ALL[name](**{**given_, **options})


def query_of(rule: Rule, width: int) -> str:
    columns = [column(f"c{i}") for i in range(width)]
    layers = Layers(sqlglot.exp.to_table("GIVEN"), {"n": column("n"), **{c.name: c for c in columns}})
    outputs = {"n": column("n"), "a": applies(rule, columns), "b": rule.broken(columns)}
    return layers.query(outputs).sql(dialect="duckdb")


def by_engine(engine: DuckDBEngine, query: str, rows: list[tuple[str | None, ...]], width: int) -> list[tuple[bool, bool]]:
    table = pa.table(
        {"n": list(range(len(rows))), **{f"c{i}": pa.array([r[i] for r in rows], pa.string()) for i in range(width)}}
    )
    with engine.bound(table) as source:
        answer = {n: (a, b) for n, a, b in engine.rows(query.replace("GIVEN", source.sql()))}
    return [answer[n] for n in range(len(rows))]


def by_meaning(rule: Rule, row: tuple[str | None, ...]) -> tuple[bool, bool]:
    return applies_to(rule, row), rule.is_broken(row)


@pytest.mark.parametrize(("name", "case"), ROW_CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(ROW_CASES)])
def test_case(quick: DuckDBEngine, name: str, case: Case) -> None:
    rule = made(name, case.options)
    assert rule.is_broken(case.given) is case.is_broken
    width = len(case.given)
    assert by_engine(quick, query_of(rule, width), [case.given], width)[0][1] is case.is_broken


@pytest.mark.parametrize(("name", "options", "width"), PLAIN, ids=[f"{p[0]}-{i}" for i, p in enumerate(PLAIN)])
def test_hostile_values(
    quick: DuckDBEngine, name: str, options: Any, width: int, hostile: tuple[str | None, ...]
) -> None:
    rule = made(name, options)
    good = next(case.given for case in rule.cases if len(case.given) == width)
    rows = [tuple(x if i == at else good[i] for i in range(width)) for x in hostile for at in range(width)]
    assert by_engine(quick, query_of(rule, width), rows, width) == [by_meaning(rule, row) for row in rows]


@pytest.mark.parametrize(("name", "options", "width"), PLAIN, ids=[f"{p[0]}-{i}" for i, p in enumerate(PLAIN)])
def test_any_values(quick: DuckDBEngine, name: str, options: Any, width: int) -> None:
    rule = made(name, options)
    query = query_of(rule, width)

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(*[values] * width), min_size=10, max_size=60))
    def agree(rows: list[tuple[str | None, ...]]) -> None:
        assert by_engine(quick, query, rows, width) == [by_meaning(rule, row) for row in rows]

    agree()


def table_of(rows: Any, width: int) -> pa.Table:
    columns = {f"c{i}": pa.array([r[i] for r in rows], pa.string()) for i in range(width)}
    return pa.table({**columns, "_batch": ["b"] * len(rows), "_row": pa.array(range(len(rows)), pa.int64())})


def counted(engine: DuckDBEngine, rule: Any, rows: Any, width: int, others: Any) -> tuple[tuple[int, int], int]:
    """Rows checked and broken, and how many broken rows are found."""
    with ExitStack() as held:
        source = held.enter_context(engine.bound(table_of(rows, width)))
        asked = list(getattr(rule, "others", ()))
        given = []
        for (_name, items), other in zip(asked, others, strict=False):
            bound = held.enter_context(engine.bound(table_of(other, max(len(items), 1))))
            given.append(bound)
        more = [given] if asked else []
        positions = engine.rows(rule.broken_rows(source, width, *more))
        assert len(set(positions)) == len(positions)
        (found,) = engine.rows(rule.counts(source, width, *more))
    return (int(found[0]), int(found[1])), len(positions)


def by_count(rule: Any, rows: Any, others: Any) -> tuple[int, int]:
    checked, broken = rule.count(rows, *([others] if getattr(rule, "others", ()) else []))
    return checked, broken


@pytest.mark.parametrize(("name", "case"), TABLE_CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(TABLE_CASES)])
def test_case_of_a_table_rule(quick: DuckDBEngine, name: str, case: TableCase) -> None:
    rule = made(name, case.options)
    width = len(case.given[0]) if case.given else 1
    assert by_count(rule, case.given, case.others) == (case.checked, case.broken)
    found, positions = counted(quick, rule, case.given, width, case.others)
    assert found == (case.checked, case.broken)
    assert positions in (0, case.broken)


# of table rules one set of fields for each that the cases show, with how many columns each table has
TABLE_PLAIN = list(
    {
        (n, str(dict(c.options)), len(c.given[0])): (n, c.options, len(c.given[0]))
        for n, c in TABLE_CASES
        if c.given
    }.values()
)


@pytest.mark.parametrize(("name", "options", "width"), TABLE_PLAIN, ids=[f"{p[0]}-{i}" for i, p in enumerate(TABLE_PLAIN)])
def test_any_values_of_a_table_rule(quick: DuckDBEngine, name: str, options: Any, width: int) -> None:
    rule = made(name, options)
    few = st.sampled_from([None, "", "a", "b", "2026-01-05", "2026-01-01", "2027-01-01", "１", "1", "2", "3.5", "-1", "6.5"])
    widths = [max(len(items), 1) for _name, items in getattr(rule, "others", ())]
    tables = st.tuples(*(st.lists(st.tuples(*[few] * w), max_size=12) for w in (width, *widths)))

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(tables)
    def agree(drawn: Any) -> None:
        rows, *others = drawn
        found, positions = counted(quick, rule, rows, width, others)
        assert found == by_count(rule, rows, others)
        assert positions in (0, found[1])

    agree()


@pytest.mark.parametrize(("name", "options", "width"), TABLE_PLAIN, ids=[f"{p[0]}-{i}" for i, p in enumerate(TABLE_PLAIN)])
def test_hostile_values_of_a_table_rule(
    quick: DuckDBEngine, name: str, options: Any, width: int, hostile: tuple[str | None, ...]
) -> None:
    rule = made(name, options)
    rows = [tuple(x if i <= at else "1" for i in range(width)) for x in hostile for at in range(width)] * 2
    others = [[tuple([x] * max(len(items), 1)) for x in hostile[::2]] for _name, items in getattr(rule, "others", ())]
    assert counted(quick, rule, rows, width, others)[0] == by_count(rule, rows, others)


def test_further_rows_of_a_key_are_the_broken_ones(quick: DuckDBEngine) -> None:
    rule = made("duplicate", {})
    with quick.bound(table_of([("a",), ("b",), ("a",), (None,), (None,), ("a",)], 1)) as source:
        assert sorted(quick.rows(rule.broken_rows(source, 1))) == [("b", 2), ("b", 5)]


@pytest.mark.parametrize(("name", "options", "width"), PLAIN, ids=[f"{p[0]}-{i}" for i, p in enumerate(PLAIN)])
def test_only_functions_of_every_engine(name: str, options: Any, width: int) -> None:
    rule = made(name, options)
    sure = rule.sure(column("c0")) if hasattr(rule, "sure") else None
    trees = [rule.broken([column(f"c{i}") for i in range(width)]), *([sure.term] if sure is not None else [])]
    for tree in map(plain, trees):
        assert not {node.name.lower() for node in tree.find_all(sqlglot.exp.Anonymous)}
        tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)


@pytest.mark.parametrize("name", list(ALL))
def test_it_is_described(name: str) -> None:
    cls = ALL[name]
    assert cls.title.zh and cls.title.en and cls.standard and cls.__doc__
    outcomes = {case.is_broken if name in ROW else case.broken > 0 for case in cls.cases}
    assert outcomes == {True, False}
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    imports = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert not [i for i in imports if i.startswith("cityloom.quality.rules")]


def test_a_rule_text_is_never_part_of_the_query(quick: DuckDBEngine) -> None:
    rule = made("format", {"pattern": "' OR 1=1 --"})
    assert quick.rows(sqlglot.exp.select(plain(rule.broken([sqlglot.exp.convert("' OR 1=1 --")])))) == [(False,)]
    assert quick.rows(sql("SELECT 1")) == [(1,)]
