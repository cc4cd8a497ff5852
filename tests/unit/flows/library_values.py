"""Good and bad raw values of every element of the library, made from what its definition says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cityloom.model.codes import texts_of, valid_codes
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.representation import parse

Good = tuple[str, str]
"""A raw value, and the standard one that it must become."""
_SHAPED: dict[str, tuple[Good, str]] = {
    "postcode": (("６１０００１", "610001"), "61000"),
    "division_code": ((" 510104 ", "510104"), "51010"),
    "native_place": (("510104", "510104"), "510104020"),
    "school_code": (("3151000001", "3151000001"), "315100000X"),
    "invoice_no": (("12345678", "12345678"), "1234567"),
    "invoice_code": (("5100181130", "5100181130"), "51001811301"),
    "bank_account": (("6222600260001072444", "6222600260001072444"), "62226"),
    "disease_code": (("J18.900x001", "J18.900x001"), "18.9"),
    "birth_certificate_no": (("p510000001", "P510000001"), "P51000000"),
    "property_unit_no": (("510104001001gb00001f00010001", "510104001001GB00001F00010001"), "510104"),
    "built_year": (("1998", "1998"), "98"),
    "year": (("２０２４", "2024"), "24年"),
    "uscc": (("91350100m000100y43", "91350100M000100Y43"), "91350100M000100Y44"),
    "organisation_code": (("12345678-9", "123456789"), "1234567"),
    "registration_no": (("510100000000015", "510100000000015"), "5101000000000"[:12]),
    "industry": (("c39.1", "C391"), "39"),
    "citizen_id": (("11010519491231002x", "11010519491231002X"), "110105194912310021"),
    "social_security_no": (("110105491231002", "11010519491231002X"), "1101051949123100"),
    "driving_licence_no": (("11010519491231002X", "11010519491231002X"), "11010519491331002X"),
    "name_pinyin": (("Zhang Wei", "Zhang Wei"), "张伟"),
    "mobile_phone": (("+86 138-0013-8000", "13800138000"), "12800138000"),
    "phone": (("(028) 8765-4321", "02887654321"), "8765"),
    "email": (("zhang.wei@example.com", "zhang.wei@example.com"), "zhang.wei#example.com"),
    "passport_no": (("e12345678", "E12345678"), "E-1234567"),
    "social_card_no": (("a12345678", "A12345678"), "A123"),
    "contribution_month": (("202401", "202401"), "202413"),
    "year_month": (("202412", "202412"), "2024-1"),
    "disability_certificate_no": (("11010519491231002x14", "11010519491231002X14"), "11010519491231002X95"),
    "vin": (("lsvaa49j132047371", "LSVAA49J132047371"), "LSVAO49J132047371"),
    "plate_no": (("川a·12345", "川A12345"), "川A1"),
}
_BY_STEP: dict[str, list[Good]] = {
    "parse_date": [("2020年1月2日", "2020-01-02"), ("20200229", "2020-02-29"), (" 2020/1/2 08:00:00 ", "2020-01-02")],
    "parse_time": [("2020年1月2日8时5分", "2020-01-02T08:05:00"), ("20200229235959", "2020-02-29T23:59:59")],
    "amount": [("1,234.50元", "1234.5"), ("２万元", "20000"), ("0", "0")],
    "address": [("杭州市西湖区 文三路90号", "杭州市西湖区文三路90号")],
    "person_name": [("王 伟", "王伟"), ("阿里木•买买提", "阿里木·买买提")],
    "organisation_name": [("云澜(集团) 商贸有限公司", "云澜（集团）商贸有限公司")],
    "upper": [("ａb-1", "AB-1"), ("12345", "12345")],
}


def good(element: Element, tables: Mapping[str, CodeTable]) -> list[Good]:
    """Values that must come out right."""
    if element.codes is not None:
        return _codes(element, tables)
    if element.name in _SHAPED:
        return [_SHAPED[element.name][0]]
    if any(use.step == "number" for use in element.steps):
        return _numbers(element)
    known = next((_BY_STEP[use.step] for use in reversed(element.steps) if use.step in _BY_STEP), None)
    if known is not None:
        return known
    return [("　甲乙1号 ", "甲乙1号"), ("甲" * (_option(element, "length", "most") or 2), "甲" * (_option(element, "length", "most") or 2))]


def bad(element: Element) -> list[str]:
    """Values that must become missing, or break a rule."""
    if element.codes is not None:
        return ["没有这样的代码", "#9"]
    if element.name in _SHAPED:
        return [_SHAPED[element.name][1], "甲\ufffd"]
    steps = {use.step for use in element.steps}
    if steps & {"parse_date", "parse_time"}:
        last = _option(element, "date_range", "last")
        return ["2020-02-30", "02/01/2020", "二月", "1849-12-31", "20203", *([] if last else ["2999-01-01"])]
    if steps & {"amount", "number"}:
        least, most = _option(element, "number_range", "least"), _option(element, "number_range", "most")
        beyond = [str(n) for n in (None if least is None else least - 1, None if most is None else most + 1) if n is not None]
        return ["很多", "1-2", *beyond, *(["1.001", "1" * 19] if "amount" in steps else [])]
    longest = _option(element, "length", "most")
    return ["锟斤拷锟斤拷路", "甲\x01乙丙丁戊己", "甲" * (longest + 1)]


def _codes(element: Element, tables: Mapping[str, CodeTable]) -> list[Good]:
    table = tables[str(element.codes)]
    current = list(valid_codes(table))
    texts = texts_of(table, at="current")
    names = [(text, code) for text, code in texts.items() if text not in texts.values()]
    return [*((code, code) for code in current[:3]), (f" {current[-1]} ", current[-1]), *names[:3], *names[-2:]]


def _numbers(element: Element) -> list[Good]:
    units: Mapping[str, Any] = next((u.options.get("units", {}) for u in element.steps if u.step == "number"), {})
    least = _option(element, "number_range", "least")
    most = _option(element, "number_range", "most")
    number = str(most if most is not None else max(1, least or 1))
    edges = [(str(n), str(n)) for n in (least, most) if n is not None]
    scaled = [(f"{number if factor == 1 else '1'}{unit}", number if factor == 1 else str(factor)) for unit, factor in units.items()]
    return [*edges, *scaled, ("１", "1") if (least or 0) <= 1 else (number, number)]


def off_form(element: Element, kind: str) -> str:
    """A value of other characters (``type``) or another length than the representation says; empty where it says nothing."""
    form = parse(element.representation)
    assert form is not None
    if kind == "type":
        return "" if form.kind_pattern is None or element.codes else "甲"
    if not form.has_length:
        return ""
    return "1." + "1" * (form.decimals + 1) if form.letter == "n" and form.decimals else "1" * ((form.most or 0) + 1)


def _option(element: Element, rule: str, name: str) -> Any:
    return next((use.options.get(name) for use in element.rules if use.rule == rule), None)
