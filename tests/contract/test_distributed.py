"""The distributed engine answers as the embedded one and as the meaning in Python: every rule and every step, on
cases, on texts that hurt and on generated ones.

A query costs Spark a good part of a second, so many terms and all their rows go into one query.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlglot import exp
from tests.conftest import server
from tests.contract import test_predicates, test_rules, test_steps

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.layers import Layers
from cityloom.engines.predicate import parse_predicate
from cityloom.engines.spark.engine import SparkEngine
from cityloom.engines.terms import column
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugins
from cityloom.quality.base import applies, applies_to
from cityloom.standard.base import STEPS, ProgramStep
from cityloom.standard.lookups import in_folder
from cityloom.standard.plan import ItemPlan, Mapped

TERMS = 24
"""So many terms go into one query."""
TEXTS = 400
"""So many generated texts go through each term."""


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    engine = SparkEngine(server("TEST_SPARK_URL"), tmp_path_factory.mktemp("spark"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=512, threads=2)
    yield engine
    engine.close()


def generated(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """The first values of a strategy, the same ones each time."""
    found: list[Any] = []

    @seed(20260105)
    @settings(max_examples=count // 10, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(strategy, min_size=10, max_size=30))
    def take(values: list[Any]) -> None:
        found.extend(values)

    take()
    return list(dict.fromkeys(found))[:count]


def answers(
    engine: Any, rows: Sequence[Sequence[str | None]], terms: Callable[[], dict[str, exp.Expression]]
) -> dict[str, list[Any]]:
    """What the terms are for each row, by name; one query for ``TERMS`` of them."""
    width = max(map(len, rows))
    columns = {f"c{i}": pa.array([r[i] if i < len(r) else None for r in rows], pa.string()) for i in range(width)}
    table = pa.table({"n": range(len(rows)), **columns})
    found: dict[str, list[Any]] = {}
    with engine.bound(table) as source:
        made = terms()
        for names in (list(made)[first : first + TERMS] for first in range(0, len(made), TERMS)):
            layers = Layers(source, {name: column(name) for name in table.column_names})
            query = layers.query({"n": column("n"), **{name: made[name] for name in names}})
            records = sorted(engine.records(query), key=lambda r: r["n"])
            found |= {name: [record[name] for record in records] for name in names}
    return found


def differences(names: Sequence[str], rows: Sequence[Any], *sides: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    return [
        (name, str(row)[:80], *(str(side[name][n])[:40] for side in sides))
        for name in names
        for n, row in enumerate(rows)
        if len({(side[name][n],) for side in sides}) > 1
    ][:20]


def test_every_step_gives_the_same_texts(spark: SparkEngine, quick: DuckDBEngine, hostile: tuple[str | None, ...]) -> None:
    steps: dict[str, tuple[Any, tuple[str | None, ...]]] = {}
    for name, cls in plugins(STEPS).items():
        for case in cls.cases:
            step = test_steps.made(name, case.options)
            if not isinstance(step, ProgramStep):
                steps.setdefault(f"{name} {sorted(case.options.items(), key=str)} {case.others}", (step, case.others))
    cases = [case.given for cls in plugins(STEPS).values() for case in cls.cases]
    texts = list(dict.fromkeys([*cases, *hostile, *generated(test_steps.texts, TEXTS)]))
    rows = [(text,) for text in texts]
    meant = {name: [step.value(text, *others) for text in texts] for name, (step, others) in steps.items()}

    def terms() -> dict[str, exp.Expression]:
        return {name: test_steps.term_of(step, column("c0"), others) for name, (step, others) in steps.items()}

    assert differences(list(steps), texts, meant, answers(quick, rows, terms), answers(spark, rows, terms)) == []


def test_every_program_is_looked_up_the_same(spark: SparkEngine, quick: DuckDBEngine, hostile: tuple[str | None, ...]) -> None:
    programs = [one for one in (test_steps.made(*plain) for plain in test_steps.PLAIN) if isinstance(one, ProgramStep)]
    steps = [(one,) for one in programs] + [(test_steps.made("clean_text", {}), programs[0], programs[-1])]
    plans = tuple(ItemPlan(item=f"y{n}", column="x", steps=some) for n, some in enumerate(steps))
    texts = list(dict.fromkeys([*(case.given for one in programs for case in one.cases), *hostile, *generated(test_steps.texts, 60)]))
    rows = pa.table({"_row": range(len(texts)), "x": pa.array(texts, pa.string())})

    def mapped(engine: Any) -> dict[str, list[Any]]:
        with engine.bound(rows) as source:
            made = lambda known: Mapped(source, engine.columns(exp.select("*").from_(source)), plans, known)  # noqa: E731
            with in_folder(plans, engine, made) as lookups:
                whole = made(lookups)
                query = whole.layers.query({"_row": column("_row"), **{p.item: whole.item(p.item) for p in plans}})
                records = sorted(engine.records(query), key=lambda r: r["_row"])
        return {p.item: [record[p.item] for record in records] for p in plans}

    meant = {p.item: [reduce(lambda x, step: step.value(x), p.steps, text) for text in texts] for p in plans}
    assert differences([p.item for p in plans], texts, meant, mapped(quick), mapped(spark)) == []


def test_every_expression_gives_the_same_values(spark: SparkEngine, quick: DuckDBEngine, hostile: tuple[str | None, ...]) -> None:
    several = {
        text: parse_predicate(text, test_predicates.ITEMS, today=test_predicates.TODAY)
        for text in (*test_predicates.GOOD, *test_predicates.RECKONED)
    }
    cases = [test_predicates.filled(row) for rows in test_predicates.GOOD.values() for row in rows]
    spoiled = [(x, y, x) for x in hostile for y in ("1", None, "x")] + [("1", x, x) for x in hostile]
    hand, drawn = random.Random(3), generated(test_predicates.values, TEXTS)
    rows = list(dict.fromkeys([*cases, *spoiled, *((hand.choice(drawn), hand.choice(drawn), hand.choice(drawn)) for _ in drawn)]))
    columns = {item: column(f"c{i}") for i, item in enumerate(test_predicates.ITEMS)}

    def terms() -> dict[str, exp.Expression]:
        return {f"x{n}": one.sql(columns) for n, one in enumerate(several.values())}

    meant = {f"x{n}": test_predicates.by_meaning(one, rows) for n, one in enumerate(several.values())}
    assert differences(list(meant), rows, meant, answers(quick, rows, terms), answers(spark, rows, terms)) == []


def test_every_row_rule_finds_the_same_rows(spark: SparkEngine, quick: DuckDBEngine, hostile: tuple[str | None, ...]) -> None:
    for width in sorted({width for _, _, width in test_rules.PLAIN}):
        rules = {f"{n}-{i}": test_rules.made(n, o) for i, (n, o, w) in enumerate(test_rules.PLAIN) if w == width}
        rows = rows_of(rules, width, hostile)
        meant = {name: [(applies_to(rule, row), rule.is_broken(row)) for row in rows] for name, rule in rules.items()}
        columns = [column(f"c{i}") for i in range(width)]

        def terms(rules: dict[str, Any] = rules, columns: list[exp.Column] = columns) -> dict[str, exp.Expression]:
            pairs = {f"{n}/a": applies(rule, columns) for n, rule in rules.items()}
            return pairs | {f"{n}/b": rule.broken(columns) for n, rule in rules.items()}

        sides = [answers(engine, rows, terms) for engine in (quick, spark)]
        both = [{n: list(zip(side[f"{n}/a"], side[f"{n}/b"], strict=True)) for n in rules} for side in sides]
        assert differences(list(rules), rows, meant, *both) == []


def rows_of(rules: dict[str, Any], width: int, hostile: tuple[str | None, ...]) -> list[tuple[str | None, ...]]:
    """Rows of the cases, the same with each value spoiled, and generated ones."""
    cases = [case.given for rule in rules.values() for case in rule.cases if len(case.given) == width]
    spoiled = [
        tuple(text if i == at else good[i] for i in range(width))
        for number, good in enumerate(dict.fromkeys(cases))
        for text in hostile
        for at in range(width)
        if number == 0 or len(text or "") < 1000
    ]
    hand = random.Random(width)
    texts = generated(test_rules.values, TEXTS)
    drawn = [tuple(hand.choice(texts) for _ in range(width)) for _ in texts] if width > 1 else [(text,) for text in texts]
    return list(dict.fromkeys([*cases, *spoiled, *drawn]))


@pytest.mark.parametrize("number", range(len(test_rules.TABLE_PLAIN)), ids=[f"{p[0]}-{i}" for i, p in enumerate(test_rules.TABLE_PLAIN)])
def test_a_table_rule_counts_the_same(
    spark: SparkEngine, quick: DuckDBEngine, number: int, hostile: tuple[str | None, ...]
) -> None:
    name, options, width = test_rules.TABLE_PLAIN[number]
    rule, hand = test_rules.made(name, options), random.Random(number)
    widths = [width, *(max(len(items), 1) for _name, items in getattr(rule, "others", ()))]
    cases = [c for c in rule.cases if c.options == options and c.given and len(c.given[0]) == width]
    sets = [[list(c.given), *map(list, c.others)] for c in cases[:1]]
    short = [text for text in hostile if len(text or "") < 1000]
    few = (*short, "a", "b", "2026-01-05", "2026-01-01", "2027-01-01", "1", "2", "3.5", "-1", "6.5")
    sets += [[[tuple(hand.choice(few) for _ in range(w)) for _ in range(40)] for w in widths]]
    meant = [(*test_rules.by_count(rule, rows, others),) for rows, *others in sets]
    found = [counted(engine, rule, sets, widths) for engine in (quick, spark)]
    assert [one[:2] for one in found[0]] == meant
    assert found[0] == found[1]


def counted(engine: Any, rule: Any, sets: list[list[Any]], widths: list[int]) -> list[tuple[int, int, int]]:
    """Rows checked and broken, and how many rows are named, for each set of tables; one query for all."""
    most = max(widths)
    rows = [(f"{n}_{t}", i, *row, *[None] * (most - len(row))) for n, tables in enumerate(sets) for t, table in enumerate(tables) for i, row in enumerate(table)]
    columns = list(zip(*rows, strict=True))
    values = {f"c{i}": pa.array(columns[2 + i], pa.string()) for i in range(most)}
    everything = pa.table({"t": columns[0], "_batch": ["b"] * len(rows), "_row": pa.array(columns[1], pa.int64()), **values})
    with engine.bound(everything) as source:

        def relation(number: int, table: int) -> exp.Expression:
            picks = ", ".join(["_batch", "_row", *(f"c{i}" for i in range(widths[table]))])
            return exp.Subquery(this=sql(f"SELECT {picks} FROM :s WHERE t = :t", s=source, t=f"{number}_{table}"))

        queries = []
        for n in range(len(sets)):
            more = [[relation(n, t) for t in range(1, len(widths))]] if len(widths) > 1 else []
            counts = exp.Subquery(this=rule.counts(relation(n, 0), widths[0], *more))
            positions = exp.Subquery(this=rule.broken_rows(relation(n, 0), widths[0], *more))
            queries.append(
                sql(
                    "SELECT :n AS n, k.checked, k.broken, p.named FROM :counts AS k"
                    " CROSS JOIN (SELECT count(*) AS named FROM :positions AS q) AS p",
                    n=n, counts=counts, positions=positions,
                )
            )  # fmt: skip
        whole: exp.Expression = queries[0]
        for query in queries[1:]:
            whole = exp.Union(this=whole, expression=query, distinct=False)
        return [(int(c), int(b), int(p)) for _, c, b, p in sorted(engine.rows(whole))]


def test_what_is_told_apart_by_the_dialect_alone(spark: SparkEngine, quick: DuckDBEngine) -> None:
    numbers = "1 / 0 AS a, -1 / 0 AS b, 0 / 0 AS c, -7 // 2 AS f, -7 % 3 AS g, 1.5 / 0.5 AS h"
    texts = (
        "substr('abc', 0, 2) AS i, left('abc', -1) AS j, right('abc', -1) AS k, trim('\u3000\u2003 a ') AS l,"
        " regexp_replace('aXbX', 'X', '$1-', 'g') AS m, regexp_replace('a\nXbX', '([X])', '[\\1]') AS n, chr(0) || '${x}' AS o,"
        " regexp_matches('a' || chr(10), '^a$') AS p, regexp_matches('a' || chr(8232), '^a.$') AS q, strlen('中') AS r,"
        " regexp_matches('&[', '^[[&]+$') AS s, 'a\\_b' LIKE 'a\\%' AS t, list_transform(range(0), lambda i: i) AS u"
    )
    query = f"SELECT {numbers}, {texts}"
    left, right = (engine.records(query)[0] for engine in (quick, spark))
    assert {k: str(v) for k, v in left.items()} == {k: str(v) for k, v in right.items()}


def test_what_has_no_equal_is_refused(spark: SparkEngine) -> None:
    refused = ("SELECT reverse_hash(1)", "SELECT regexp_matches('a', '(?=a)')", "SELECT substr('abc', -1)")
    for query in refused:
        with pytest.raises(ConfigError) as found:
            spark.rows(query)
        assert found.value.code == "engine.spark.unsupported"
