"""A pattern that definitions may have is one that Spark can be asked with: nothing is refused only when work begins."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityloom.engines.patterns import check_pattern
from cityloom.engines.spark.patterns import java
from cityloom.kernel.errors import ConfigError

UNLIKE = (r"a{,3}", r"x{", r"a{1,2,3}", r"\中", r"\d", r"\bx", r"(?=a)", r"(a)\1", r"a++", r"^a", r"[[:alpha:]]", r"[a&&b]", r"\p{Han}", r"\Z")
ALIKE = (r"a{3}", r"a{2,}", r"a{2,3}?", r"[{}]", r"\{x\}", r"x}", r"[a[b]", r"[]a]", r"[^\]]", r"(?:a|b)+?", r"\t\x7f", r"\.", r"a||b", r"[\-a]")
parts = st.sampled_from(("a", "b", "{", "}", "{2}", "{,3}", "[", "]", "[^", "-", "\\", "(", ")", "(?:", "|", "*", "+?", ".", "中", "&&", "$", "\n", "x41", "]a]"))


@pytest.mark.parametrize("pattern", UNLIKE)
def test_what_engines_read_differently_is_refused_in_the_definition(pattern: str) -> None:
    with pytest.raises(ConfigError) as found:
        check_pattern(pattern)
    assert found.value.code == "engines.pattern.unfit"


@pytest.mark.parametrize("pattern", ALIKE)
def test_what_they_read_alike_has_an_equal(pattern: str) -> None:
    assert java(check_pattern(pattern))


@given(st.lists(parts, min_size=1, max_size=8).map("".join))
@settings(max_examples=600, deadline=None)
def test_any_pattern_is_refused_or_read_alike(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except ConfigError:
        return
    java(pattern)
    texts = ["", "a", "aa", "b", "ab", "{", "}", "{2}", "]", "中", "\n", "A", "-", "a{,3}", "x41"]
    rows: list[Any] = duckdb.execute("SELECT regexp_matches(t, ?) FROM (SELECT unnest(?) AS t)", [rf"^(?:{pattern})\z", texts]).fetchall()
    assert [row[0] for row in rows] == [re.fullmatch(pattern, text) is not None for text in texts]
