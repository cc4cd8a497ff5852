"""Profiles: figures against plain Python, concealed values, keys, dependencies and references, drift."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.terms import column
from cityloom.flows.profiles import drifts
from cityloom.model.profile import FieldProfile, TableProfile, together
from cityloom.model.standard import Element
from cityloom.model.text import Title
from cityloom.quality import profile as module
from cityloom.quality.base import BLANKS, STAND_INS
from cityloom.quality.conceal import conceal
from cityloom.quality.discover import find_dependencies, find_keys, find_references
from cityloom.quality.profile import Subject, profile
from cityloom.quality.profile_terms import facts, looked_at
from cityloom.store.profiles import find_profile, latest_profiles, list_profiles, put_profile


def profiled(engine: DuckDBEngine, version: int = 0, **columns: list[str | None]) -> TableProfile:
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    with engine.bound(table) as relation:
        subject = Subject(table="raw_ga__t", version=version, at="2026-01-05T02:00:00Z", relation=relation)
        return profile(engine, subject, {name: column(name) for name in columns})


TEXTS = st.one_of(
    st.none(), st.sampled_from(["", " ", "　", *STAND_INS, "0", "0.0", "-0", "张伟", "2024-02-30"]), st.text(max_size=6)
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXTS.filter(lambda t: t is None or "\x00" not in t), min_size=1, max_size=30))
def test_counts_are_those_of_plain_python(engine: DuckDBEngine, values: list[str | None]) -> None:
    one = profiled(engine, a=values).fields[0]
    there = [v for v in values if v is not None and v.strip(BLANKS) and v not in STAND_INS]
    assert one.records == len(values)
    assert one.missing == len(values) - len(there)
    assert one.stand_ins == sum(v in STAND_INS for v in values)
    assert one.unique == len(set(there))
    assert one.duplicates == len(there) - len(set(there))
    assert (one.least_length, one.most_length) == ((min(map(len, there)), max(map(len, there))) if there else (None, None))
    assert dict(one.top) == {k: n for k, n in Counter(there).items() if k in dict(one.top)}
    assert one.zero == sum(v in ("0", "0.0", "-0") for v in there)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXTS.filter(lambda t: t is None or "\x00" not in t), min_size=1, max_size=15))
def test_row_by_row_and_value_by_value_tell_the_same(engine: DuckDBEngine, values: list[str | None]) -> None:
    table = pa.table({"a": pa.array(values, pa.string())})
    with engine.bound(table) as relation:
        joined = sql("SELECT * FROM :x UNION ALL SELECT * FROM :x WHERE 1 = 0", x=relation)
        found = []
        for source in (relation, exp.Subquery(this=joined)):
            subject = Subject(table="t", version=0, at="2026-01-05T02:00:00Z", relation=source)
            found.append(profile(engine, subject, {"a": column("a")}).fields[0])
    by_values, by_rows = (replace(one, quantiles=()) for one in found)
    assert by_values == by_rows


PATTERNS = {
    "boolean": "(?i:true|false|yes|no|[yn]|是|否)",
    "time": "[12][0-9]{3}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?",
    "date": "[12][0-9]{3}([-/.][0-9]{1,2}[-/.][0-9]{1,2}|[01][0-9][0-3][0-9]|年[0-9]{1,2}月[0-9]{1,2}日)",
    "integer": "[+-]?[0-9]{1,18}",
    "decimal": r"[+-]?([0-9]{1,18}([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?",
}
TYPED = st.one_of(*(st.from_regex(p, fullmatch=True) for p in PATTERNS.values()), st.text("0123456789-+.eE年月日 T:/yn", max_size=12))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TYPED.filter(lambda t: t.strip(BLANKS) and t not in STAND_INS and len(t) < 60), min_size=1, max_size=30))
def test_the_kind_of_a_value_says_all_types_that_it_has(engine: DuckDBEngine, values: list[str]) -> None:
    with engine.bound(pa.table({"t0": values})) as relation:
        picks = facts(0, exp.Literal.number(1))
        row = engine.rows(exp.select(*(picks[kind] for kind in PATTERNS)).from_(looked_at(relation, 1, STAND_INS)))[0]
    meant = [sum(re.fullmatch(pattern, v) is not None for v in values) for pattern in PATTERNS.values()]
    assert list(row) == meant


def test_quantiles_and_forms_count_every_value(engine: DuckDBEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 20)
    amounts = ["5"] * 500 + [str(100 + i) for i in range(500)]
    one = profiled(engine, a=amounts).fields[0]
    assert one.quantiles == (5.0, 5.0, 5.0, 349.0, 549.0)
    assert one.top[0] == ("5", 500)
    assert dict(one.patterns)["9"] == pytest.approx(0.5, abs=0.25)


def test_a_table_and_its_types(engine: DuckDBEngine) -> None:
    found = profiled(
        engine,
        id=["1", "2", "3", "3"],
        day=["2024-01-01", "2024-01-02", None, None],
        at=["2024-01-01 10:00:00"] * 4,
        amount=["1.5", "2", "-3.25", "-3.25"],
        none=[None, "", "无", " "],
        wide=["Ａ１", " x", "y", "y"],
    )
    assert [f.type for f in found.fields] == ["integer", "date", "time", "decimal", "empty", "text"]
    assert (found.missing_cells, found.fields_with_missing, found.wholly_missing) == (6, 2, 1)
    assert found.duplicate_rows == 0
    amount = found.fields[3]
    assert (amount.least, amount.most, amount.mean) == (-3.25, 2.0, pytest.approx(-0.75))
    assert found.fields[5].special == 2
    assert found.fields[1].patterns == (("9999-99-99", 1.0),)
    whole = together((found, found))
    assert (whole.tables, whole.fields, whole.records, whole.missing_cells) == (2, 12, 8, 12)


def test_rows_that_are_wholly_alike_are_counted(engine: DuckDBEngine) -> None:
    assert profiled(engine, a=["1", "1", None, None], b=["x", "x", None, "x"]).duplicate_rows == 1


def test_large_tables_are_estimated(engine: DuckDBEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", 10)
    found = profiled(engine, a=[str(i % 500) for i in range(5000)])
    assert not found.is_exact
    assert found.fields[0].unique == pytest.approx(500, rel=0.1)


def test_an_empty_table_has_a_profile(engine: DuckDBEngine) -> None:
    found = profiled(engine, a=[], b=[])
    assert [(f.records, f.type) for f in found.fields] == [(0, "empty"), (0, "empty")]


def test_values_that_name_somebody_are_not_kept(engine: DuckDBEngine) -> None:
    names = [f"名{i}" for i in range(20)]
    found = profiled(engine, name=names, kind=["甲"] * 19 + ["独"], phone=["13800000000"] * 20, year=["1990"] * 20)
    kept = conceal(found, {"name": "internal", "kind": "internal", "phone": "sensitive", "year": "public"})
    name, kind, phone, year = kept.fields
    assert name.top == () and name.first is None
    assert kind.top == (("甲", 19),)
    assert phone.top == () and phone.least is None and phone.patterns
    assert year.top == (("1990", 20),)
    assert "独" not in str(kept)
    assert all(text not in str(kept) for text in names)
    assert "13800000000" not in str(kept)


def test_keys_dependencies_and_references_are_found(engine: DuckDBEngine) -> None:
    rows = 600
    table = pa.table(
        {
            "id": [f"{i:05}" for i in range(rows)],
            "street": [f"{i % 60:03}" for i in range(rows)],
            "area": [f"{(i % 60) // 20}" for i in range(rows)],
            "year": [f"{2000 + i // 60}" for i in range(rows)],
            "one": ["x"] * rows,
        }
    )
    streets = pa.table({"code": [f"{i:03}" for i in range(70)]})
    with engine.bound(table) as relation, engine.bound(streets) as other:
        terms = {name: column(name) for name in table.column_names}
        mine = profile(engine, Subject(table="raw_ga__t", version=0, at="x", relation=relation), terms)
        others = {"code": column("code")}
        theirs = profile(engine, Subject(table="raw_ga__s", version=0, at="x", relation=other), others)
        assert find_keys(engine, relation, terms, mine) == (("id",), ("street", "year"))
        found = find_dependencies(engine, relation, terms, mine)
        assert [(d.determining, d.determined, d.share) for d in found] == [(("street",), "area", 1.0)]
        references = find_references(engine, relation, terms, mine, {"s": (other, others, theirs)})
        assert [(r.field, r.other, r.other_field, r.rate) for r in references] == [("street", "s", "code", 1.0)]


def test_a_dependency_with_exceptions_has_its_share(engine: DuckDBEngine) -> None:
    table = pa.table({"a": [f"{i % 10}" for i in range(200)], "b": [f"{i % 10 // 2}" if i else "9" for i in range(200)]})
    with engine.bound(table) as relation:
        terms = {name: column(name) for name in table.column_names}
        mine = profile(engine, Subject(table="raw_ga__t", version=0, at="x", relation=relation), terms)
        found = find_dependencies(engine, relation, terms, mine, least=0.9)
    assert [(d.determining, d.determined, d.share) for d in found] == [(("a",), "b", 199 / 200)]


def test_what_changed_between_two_profiles_is_told(engine: DuckDBEngine) -> None:
    old = profiled(engine, a=["1", "2", "3", "4"], b=["2024-01-01"] * 4, c=["x"] * 4)
    new = profiled(engine, 1, a=["x", "y", None, None], b=["2024/1/1"] * 4, d=["x"] * 4)
    found = {(d.name, d.figure) for d in drifts(old, new)}
    assert found >= {("a", "type"), ("a", "missing_rate"), ("b", "form 9999/9/9"), ("c", "gone"), ("d", "new")}
    assert drifts(old, old) == []


def test_profiles_are_kept_by_version(engine: DuckDBEngine, store) -> None:
    one, two = profiled(engine, a=["1"]), profiled(engine, 1, a=["1", "2"])
    with store.write() as connection:
        for each in (one, two, two):
            put_profile(connection, each)
        assert find_profile(connection, "raw_ga__t") == two
        assert find_profile(connection, "raw_ga__t", 0) == one
        assert [p.version for p in list_profiles(connection, "raw_ga__t")] == [1, 0]
        assert latest_profiles(connection) == [two]
        assert find_profile(connection, "raw_ga__other") is None


def test_digits_of_a_code_are_no_quantity() -> None:
    def field(name: str) -> FieldProfile:
        return FieldProfile(
            name=name, records=2, missing=0, stand_ins=0, unique=2, zero=0, least_length=6, most_length=6, mean_length=6.0,
            type="integer", type_share=1.0, least=1.0, most=3.0, mean=2.0, quantiles=(1.0, 1.0, 2.0, 3.0, 3.0),
        )  # fmt: skip

    whole = TableProfile(
        table="t", version=1, at="", records=2, bytes=1, duplicate_rows=0, is_exact=True, fields=(field("division"), field("income"))
    )
    bare, kept = whole.without_sums({"division"}).fields
    assert (bare.least, bare.most, bare.mean, bare.quantiles, bare.unique) == (None, None, None, (), 2)
    assert kept == field("income")
    made = {"name": "x", "identifier": "x", "title": Title("甲", "a"), "definition": Title("甲", "a"), "standard": "x"}
    forms = {"n..12,2": {}, "n6": {"codes": "c"}, "n6..12": {"coding_rule": "division"}, "d8": {}, "an18": {}}
    assert [Element(representation=form, **made, **more).is_quantity for form, more in forms.items()] == [True, False, False, False, False]
