"""The library of published elements and code tables: whole, sound, and brought in where a city refers to it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cityloom.content import library
from cityloom.content.check import check
from cityloom.content.load import Definition, load
from cityloom.content.problems import ContentError
from cityloom.content.standards import complaints
from cityloom.engines.codings import CODINGS
from cityloom.flows.apply import apply, known_plugins
from cityloom.flows.bootstrap import open_workspace
from cityloom.kernel.config import load_settings
from cityloom.model.city import City
from cityloom.model.codes import code_at, has_history, texts_of, valid_codes
from cityloom.model.standard import CodeTable, Element, StepUse
from cityloom.quality.base import STAND_INS
from cityloom.quality.base import build as build_rule
from cityloom.standard.base import build as build_step

STANDARD = re.compile(r"own|《[^》]+》|(GB|GB/T|GA/T|HJ)( \d+(\.\d+)?)(-\d{4})?(, GB/T \d+(\.\d+)?)*")
REPRESENTATION = re.compile(r"(a|an|n)(\.\.)?\d+(\.\.\d+)?(,\d+)?|d10|dt19|bl")
IDENTIFIER = re.compile(r"CL-[A-Z]\d{3}")
DEPARTMENT = "kind: department\nname: ga\ntitle: {zh: 公安, en: Police}\n---\n"
SOURCE = "kind: source\nname: files\ntitle: {zh: 文件, en: Files}\ndepartment: ga\nconnector: csv_files\n---\n"
RESOURCE = """\
kind: resource
name: hukou
department: ga
title: {zh: 户籍, en: Register}
abstract: {zh: 户籍, en: Register}
category: 人口
sharing: {attribute: unconditional}
items:
  - {name: sex, column: xb, title: {zh: 性别, en: Sex}, element: sex}
  - {name: born, column: csrq, title: {zh: 出生日期, en: Date of birth}, element: birth_date}
