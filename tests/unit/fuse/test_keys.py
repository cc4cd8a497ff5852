"""Identity keys: one meaning in Python and in queries."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityloom.engines.base import sql
from cityloom.engines.codings import CODINGS, USCC_LETTERS
from cityloom.engines.terms import column
from cityloom.fuse.keys import key_rule
from cityloom.kernel.errors import ConfigError

citizens = st.builds(
    lambda a, d, e: f"{a}{d:%Y%m%d}{e}", st.sampled_from(["510107", "110101", "010101"]), st.dates(), st.from_regex(r"\A[0-9]{3}[0-9X]\Z")
)
loose = st.from_regex(r"\A[0-9]{17}[0-9Xx]\Z")
uscc = st.builds(
    lambda a, b, c: a + b + c, st.text(USCC_LETTERS, min_size=2, max_size=2), st.from_regex(r"\A[0-9]{6}\Z"), st.text(USCC_LETTERS, min_size=10, max_size=10)
)
noise = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def corrected(engine, name, values):
    rule = key_rule(name)
    rows = pa.table({"i": list(range(len(values))), "k": pa.array(values, pa.string())})
    term = rule.corrected(column("k"), column("n"))
    with engine.bound(rows) as source:
        query = sql("SELECT i, :term FROM (SELECT i, k, :number AS n FROM :rows) AS q", term=term, number=rule.number(column("k")), rows=source)
        answer = dict(engine.rows(query))
    return [answer[i] for i in range(len(values))]


@pytest.mark.parametrize("name", ["citizen_id", "uscc"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.one_of(citizens, loose, uscc, noise), max_size=20))
def test_queries_and_meaning_agree(engine, name, values):
    rule, coding = key_rule(name), CODINGS[name]
    expected = [rule.correct(v) for v in values]
    assert corrected(engine, name, values) == expected
    for value, right in zip(values, expected, strict=True):
        assert (value == right) == coding.is_valid(value)
        assert right is None or coding.is_valid(right)


def test_hostile_texts_are_no_keys(engine, hostile):
    for name in ("citizen_id", "uscc"):
        assert corrected(engine, name, list(hostile)) == [key_rule(name).correct(v) if v is not None else None for v in hostile]


def test_a_known_number_is_corrected(engine):
    assert corrected(engine, "citizen_id", ["11010519491231002X", "110105194912310021"]) == ["11010519491231002X"] * 2
    assert corrected(engine, "uscc", ["91350100M000100Y43", "91350100M000100Y4A"]) == ["91350100M000100Y43"] * 2


def test_an_unknown_rule_names_those_there_are():
    with pytest.raises(ConfigError) as caught:
        key_rule("plate")
    assert "citizen_id" in caught.value.hint
