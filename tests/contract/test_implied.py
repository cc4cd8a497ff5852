"""Rules on one column that follow from others are not asked, and all that is found stays the same."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.engines.codings import ID_SHAPE, PHONE_SHAPE
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.languages import is_apart, is_within, lengths, matches
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column
from cityloom.kernel.registry import plugins
from cityloom.model.standard import Code, CodeTable, RuleUse
from cityloom.model.text import Title
from cityloom.quality.base import RULES, applies_to
from cityloom.quality.implied import flags, implies
from cityloom.quality.plan import RulePlan

ALL = plugins(RULES)
T = Title("码", "Codes")
CODES = {"few": CodeTable(name="few", title=T, standard="own", codes=tuple(Code(code=c, title=T) for c in ("1", "02", "99")))}
GIVEN = {"today": "2026-01-05", "cycle": "day", "tables": CODES, "columns": ("x",)}
ANY = "(?:.|\\n)"
ON_ONE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("missing", {}),
    ("missing", {"stand_ins": ()}),
    ("missing", {"stand_ins": ("1", "a+b", "13800138000")}),
    ("length", {"least": 1, "most": 18}),
    ("length", {"least": 18, "most": 18}),
    ("length", {"least": 2}),
    ("format", {"pattern": ID_SHAPE}),
    ("format", {"pattern": "[0-9]{1,4}"}),
    ("format", {"pattern": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
    ("format", {"pattern": "[0-9-]*"}),
    ("format", {"pattern": ".*"}),
    ("format", {"pattern": "(?:[^a-z]|z)+"}),
    ("alphabet", {"only": ("digits",), "more": "X-"}),
    ("alphabet", {"only": ("han",)}),
    ("characters", {}),
    ("code", {"codes": "few"}),
    ("domain", {"values": ("1", "2", "", " ", "张伟")}),
    ("date_range", {}),
    ("date_range", {"first": "1990-01-01", "last": "2030-01-01"}),
    ("number_range", {"least": 0, "most": 1_000_000}),
    ("number_range", {"least": 1, "most": 56}),
    ("number_range", {"least": 0, "less_than": 5000, "step": 1}),
    ("number_range", {"most": 99.5}),
    ("coding_rule", {"kind": "citizen_id"}),
    ("coding_rule", {"kind": "phone"}),
    ("coding_rule", {"kind": "uscc"}),
    ("coding_rule", {"kind": "division"}),
    ("predicate", {"expression": "value <> '1'"}),
)
ON_TWO = (("consistent", {"kind": "birth_date"}), ("consistent", {"kind": "sex"}), ("order", {}))
values = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "\n", "1\n", "1", "02", "3", "99", "不详", "张伟", "0001-01-01", "10000-01-01", "infinity", "epoch"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("0123456789X-. +e_\n", max_size=19),
    st.from_regex(r"(18|19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](T00:00:00|\n)?", fullmatch=True),
    st.from_regex(r"11010519491231002[0-9X]|[1-9][0-9]{16}[0-9Xx]", fullmatch=True),
    st.from_regex(r"1[3-9][0-9]{9}|-?[0-9]{1,7}(\.[0-9]{1,3})?|[129]", fullmatch=True),
)


def made(name: str, options: Any, columns: tuple[str, ...] = ("x",)) -> RulePlan:
    given_ = {k: v for k, v in GIVEN.items() if k in ALL[name].__dataclass_fields__}
    rule = ALL[name](**{**given_, **options})
    return RulePlan(name=f"{name} {options}", use=RuleUse(rule=name, dimension="accuracy"), rule=rule, columns=columns)


ONE = [made(*pair) for pair in ON_ONE]
TWO = [made(name, options, ("x", "y")) for name, options in ON_TWO]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    engine = DuckDBEngine(tmp_path_factory.mktemp("spill"), memory_mb=256, threads=1)
    yield engine
    engine.close()


def together(engine: DuckDBEngine, plans: list[RulePlan], rows: list[tuple[str | None, str | None]]) -> list[list[tuple[bool, bool]]]:
    """By row and rule whether the rule applies and is broken, all in one query."""
    layers = Layers(sqlglot.exp.to_table("given_"), {name: column(name) for name in ("n", "x", "y")})
    found = flags(layers, plans)
    outputs = {"n": column("n"), **{f"b{i}": flag.term for i, flag in enumerate(found)}}
    outputs |= {f"a{i}": column(flag.checked) if flag.checked else sqlglot.exp.true() for i, flag in enumerate(found)}
    table = pa.table({"n": list(range(len(rows))), **{c: pa.array([r[i] for r in rows], pa.string()) for i, c in enumerate("xy")}})
    with engine.bound(table, "given_"):
        answer = {row[0]: row[1:] for row in engine.rows(layers.query(outputs))}
    count = len(plans)
    return [list(zip(answer[n][count:], answer[n][:count], strict=True)) for n in range(len(rows))]


def meant(plans: list[RulePlan], rows: list[tuple[str | None, str | None]]) -> list[list[tuple[bool, bool]]]:
    found = []
    for row in rows:
        given_ = [row[: len(one.columns)] for one in plans]
        found.append([(applies_to(o.rule, g), applies_to(o.rule, g) and o.rule.is_broken(g)) if not o.rule.applies_to_missing
                      else (True, o.rule.is_broken(g)) for o, g in zip(plans, given_, strict=True)])  # fmt: skip
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from([*ONE, *TWO]), min_size=1, max_size=9, unique_by=lambda one: one.name), st.data())
def test_together_as_alone(quick: DuckDBEngine, plans: list[RulePlan], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(values, values), min_size=5, max_size=40))
    assert together(quick, plans, rows) == meant(plans, rows)


def test_all_at_once_on_hostile_values(quick: DuckDBEngine, hostile: tuple[str | None, ...]) -> None:
    rows = [(x, x) for x in hostile]
    assert together(quick, [*ONE, *TWO], rows) == meant([*ONE, *TWO], rows)


@pytest.mark.parametrize("one", ONE, ids=[one.name for one in ONE])
def test_what_a_rule_says_of_itself(quick: DuckDBEngine, one: RulePlan) -> None:
    sure = one.rule.sure(column("x")) if hasattr(one.rule, "sure") else None
    kept = getattr(one.rule, "kept", None)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(values, min_size=10, max_size=60))
    def holds(given_: list[str | None]) -> None:
        texts = [x for x in given_ if x is not None]
        if sure is not None:
            layers = Layers(sqlglot.exp.to_table("given_"), {"x": column("x")})
            table = pa.table({"x": pa.array(texts, pa.string())})
            with quick.bound(table, "given_"):
                said = quick.rows(layers.query({"x": column("x"), "sure": sure.term}))
            for text in (x for x, is_sure in said if is_sure):
                assert not one.rule.is_broken((text,))
                assert text in sure.texts if sure.texts else re.fullmatch(sure.pattern, text)
        for text in texts if kept is not None else ():
            is_kept = kept.least <= len(text) <= (len(text) if kept.most is None else kept.most)
            is_kept = is_kept and (not kept.within or re.fullmatch(kept.within, text) is not None)
            if is_kept and (not kept.apart or re.fullmatch(kept.apart, text) is None):
                assert not one.rule.is_broken((text,))

    holds()


def test_leading_rules_imply_the_others() -> None:
    by_name = {one.name: one.rule for one in ONE}
    number = by_name["coding_rule {'kind': 'citizen_id'}"].sure(column("x"))
    assert implies(number, by_name["length {'least': 18, 'most': 18}"])
    assert implies(number, by_name["missing {}"]) and implies(number, by_name["characters {}"])
    assert not implies(number, by_name["format {'pattern': '[0-9]{1,4}'}"])
    codes = by_name["code {'codes': 'few'}"].sure(column("x"))
    assert implies(codes, by_name["format {'pattern': '[0-9]{1,4}'}"])
    assert not implies(codes, by_name["number_range {'least': 1, 'most': 56}"])


PATTERNS = (
    ID_SHAPE, PHONE_SHAPE, "[0-9]*", "[^a]*", "a|b", "(?:a|ab)(?:c|bc)", "a{2,3}", "(?:a?){3}", "", ".+", "a+?", "[a-]",
    r"\.\t\x41", f"{ANY}*[0-9]{ANY}*", "(a(b)?)*", "[^\\]\\\\]", "x*y{0}", "[一-龥]{2,4}", "a??b",
)  # fmt: skip


@pytest.mark.parametrize("inner", PATTERNS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_patterns_are_compared_soundly(inner: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(inner, fullmatch=True).filter(lambda x: len(x) < 40))
    least, most = lengths(inner)
    assert least <= len(text) <= (len(text) if most is None else most)
    assert is_within(inner, inner)
    for outer in PATTERNS:
        is_match = re.fullmatch(outer, text) is not None
        assert is_match or not is_within(inner, outer)
        assert not (is_match and is_apart(inner, outer))


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_text_is_held_against_a_pattern(pattern: str, data: st.DataObject) -> None:
    text = data.draw(st.one_of(st.from_regex(pattern, fullmatch=True), values.filter(lambda x: x is not None)))
    assert matches(pattern, text) is (re.fullmatch(pattern, text) is not None)


def test_a_list_is_held_against_any_pattern_in_few_steps() -> None:
    listed = made("domain", {"values": ("a" * 60 + "c", "b")}).rule.sure(column("x"))
    assert not implies(listed, made("format", {"pattern": "(?:a|a)*b"}).rule)
    assert implies(listed, made("format", {"pattern": "(?:a|a)*[bc]"}).rule)


def test_what_holds_is_found() -> None:
    assert is_within("a{3}", "(?:a?){3}") and is_within("1[3-9][0-9]{9}", PHONE_SHAPE) and is_within("[^a]", ANY)
    assert is_apart(ID_SHAPE, "[ \t]*|无|NULL") and not is_apart("[A-Z]{4}", "[ ]*|NULL")
    assert not is_within(ANY, ".") and not is_within("[0-9X]", "[0-9]")


@pytest.mark.parametrize("pattern", ["(?i:a)", "a(?=b)", r"\d", "[a", "(a", "a)", "a{", "a**", "^a", r"[\w]", "(" * 300 + ")" * 300])
def test_what_cannot_be_read_implies_nothing(pattern: str) -> None:
    assert not is_within(pattern, pattern) and not is_apart("b", pattern) and lengths(pattern) == (0, None)
    assert matches(pattern, "a") is None


def test_a_comparison_that_takes_too_long_says_no() -> None:
    assert is_within("(?:a|b)*a(?:a|b){4}", "(?:a|b)*a(?:a|b){4}|c")
    assert not is_within("(?:a|b)*a(?:a|b){30}", "(?:a|b)*a(?:a|b){30}|c")