collect: {source: files}
"""


def names(found: list[Definition]) -> list[tuple[str, str]]:
    return sorted((one.kind, one.name) for one in found)


@pytest.fixture(scope="module")
def elements() -> list[Element]:
    return [library.read(*key).value for key in library.index() if key[0] == "element"]


@pytest.fixture(scope="module")
def tables() -> dict[str, CodeTable]:
    return {name: library.read(kind, name).value for kind, name in library.index() if kind == "code_table"}


def city(folder: Path, **more: str) -> list[Definition]:
    for name, text in {"all": DEPARTMENT + SOURCE + RESOURCE, **more}.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return load(folder)


def test_there_are_enough(elements: list[Element], tables: dict[str, CodeTable]) -> None:
    assert len(elements) >= 150
    assert len(tables) >= 30


def test_the_index_finds_what_loading_finds() -> None:
    folder = Path(library.cityloom.library.__path__[0])
    assert names(load(folder)) == sorted(library.index())


def test_names_identifiers_and_titles_are_unique(elements: list[Element]) -> None:
    for texts in ([e.identifier for e in elements], [e.title.zh for e in elements], [e.title.en for e in elements]):
        assert sorted(set(texts)) == sorted(texts)


def test_every_element_says_what_it_is(elements: list[Element], tables: dict[str, CodeTable]) -> None:
    for one in elements:
        assert IDENTIFIER.fullmatch(one.identifier), one.name
        assert REPRESENTATION.fullmatch(one.representation), one.name
        assert STANDARD.fullmatch(one.standard), one.name
        assert one.synonyms and one.definition.zh and one.definition.en, one.name
        assert one.codes is None or one.codes in tables, one.name
        assert one.coding_rule is None or one.coding_rule in CODINGS, one.name


def test_every_step_and_rule_builds(elements: list[Element], tables: dict[str, CodeTable]) -> None:
    for one in elements:
        for step in one.steps:
            built = build_step(step, tables)
            assert built.value(None) is None
        for use in one.rules:
            rule = build_rule(use, tables=tables, today="2026-01-05", cycle="day")
            rule.is_broken(("text",))


def test_every_code_of_an_element_passes_its_own_steps_and_rules(
    elements: list[Element], tables: dict[str, CodeTable]
) -> None:
    for one in (e for e in elements if e.codes):
        steps = [build_step(use, tables) for use in one.steps]
        rules = [build_rule(use, tables=tables, today="2026-01-05", cycle="day") for use in one.rules]
        for code in valid_codes(tables[str(one.codes)]):
            value: str | None = code
            for step in steps:
                value = step.value(value)
            assert value == code
            assert not any(rule.is_broken((code,)) for rule in rules)


def test_no_step_takes_away_a_text_that_stands_for_a_code(elements: list[Element], tables: dict[str, CodeTable]) -> None:
    for one in (e for e in elements if e.codes):
        (before, mapping) = (build_step(use, tables) for use in one.steps)
        known = texts_of(tables[str(one.codes)], at="current")
        taken = [text for text in STAND_INS if text in known and mapping.value(before.value(text)) != known[text]]
        assert not taken, one.name


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("sex", "男", "1"),
        ("sex", "未知", "0"),
        ("rh_blood_type", "-", "1"),
        ("share_ratio", "51.5%", "51.5"),
        ("birth_date", "1990年1月2日", "1990-01-02"),
        ("people", "壮族", "08"),
        ("education", "大学本科", "20"),
        ("nationality", "中国", "156"),
        ("nationality", "USA", "840"),
        ("certificate_kind", "身份证", "111"),
        ("uscc", "91350100m000100y43", "91350100M000100Y43"),
        ("registered_capital", "50万元", "500000"),
        ("mobile_phone", "+86 138-0013-8000", "13800138000"),
        ("organisation_code", "12345678-9", "123456789"),
        ("disease_code", " J18.9", "J18.9"),
        ("year_month", "202401", "202401"),
        ("length_metres", "1.5公里", "1500"),
        ("water_quality", "劣V类", "6"),
        ("valid_until", "2030-01-01", "2030-01-01"),
    ],
)
def test_what_departments_write_comes_out_right(
    name: str, given: str, expected: str, tables: dict[str, CodeTable]
) -> None:
    one = library.read("element", name).value
    assert standardised(one, given, tables) == expected
    assert not broken(one, expected, tables)


@pytest.mark.parametrize(
    ("name", "value"),
    [("year_month", "202413"), ("postcode", "61000"), ("vin", "LSVAO000000000000"), ("ph", "15"), ("aqi", "-1")],
)
def test_what_is_wrong_breaks_a_rule(name: str, value: str, tables: dict[str, CodeTable]) -> None:
    assert broken(library.read("element", name).value, value, tables)


def standardised(one: Element, value: str | None, tables: dict[str, CodeTable]) -> str | None:
    for step in one.steps:
        value = build_step(step, tables).value(value)
    return value


def broken(one: Element, value: str, tables: dict[str, CodeTable]) -> list[str]:
    rules = [(use.rule, build_rule(use, tables=tables, today="2026-01-05", cycle="day")) for use in one.rules]
    return [name for name, rule in rules if rule.is_broken((value,))]


def test_codes_are_sound(tables: dict[str, CodeTable]) -> None:
    for name, table in tables.items():
        codes = {code.code for code in table.codes}
        assert not list(complaints(table, City())), name
        assert has_history(table) or len(codes) == len(table.codes), name
        assert STANDARD.fullmatch(table.standard), name
        for code in table.codes:
            assert code.parent is None or (code.parent in codes and code.parent != code.code), (name, code.code)


def test_a_text_stands_for_one_code(tables: dict[str, CodeTable]) -> None:
    for name, table in tables.items():
        if has_history(table):
            continue
        owner: dict[str, str] = {}
        for code in table.codes:
            for text in {code.code, code.title.zh, code.title.en, *code.variants}:
                assert owner.setdefault(text, code.code) == code.code, (name, text)


def test_tables_are_complete(tables: dict[str, CodeTable]) -> None:
    count = {name: len(table.codes) for name, table in tables.items()}
    assert count["people"] >= 56
    assert count["country"] == 249
    assert count["industry_section"] == 20
    assert count["industry_division"] == 97
    assert count["division_history"] >= 7000


@pytest.mark.parametrize(
    ("given", "at", "expected"),
    [
        ("110103", "", "110103"),
        ("110103", "current", "110101"),
        ("崇文区", "current", "110101"),
        ("110223", "current", "110112"),
        ("510229", "current", "500118"),
        ("440200", "", "440200"),
        ("朝阳区", "current", None),
        ("110112", "1990-01-01", None),
        ("999999", "current", None),
    ],
)
def test_an_older_division_becomes_the_one_that_took_its_place(
    given: str, at: str, expected: str | None, tables: dict[str, CodeTable]
) -> None:
    use = StepUse(step="map_code", options={"codes": "division_history", "at": at})
    assert build_step(use, tables).value(given) == expected


def test_divisions_of_a_day(tables: dict[str, CodeTable]) -> None:
    table = tables["division_history"]
    assert len([c for c in valid_codes(table, "1985-01-01") if c.endswith("0000")]) == 29
    assert len([c for c in valid_codes(table) if c.endswith("0000")]) == 34
    assert code_at(table, "110112", "1990-01-01") is None
    ended = {c.code for c in table.codes} - valid_codes(table).keys()
    today = texts_of(table, at="current")
    assert len([c for c in ended if c in today]) / len(ended) > 0.7


def test_what_is_referred_to_is_brought_in_with_its_code_table(tmp_path: Path) -> None:
    found = library.referred(city(tmp_path))
    assert names(found) == [("code_table", "sex"), ("element", "birth_date"), ("element", "sex")]


def test_a_definition_of_the_city_wins(tmp_path: Path) -> None:
    own = 'kind: code_table\nname: sex\ntitle: {zh: 性别, en: Sex}\nstandard: own\ncodes:\n  - {code: "1", title: {zh: 男, en: Male}}\n'
    given = city(tmp_path, own=own)
    assert names(library.referred(given)) == [("element", "birth_date"), ("element", "sex")]
    assert names(library.referred(given, {("element", "birth_date")})) == [("element", "sex")]


def test_applying_brings_them_into_force_and_out_again(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    folder.mkdir()
    city(folder)
    at = open_workspace(load_settings(workspace=tmp_path / "workspace"))
    try:
        done = apply(at, folder, actor="dsj.steward")
        assert ("add", "code_table", "sex") in [(c.action, c.kind, c.name) for c in done.changes]
        assert at.city.elements["sex"].codes == "sex"
        assert at.city.codes["sex"].codes[1].title.zh == "男性"
        assert not apply(at, folder, actor="dsj.steward").changes
        (folder / "all.yml").write_text(DEPARTMENT + SOURCE, encoding="utf-8")
        apply(at, folder, actor="dsj.steward")
        assert not at.city.elements and not at.city.codes
    finally:
        at.close()


def test_a_name_that_nobody_has_is_a_mistake_still(tmp_path: Path) -> None:
    (tmp_path / "all.yml").write_text(DEPARTMENT + SOURCE + RESOURCE.replace("element: sex", "element: sexx"), encoding="utf-8")
    given = load(tmp_path)
    with pytest.raises(ContentError) as caught:
        check([*given, *library.referred(given)], tmp_path, known_plugins())
    assert [p.key for p in caught.value.problems] == ["items.0.element"]


def test_nothing_is_parsed_that_nobody_refers_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[tuple[str, str]] = []
    real: Callable[..., Any] = library.read

    def spy(kind: str, name: str) -> Definition:
        parsed.append((kind, name))
        return real(kind, name)

    monkeypatch.setattr(library, "read", spy)
    library.referred(city(tmp_path))
    assert sorted(parsed) == [("code_table", "sex"), ("element", "birth_date"), ("element", "sex")]


@pytest.mark.parametrize(("word", "name"), [("sfzh", "citizen_id"), ("CSRQ", "birth_date"), ("性别", "sex"), ("3304", "people")])
def test_words_find(word: str, name: str) -> None:
    assert name in [one.name for one in library.search([word])][:3]


def test_what_a_search_says_is_what_is_defined() -> None:
    hits = library.search([])
    assert len(hits) == len(library.index())
    for hit in hits:
        one = library.read(hit.kind, hit.name).value
        assert (hit.title, hit.standard) == (one.title, one.standard)
        assert hit.representation == getattr(one, "representation", "")


def test_every_word_must_occur() -> None:
    assert not library.search(["sfzh", "银行"])
