"""Laying masks over what leaves, and what grades ask for."""

from __future__ import annotations

from datetime import date

import pytest

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.errors import ConfigError
from cityloom.model.service import Mask
from cityloom.protect.grading import default_mask, highest
from cityloom.protect.mask import make_mask, masked_query, masked_record

KEY = b"k" * 32
PEOPLE = "SELECT * FROM (VALUES ('张三丰', DATE '1990-01-31', 'secret', true), (NULL, NULL, NULL, NULL)) AS p(name, born, note, living)"
MASKS = {
    "born": make_mask(Mask(mask="year")),
    "name": make_mask(Mask(mask="keep")),
    "living": None,
}


def test_only_named_columns_leave_each_under_its_mask(engine: DuckDBEngine) -> None:
    found = engine.records(masked_query(sql(PEOPLE), MASKS))
    first = next(one for one in found if one["name"])
    assert first == {"born": "1990", "name": "张**", "living": True}
    assert {"born": None, "name": None, "living": None} in found


def test_a_single_record_is_masked_as_a_table_is(engine: DuckDBEngine) -> None:
    records = engine.records(PEOPLE)
    by_table = engine.records(masked_query(sql(PEOPLE), MASKS))
    assert sorted(map(str, by_table)) == sorted(str(masked_record(one, MASKS)) for one in records)


def test_values_that_are_no_texts_are_masked_as_their_text() -> None:
    masks = {n: make_mask(Mask(mask="keep")) for n in ("day", "number", "flag")}
    record = {"day": date(1990, 1, 31), "number": 1234, "flag": True}
    assert masked_record(record, masks) == {"day": "1" + "*" * 9, "number": "1***", "flag": "t***"}


def test_a_mask_without_sql_is_refused_over_a_table_not_left_out() -> None:
    masks = {"name": make_mask(Mask(mask="hash"), key=KEY)}
    with pytest.raises(ConfigError) as caught:
        masked_query(sql(PEOPLE), masks)
    assert caught.value.code == "protect.mask.no_sql"


def test_hashes_join_under_one_key_and_not_under_another() -> None:
    one, other = make_mask(Mask(mask="hash"), key=KEY), make_mask(Mask(mask="hash"), key=b"x" * 32)
    assert one.value("510104199001310012") == one.value("510104199001310012") != other.value("510104199001310012")
    assert "kkk" not in repr(one)


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        (["public"], "public"),
        (["internal", "public"], "internal"),
        (["internal", "core", "sensitive"], "core"),
        ([], "core"),
    ],
)
def test_a_combination_takes_the_highest_grade(grades: list[str], expected: str) -> None:
    assert highest(grades) == expected


def test_the_grade_decides_the_default_mask() -> None:
    assert default_mask("public") is default_mask("internal") is None
    sensitive, core = default_mask("sensitive"), default_mask("core")
    assert sensitive is not None and make_mask(sensitive).value("张三丰") == "张**"
    assert core is not None and make_mask(core).value("张三丰") == "***"


def test_an_unknown_grade_is_refused() -> None:
    for call in (lambda: highest(["secret"]), lambda: default_mask("")):
        with pytest.raises(ConfigError) as caught:
            call()
        assert caught.value.code == "protect.grade.unknown"
