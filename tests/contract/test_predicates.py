"""The confined language: what it allows, and that engine and meaning agree on whatever comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.predicate import Predicate, parse_condition, parse_predicate
from cityloom.engines.terms import column, plain
from cityloom.kernel.errors import ConfigError

ITEMS = ("a", "b", "金额")
TODAY = "2026-01-05"
GOOD = {
    "a = 'x'": {("x",): True, ("y",): False, (None,): None},
    "a > 5": {("10",): True, ("5.0",): False, ("ten",): None, ("1e3",): None, (" 6",): None},
    "a > '5'": {("10",): False, ("6",): True},
    "a < b": {("a", "b"): True, ("𠮷", "\uffff"): False, ("10", "9"): True},
    "number(a) < number(b)": {("10", "9"): False, ("-0.0", "0"): False},
    "a + b = 0.3": {("0.1", "0.2"): True},
    "a / b = 0.33333333": {("1", "3"): True, ("1", "0"): None},
    "a * b IS NULL": {("99999999999", "99999999999"): True, ("2", "3"): False},
    "a % 4 = -1": {("-5", None): True, ("5", None): False},
    "a = 1 OR b IS NULL": {("2", None): True, (None, "x"): None, ("1", "x"): True},
    "NOT (a = 'x' AND b = 'y')": {("x", None): None, ("z", None): True},
    "a IN ('x', 'y')": {("x",): True, ("z",): False, (None,): None},
    "a NOT IN (1, 2)": {("1.0",): False, ("3",): True, ("x",): None},
    "a BETWEEN 1 AND 10": {("10",): True, ("10.00000001",): False, ("10.000000001",): True},
    "a LIKE 'x%_z'": {("xyz",): True, ("xz",): False, ("x\n👩z",): True},
    "a NOT LIKE '%.%'": {("x",): True, ("x.y",): False},
    "CASE WHEN a = '1' THEN b = 'x' ELSE b IS NULL END": {("1", "x"): True, ("2", "x"): False, (None, None): True},
    "a IS DISTINCT FROM b": {(None, None): False, ("x", None): True},
    "a IS NOT DISTINCT FROM b": {(None, None): True, ("x", None): False},
    "(a = 'x') IS TRUE": {(None,): False, ("x",): True},
    "(a = 'x') = (b = 'y')": {("x", "y"): True, ("z", "z"): True, ("x", None): None},
    "coalesce(a, b, '-') = '-'": {(None, None): True, (None, "x"): False},
    "nullif(a, '') IS NULL": {("",): True, ("x",): False},
    "length(a) = 2": {("𠮷野",): True, ("👩‍👩‍👧",): False},
    "upper(a) = 'X1'": {("x1",): True, ("Ä",): False},
    "lower(a) || '-' || 1.50 = 'x-1.5'": {("X",): True, (None,): None},
    "text(number(a)) = '0'": {("-0.0",): True, ("00",): True},
    "trim(a) = 'x'": {("\u3000x \n",): True},
    "substr(a, 7, 8) = '19491231' AND left(a, 2) = '11' AND right(a, 1) = 'X'": {("11010519491231002X",): True},
    "substr(a, 3) = ''": {("xy",): True, ("xyz",): False},
    "replace(a, '-', '') = '20240131'": {("2024-01-31",): True},
    "contains(a, 'y') AND starts_with(a, 'x') AND ends_with(a, 'zz')": {("xyzz",): True, ("z",): False},
    "matches(a, '[0-9]{2}|x')": {("12",): True, ("12\n",): False, ("x",): True, (None,): None},
    "coded(a, 'citizen_id')": {("11010519491231002X",): True, ("1",): False, (None,): None},
    "is_blank(a)": {(None,): True, ("\u3000",): True, ("x",): False},
    "is_number(a)": {("1.5",): True, ("１",): False, (None,): False},
    "is_date(a)": {("2024-02-29",): True, ("2023-02-29",): False, ("2024-02-29T10:00:00",): True, (None,): False},
    "year(a) = 2024 AND month(a) = 2 AND day(a) = 29": {("2024-02-29",): True, ("x",): None},
    "days(a, b) = 60": {("2024-01-01", "2024-03-01"): True, ("2023-01-01", "2023-03-01"): False, ("x", "y"): None},
    "years(a, today()) >= 18": {("2008-01-05",): True, ("2008-01-06",): False},
    "abs(a) = 1.5": {("-1.5",): True},
    "round(a, 1) = 0.3 AND round(a) = 0": {("0.25",): True},
    "round(a, 2) = -1.13": {("-1.125",): True},
    "金额 > 0": {(None, None, "1"): True},
    '"金额" > 0': {(None, None, "0"): False},
    "-a < 0": {("1",): True},
    "a = 'it''s; DROP TABLE x -- '": {("it's; DROP TABLE x -- ",): True},
    "true": {(None,): True},
}
BAD = (
    "", "a =", "a = 1; DROP TABLE x", "(SELECT 1) = 1", "EXISTS (SELECT 1)", "c = 1", "t.a = 1", "a = NULL", "a::int = 1",
    "CAST(a AS int) = 1", "date '2020-01-01' = a", "read_csv('/etc/passwd') = a", "a = :p", "a = ?", "count(*) > 1",
    "sum(a) > 1", "a IN (SELECT b)", "a ILIKE 'x'", "a LIKE b", "a LIKE 'x\\_'", "matches(a, b)", "matches(a, '(?=x)y')",
    "matches(a, '\\d+')", "matches(a, '(a')", "matches(a, '^a$')", "a[1] = 'x'", "(a, b) = ('x', 'y')", "a -> 'b' = 1",
    "INTERVAL '1' DAY > a", "current_date > a", "a = 1e5", "a = 123456789012345678901", "a = 0.123456789", "length(a, b) = 1",
    "a AND b = 'x'", "a = (b = 'x')", "(a = 'x') < (b = 'y')", "(a = 'x') + 1 = 2", "a + 'x' = 1", "substr(a, 0, 1) = 'x'",
    "substr(a, b) = 'x'", "replace(a, '', 'x') = a", "coded(a, 'x') ", "a IS b", "a IN ()", "round(a, 9) = 1", "* = 1", "a.* = 1",
    "CASE a WHEN '1' THEN b END = 'x'", "if(a = 'x', b, a) = 'y'", "a COLLATE nocase = 'x'", "lag(a) OVER () = 'x'",
    "a = 'x' AS y", "x -> x = 1", "list_transform(a, x -> x) = 1", "(" * 60 + "a" + ")" * 60 + " = 'x'",
    " OR ".join(["a = 'x'"] * 300), "a = '" + "x" * 5000 + "'", "a" + " * a" * 12 + " = 1", "days(text(days(a, b)), b) = 1",
    "a = 'x\x00'", "a AND", "a = 'x",
)  # fmt: skip


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield engine
    engine.close()


def filled(values: tuple[str | None, ...]) -> tuple[str | None, ...]:
    return (*values, *[None] * (len(ITEMS) - len(values)))


def by_meaning(one: Predicate, rows: list[tuple[str | None, ...]]) -> list[Any]:
    meaning = one.meaning()
    return [meaning(dict(zip(ITEMS, row, strict=True))) for row in rows]


def by_engine(engine: DuckDBEngine, one: Predicate, rows: list[tuple[str | None, ...]], *, layered: bool = True) -> list[Any]:
    names = [f"c{i}" for i in range(len(ITEMS))]
    table = pa.table({"n": list(range(len(rows))), **{n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(names)}})
    term = one.sql({item: column(name) for item, name in zip(ITEMS, names, strict=True)})
    with engine.bound(table) as source:
        if layered:
            layers = Layers(source, {"n": column("n"), **{n: column(n) for n in names}})
            query = layers.query({"n": column("n"), "x": term})
        else:
            query = exp.select("n", exp.alias_(plain(term), "x")).from_(source)
        answer = dict(engine.rows(query))
    return [answer[n] for n in range(len(rows))]


def all_by_engine(engine: DuckDBEngine, several: list[Predicate], rows: list[tuple[str | None, ...]]) -> list[list[Any]]:
    """The answers of several expressions, all in one query."""
    names = [f"c{i}" for i in range(len(ITEMS))]
    table = pa.table({"n": list(range(len(rows))), **{n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(names)}})
    columns = {item: column(name) for item, name in zip(ITEMS, names, strict=True)}
    with engine.bound(table) as source:
        layers = Layers(source, {"n": column("n"), **{n: column(n) for n in names}})
        answers = engine.rows(layers.query({"n": column("n"), **{f"x{i}": one.sql(columns) for i, one in enumerate(several)}}))
    ordered = sorted(answers, key=lambda row: row[0])
    return [[row[i + 1] for row in ordered] for i in range(len(several))]


@pytest.mark.parametrize("text", list(GOOD))
def test_a_condition_means_what_it_says(quick: DuckDBEngine, text: str) -> None:
    one = parse_condition(text, ITEMS, today=TODAY)
    rows, outcomes = [filled(row) for row in GOOD[text]], list(GOOD[text].values())
    assert by_meaning(one, rows) == outcomes
    assert by_engine(quick, one, rows) == outcomes
    assert by_engine(quick, one, rows, layered=False) == outcomes


@pytest.mark.parametrize("start", range(0, len(GOOD), 12))
def test_hostile_values(quick: DuckDBEngine, start: int, hostile: tuple[str | None, ...]) -> None:
    rows = [(x, y, x) for x in hostile for y in ("1", None, "x")] + [("1", x, x) for x in hostile]
    conditions = [parse_condition(text, ITEMS, today=TODAY) for text in list(GOOD)[start : start + 12]]
    found = all_by_engine(quick, conditions, rows)
    for one, answers in zip(conditions, found, strict=True):
        assert answers == by_meaning(one, rows), one.text


values = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.text("0123456789.-", max_size=12),
    st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20).map(lambda d: f"{d:f}"),
    st.integers(-(10**21), 10**21).map(str),
    st.sampled_from(["x", "y", "0", "1", "3", "-0", "0.5", "0.000000005", "-0.000000005", "99999999999999999999.999999995"]),
    st.dates().map(str),
)
RECKONED = ("a + b", "a - b", "a * b", "a / b", "a % b", "-a", "round(a, 3)", "abs(a)", "days(a, b)", "years(a, b)", "a || b",
            "text(number(a) + 1)", "coalesce(number(a), 7)", "CASE WHEN a > b THEN a END", "a * b / 金额 - 1")  # fmt: skip


@pytest.mark.parametrize("start", range(0, len(GOOD) + len(RECKONED), 12))
def test_any_values(quick: DuckDBEngine, start: int) -> None:
    several = [parse_predicate(text, ITEMS, today=TODAY) for text in [*GOOD, *RECKONED][start : start + 12]]

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(values, values, values), min_size=20, max_size=60))
    def agree(rows: list[tuple[str | None, ...]]) -> None:
        for one, answers in zip(several, all_by_engine(quick, several, rows), strict=True):
            assert answers == by_meaning(one, rows), one.text

    agree()


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_allowed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_condition(text, ITEMS, today=TODAY)
    assert caught.value.code.startswith("engines.predicate.")
    assert str(caught.value)


@pytest.mark.parametrize("text", [*GOOD, *RECKONED])
def test_only_functions_of_every_engine(text: str) -> None:
    tree = plain(parse_predicate(text, ITEMS, today=TODAY).sql())
    assert not {node.name.lower() for node in tree.find_all(exp.Anonymous)}
    tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)


def test_it_says_what_it_looks_at() -> None:
    one = parse_predicate("a * 2", ITEMS)
    assert (one.kind, one.items) == ("number", ("a",))
    assert one.meaning()({"a": "1.25"}) == Decimal("2.5")
    assert one.as_text().meaning()({"a": "1.25"}) == "2.5"
    assert parse_condition("b = a AND b IS NULL", ITEMS).items == ("b", "a")


def test_it_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"there is no item c \(there are: a, b"):
        parse_condition("c = 1", ITEMS)
    with pytest.raises(ConfigError, match="line 1, column"):
        parse_condition("a = = 1", ITEMS)
    with pytest.raises(ConfigError, match="is a number, where a condition is wanted"):
        parse_condition("a + 1", ITEMS)
