"""Conditions as people write them."""

import pytest

from cityloom.cli.commands.virtual import parse
from cityloom.collect.virtual import Condition
from cityloom.kernel.errors import UserError


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("birth_date >= 2025-01-01", Condition("birth_date", ">=", ("2025-01-01",))),
        ("a=1", Condition("a", "=", ("1",))),
        ("a != x y", Condition("a", "!=", ("x y",))),
        ("sex_code in 1, 2", Condition("sex_code", "in", ("1", "2"))),
        ("name starts 张", Condition("name", "starts", ("张",))),
        ("phone missing", Condition("phone", "missing")),
        ("a =", Condition("a", "=", ("",))),
        ("index = in", Condition("index", "=", ("in",))),
    ],
)
def test_a_condition_is_understood(text: str, condition: Condition) -> None:
    assert parse(text) == condition


@pytest.mark.parametrize("text", ["", "a", "a ~ 1", "= 1", "a inside b"])
def test_another_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="cannot be understood"):
        parse(text)
