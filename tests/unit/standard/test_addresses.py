"""Addresses: which division, what detail, which parts, how sure. All addresses are invented."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityloom.kernel.errors import ConfigError
from cityloom.standard.addresses.gazetteer import COUNTY, TOWN, gazetteer
from cityloom.standard.addresses.parse import LEVELS, parse, tidied
from cityloom.standard.addresses.program import OUTPUTS, Addresses
from cityloom.standard.steps.address_division import AddressDivision
from cityloom.standard.steps.address_part import AddressPart

WHOLE = [one for one in gazetteer().divisions if one.level == COUNTY and one.code[4] != "7" and one.code < "7"]


def told(text: str, within: str = "") -> tuple[str | None, str, tuple[str, ...]]:
    found = parse(text, within)
    return found.division and found.division.code, found.detail, found.reasons


@pytest.mark.parametrize(
    ("text", "code", "detail", "reasons"),
    [
        ("广东省深圳市南山区甲乙路1号", "440305", "甲乙路1号", ()),
        ("广东深圳南山区甲乙路1号", "440305", "甲乙路1号", ("abbreviated",)),
        ("义乌市甲乙路1号", "330782", "甲乙路1号", ("filled",)),
        ("上海徐汇区甲乙路1号", "310104", "甲乙路1号", ("abbreviated",)),
        ("重庆重庆渝北区甲乙路", "500112", "甲乙路", ("abbreviated", "repeated")),
        ("浙江省杭州市西湖区古荡街道1号", "330106007", "1号", ()),
        ("中国　浙江省－杭州市－西湖区，甲乙路１号", "330106", "甲乙路1号", ()),
        ("河南省省直辖县级行政区划济源市甲乙路", "419001", "甲乙路", ()),
        ("广东省东莞市长安镇甲乙路", "441900119", "甲乙路", ()),
        ("恩施土家族苗族自治州恩施市甲乙路", "422801", "甲乙路", ("filled",)),
        ("湖北恩施甲乙路", "422800", "甲乙路", ("abbreviated", "ambiguous")),
        ("吉林吉林市船营区", "220204", "", ("abbreviated",)),
        ("青岛市北区甲乙路", "370203", "甲乙路", ("abbreviated", "filled")),
    ],
)
def test_the_division_and_the_rest(text: str, code: str, detail: str, reasons: tuple[str, ...]) -> None:
    assert told(text) == (code, detail, reasons)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("浙江省绍兴县柯桥街道", "330603001", "former_name"),
        ("北京市崇文区甲乙胡同", "110101", "former_name"),
        ("湖北省襄樊市樊城区", "420606", "former_name"),
        ("杭州市江干区下沙街道", "330114001", "by_town"),
        ("浙江省杭州市西湖区古荡镇", "330106007", "town_renamed"),
        ("330621", "330603", "former_code"),
        ("浙江省杭卅市西湖区", "330106", "typo"),
        ("浙江省杭州市西胡区", "330106", "typo"),
    ],
)
def test_former_and_mistaken_names(text: str, code: str, reason: str) -> None:
    found = parse(text)
    assert found.division is not None and found.division.code == code
    assert reason in found.reasons
    assert found.confidence < 1


def test_a_mistaken_letter_is_a_lower_confidence_than_a_former_name() -> None:
    assert parse("浙江省杭州市西胡区").confidence <= 0.6 < parse("北京市崇文区").confidence


@pytest.mark.parametrize("text", ["甲乙路1号", "上海路5号", "北京西路12号", "12 Baker Street", "", "-", "3号", "和平新村2幢"])
def test_what_names_no_division_stays_as_it_is(text: str) -> None:
    assert told(text) == (None, text, ("no_division",))


def test_what_may_be_several_is_told_and_not_guessed() -> None:
    assert told("朝阳区甲乙路1号") == (None, "朝阳区甲乙路1号", ("ambiguous",))
    assert told("北京朝阳区甲乙路1号")[0] == "110105"
    assert told("南山区甲乙路1号", within="4403") == ("440305", "甲乙路1号", ("within", "filled"))


def test_levels_that_exclude_each_other_leave_what_holds_both() -> None:
    assert told("浙江省宁波市温州市甲乙路") == ("330000", "宁波市温州市甲乙路", ("contradiction",))
    assert told("杭州市西湖区江苏省甲乙路") == (None, "杭州市西湖区江苏省甲乙路", ("contradiction",))


def test_without_a_hint_an_address_is_in_the_presumed_division() -> None:
    found = parse("甲乙路1号", "440305")
    assert (found.standard, found.confidence) == ("广东省深圳市南山区甲乙路1号", 0.78)


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ("浙江杭州西湖区 甲乙路 １号", "浙江省杭州市西湖区甲乙路1号"),
        ("西湖区浙江省杭州市西湖区甲乙路1号", "浙江省杭州市西湖区甲乙路1号"),
        ("杭州市西湖区浙江省博物馆", "浙江省杭州市西湖区浙江省博物馆"),
        ("杭州市西湖区北京银行", "浙江省杭州市西湖区北京银行"),
        ("宁波市海曙区无此镇甲村", "浙江省宁波市海曙区无此镇甲村"),
    ],
)
def test_the_standard_text(text: str, standard: str) -> None:
    assert parse(text).standard == standard
    assert parse(standard).standard == standard


def test_the_parts() -> None:
    found = parse("浙江省杭州市西湖区古荡街道甲乙社区丙丁路90号戊己大厦5号楼2单元3楼301室")
    assert [(found.text[a:b], label) for a, b, label in found.spans] == [
        ("浙江省", "prov"), ("杭州市", "city"), ("西湖区", "district"), ("古荡街道", "town"), ("甲乙社区", "community"),
        ("丙丁路", "road"), ("90号", "roadno"), ("戊己大厦", "poi"), ("5号楼", "houseno"), ("2单元", "cellno"),
        ("3楼", "floorno"), ("301室", "roomno"),
    ]  # fmt: skip


def test_numbers_in_a_row_are_building_unit_and_room() -> None:
    found = parse("义乌市甲乙小区12-3-1001")
    assert (found.part("houseno"), found.part("cellno"), found.part("roomno")) == ("12", "3", "1001")


def test_the_program_tells_levels_by_their_present_names() -> None:
    answer = dict(zip(OUTPUTS, Addresses().answer("绍兴县甲乙路1号"), strict=True))
    assert (answer["province"], answer["city"], answer["county"]) == ("浙江省", "绍兴市", "柯桥区")
    assert (answer["road"], answer["road_number"], answer["room"]) == ("甲乙路", "1号", None)
    assert answer["reasons"] == "former_name,filled"


@pytest.mark.parametrize(("options", "code"), [({"level": "street"}, "level"), ({"within": "99"}, "within")])
def test_a_wrong_option_is_refused(options: dict[str, str], code: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        AddressDivision(**options)
    assert wrong.value.code == f"standard.address.{code}"


def test_a_part_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError) as wrong:
        AddressPart(part="door")
    assert wrong.value.code == "standard.address.part"
    assert "room" in wrong.value.details["known"]


def test_every_present_code_and_whole_name_is_its_own() -> None:
    for one in WHOLE[::7]:
        assert told(one.code)[0] == one.code
        assert told(one.full_name + "甲乙路1号") == (one.code, "甲乙路1号", ()), one.full_name


@pytest.mark.parametrize("code", ["140302", "140502", "441502"])
def test_a_district_that_is_called_inner_city_is_one(code: str) -> None:
    places = gazetteer()
    whole = places.divisions[places.numbers[code]].full_name
    assert told(whole + "戊己村") == (code, "戊己村", ())


def test_the_tables_of_divisions_hang_together() -> None:
    places = gazetteer()
    assert len(WHOLE) > 2800
    assert all(one.parent >= 0 and places.divisions[one.parent].level < TOWN for one in places.divisions if one.level == TOWN)
    assert places.divisions[places.numbers["330114"]].full_name == "浙江省杭州市钱塘区"


details = st.sampled_from(["甲乙路1号", "丙丁小区3幢2单元401室", "戊己村", "9号庚辛大厦", "壬癸巷3-2"])
blanks = st.sampled_from(["", " ", "　", "-", "，"])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), details, blanks, st.booleans(), st.booleans())
def test_division_and_detail_say_what_the_address_said(
    county: object, detail: str, blank: str, is_short: bool, is_twice: bool
) -> None:
    places = gazetteer()
    names = [places.divisions[n].name for n in places.paths[places.numbers[county.code]]]  # type: ignore[attr-defined]
    head = blank.join(names[1:] if is_short and len(names) == 3 else names)
    found = parse((head + blank) * (2 if is_twice else 1) + detail)
    assert (found.division and found.division.code, found.detail) == (county.code, detail)  # type: ignore[attr-defined]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(st.sampled_from(["浙江省", "杭州市", "西湖区", "温州市", "绍兴县", "古荡街道", "上海", "路", "1", "-", "号", "村", "镇", "大厦", "中国", "人民", "。", "3幢", "甲"]), max_size=12).map("".join),
    )
)
def test_no_letter_is_lost(text: str) -> None:
    found = parse(text)
    assert found.text == tidied(text)
    assert found.text.endswith(found.detail)
    if found.division is None:
        assert found.detail == found.text
    covered = found.text[: len(found.text) - len(found.detail)]
    named = [(a, b) for a, b, label in found.head.spans if label in LEVELS or label in ("redundant", "country")]
    rest = "".join(c for n, c in enumerate(covered) if not any(a <= n < b for a, b in named))
    assert not found.head.spans or not rest.strip(" -,，")


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("浙江省杭州市西湖区绍兴县古荡街道路1-号村镇大厦楼3幢甲ABc.，()室单元"), max_size=25))
def test_every_letter_is_in_one_part(text: str) -> None:
    found = parse(text)
    ends = [0, *(b for _, b, _ in found.spans)]
    assert [a for a, _, _ in found.spans] == ends[:-1] or not found.spans
    assert not found.spans or ends[-1] == len(found.text)
