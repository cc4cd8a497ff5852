"""Elements are suggested by name, reading, abbreviation and values, and not where nothing speaks for one."""

from collections.abc import Iterator

import pytest

from cityloom.content import library
from cityloom.model.mapping import ColumnSample, MappingDecision
from cityloom.standard.suggest.names import folded, tokens
from cityloom.standard.suggest.pinyin import initials, readings
from cityloom.standard.suggest.score import PROPOSED, Suggester
from cityloom.standard.suggest.values import kind_of

NAMES = (
    "citizen_id", "person_name", "sex", "birth_date", "phone", "mobile_phone", "uscc", "organisation_name", "address",
    "postcode", "latitude", "longitude", "division_name", "no2", "currency", "legal_representative", "house_no",
    "registered_capital", "school_name", "people", "event_date", "event_time", "certificate_no",
)  # fmt: skip


@pytest.fixture(scope="module")
def standards() -> Iterator[tuple[list, dict]]:
    elements = [library.read("element", name).value for name in NAMES]
    tables = {e.codes: library.read("code_table", e.codes).value for e in elements if e.codes}
    return elements, tables


def best(standards: tuple[list, dict], column: str, *values: str, decisions: tuple = (), **more: str) -> tuple[str, float]:
    found = Suggester(*standards, decisions).suggest(ColumnSample(column=column, values=values), **more)
    return (found[0].element, found[0].confidence) if found else ("", 0.0)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("身份证号码", ("11010519491231002X",), "citizen_id"),
        ("当事人身份证号", ("11010519491231002X",), "citizen_id"),
        ("csrq", ("19900101",), "birth_date"),
        ("chushengriqi", (), "birth_date"),
        ("姓名（必填）", ("王小明",), "person_name"),
        ("XB", ("男", "女"), "sex"),
        ("lat", ("39.9",), "latitude"),
        ("ZipCode", ("100000",), "postcode"),
        ("schoolname", (), "school_name"),
        ("注册资金(万元)", ("100",), "registered_capital"),
        ("FDDBR", ("李四",), "legal_representative"),
    ],
)
def test_the_element_is_proposed(standards: tuple[list, dict], column: str, values: tuple[str, ...], expected: str) -> None:
    element, confidence = best(standards, column, *values)
    assert element == expected
    assert confidence > 0.6


@pytest.mark.parametrize(
    ("column", "values"),
    [("备注", ("无",)), ("bz", ("无",)), ("id", ("1", "2")), ("No", ("1", "2")), ("del_flag", ("0",)), ("点赞数", ("9",))],
)
def test_nothing_is_proposed_where_nothing_fits(standards: tuple[list, dict], column: str, values: tuple[str, ...]) -> None:
    assert best(standards, column, *values)[1] < PROPOSED


def test_values_speak_where_the_name_does_not(standards: tuple[list, dict]) -> None:
    assert best(standards, "col7", "11010519491231002X", "110101199003077571")[0] == "citizen_id"
    assert best(standards, "f3", "汉族", "回族", "满族", "壮族", "苗族")[0] == "people"


def test_values_speak_against_a_name(standards: tuple[list, dict]) -> None:
    good = best(standards, "经办人身份证号", "11010519491231002X")[1]
    assert best(standards, "经办人身份证号", "无", "见附件", "同上")[1] < good - 0.3


def test_decisions_count_more_near_than_far(standards: tuple[list, dict]) -> None:
    def decided(department: str, verdict: str = "confirmed") -> tuple[MappingDecision, ...]:
        one = MappingDecision(
            department=department, resource="r", column="F_17", element="certificate_no", verdict=verdict, actor="a", at="t"
        )
        return (one,)

    far = best(standards, "f17", decisions=decided("ga"), department="mz")
    near = best(standards, "f17", decisions=decided("ga"), department="ga")
    same = best(standards, "f17", decisions=decided("ga"), department="ga", resource="r")
    assert {far[0], near[0], same[0]} == {"certificate_no"}
    assert 0 < far[1] < near[1] < same[1]
    assert same[1] > PROPOSED
    refused = Suggester(*standards, decided("ga", "rejected")).suggest(ColumnSample(column="f17"), resource="r")
    assert all(one.element != "certificate_no" for one in refused)


def test_names_are_brought_into_one_form() -> None:
    assert folded(" ＸＭ（必填）＊") == "xm"
    assert tokens("PhoneNumber") == ("telephone",)
    assert tokens("date_of_birth") == tokens("dob") == ("date", "birth")
    assert "csrq" in initials("出生日期")
    assert {"yh", "yx"} <= initials("银行")
    assert readings("姓名") == {"xingming"}
    assert readings("姓☃") == set()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((), "empty"), (("13800138000",), "phone"), (("2024-01-31", "20240201"), "date"), (("2024-01-31 10:00",), "time"),
        (("1.5", "-2"), "number"), (("王小明", "李雷"), "person"), (("云澜市天启有限公司",), "organisation"),
        (("云澜市澜西区码头巷68号",), "address"), (("急诊科", "外科"), "han"), (("x", "y"), "text"),
    ],
)  # fmt: skip
def test_kinds_of_values(values: tuple[str, ...], kind: str) -> None:
    assert kind_of(values) == kind
