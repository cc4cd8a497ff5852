"""Definitions as YAML: what is right becomes objects, what is wrong is named with file, line, key and cure."""

from pathlib import Path

import pytest

from cityloom.content.check import check
from cityloom.content.load import digest_of, load, value_of
from cityloom.content.problems import ContentError
from cityloom.kernel.i18n import use_language

PLUGINS = {
    "connector": {"csv_files": {"folder", "pattern", "encoding"}},
    "step": {"clean_text": set()},
    "rule": {"missing": {"stand_ins"}},
    "negotiation": {"priority": set()},
}
DEPARTMENT = "kind: department\nname: ga\ntitle: {zh: 公安, en: Police}\n"
SOURCE = "kind: source\nname: files\ntitle: {zh: 文件, en: Files}\ndepartment: ga\nconnector: csv_files\n"
RESOURCE = """\
kind: resource
name: hukou
department: ga
title: {zh: 户籍, en: Register}
abstract: {zh: 户籍, en: Register}
category: 人口
sharing: {attribute: unconditional}
key: [id]
items:
  - {name: id, column: 编号, title: {zh: 编号, en: Number}}
collect: {source: files}
"""


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[tuple[str, int, str, str]]:
    with pytest.raises(ContentError) as caught:
        check(load(folder), folder, PLUGINS)
    return [(p.file, p.line, p.key, p.message + " " + p.hint) for p in caught.value.problems]


def test_right_definitions_become_a_city(tmp_path: Path) -> None:
    folder = write(tmp_path, a=DEPARTMENT, b=SOURCE, c=RESOURCE)
    city = check(load(folder), folder, PLUGINS)
    assert city.resources["hukou"].std_table == "std_ga__hukou"
    assert city.departments["ga"].title.en == "Police"


def test_columns_that_golden_records_have_themselves_are_no_attributes(tmp_path: Path) -> None:
    kind = "kind: object_type\nname: firm\ntitle: {zh: 企业, en: Firm}\nkey: id\ncoding_rule: uscc\ncontributions: []\n"
    kind += "attributes:\n  - {name: name__from, title: {zh: 名, en: Name}}\n"
    found = problems(write(tmp_path, kind=kind))
    assert [(line, key) for _file, line, key, _text in found] == [(4, "key"), (8, "attributes.0.name")]
    assert "Golden records" in found[0][3]


def test_the_city_has_a_name_of_its_own(tmp_path: Path) -> None:
    folder = write(tmp_path, city="kind: city\nname: yunlan\ntitle: {zh: 云澜市, en: Yunlan}\n")
    assert check(load(folder), folder, PLUGINS).cities["yunlan"].title.zh == "云澜市"


def test_options_that_a_plug_in_does_not_take_are_named_where_they_stand(tmp_path: Path) -> None:
    source = SOURCE + "options: {folder: data, encodin: utf-8}\n"
    wrong = RESOURCE.replace("column: 编号,", "column: 编号, steps: [{step: clean_text, options: {keep: 1}}],", 1)
    wrong = wrong.replace("{source: files}", "{source: files, what: {patern: x, folder: y}}")
    wrong += "rules: [{rule: missing, dimension: completeness, columns: [id], options: {stand_in: [x]}}]\n"
    found = problems(write(tmp_path, a=DEPARTMENT, b=SOURCE.replace("csv_files", "csv_file"), c=wrong))
    assert {key for _, _, key, _ in found} >= {"items.0.steps.0.options.keep", "rules.0.options.stand_in", "connector"}
    found = problems(write(tmp_path, b=source, c=wrong))
    assert [(line, key) for name, line, key, _ in found if name == "b.yml"] == [(6, "options.encodin")]
    assert "Did you mean encoding?" in next(text for *_, key, text in found if key == "options.encodin")
    assert {key for _, _, key, _ in found} >= {"collect.what.patern"}


def test_one_file_may_hold_several_documents(tmp_path: Path) -> None:
    write(tmp_path, all=DEPARTMENT + "---\n" + SOURCE)
    assert [(d.kind, d.name) for d in load(tmp_path)] == [("department", "ga"), ("source", "files")]


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    folder = write(tmp_path, a=DEPARTMENT + "levl: city\n")
    file, line, key, text = problems(folder)[0]
    assert (file, line, key) == ("a.yml", 4, "levl")
    assert "level" in text


def test_an_unknown_key_deep_inside_is_compared_with_the_keys_of_that_place(tmp_path: Path) -> None:
    wrong = RESOURCE.replace("{name: id, column: 编号", "{name: id, colum: 编号, column: 编号")
    folder = write(tmp_path, a=DEPARTMENT, b=SOURCE, c=wrong)
    found = problems(folder)
    assert found[0][:3] == ("c.yml", 10, "items.0.colum")
    assert "column" in found[0][3]


def test_a_missing_key_is_named_where_it_belongs(tmp_path: Path) -> None:
    folder = write(tmp_path, a="kind: department\nname: ga\n")
    assert problems(folder)[0][2] == "title"


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("department: ga", "department: gb", 3, "ga"),
        ("source: files", "source: fils", 11, "files"),
        ("key: [id]", "key: [idd]", 8, "id"),
        ("attribute: unconditional", "attribute: unconditionnal", 7, "unconditional"),
        ("attribute: unconditional", "attribute: conditional", 7, "basis"),
    ],
)
def test_what_leads_nowhere_is_named_with_what_there_is(tmp_path: Path, old: str, new: str, line: int, word: str) -> None:
    folder = write(tmp_path, a=DEPARTMENT, b=SOURCE, c=RESOURCE.replace(old, new))
    found = problems(folder)
    assert [(f, at) for f, at, _, _ in found] == [("c.yml", line)]
    assert word in found[0][3]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    folder = write(tmp_path, a=DEPARTMENT + "x: 1\n", b=SOURCE + "y: 1\n")
    assert {p[0] for p in problems(folder)} == {"a.yml", "b.yml"}


def test_text_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path, a="kind: department\nname: [ga\n")
    file, line, _, _ = problems(folder)[0]
    assert file == "a.yml"
    assert line >= 2


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes("kind: department\nname: 公安".encode("gb18030"))
    assert "UTF-8" in problems(tmp_path)[0][3]


def test_two_definitions_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, a=DEPARTMENT, b=DEPARTMENT)
    assert problems(folder)[0][0] == "b.yml"


def test_the_digest_is_of_the_meaning_and_not_of_the_writing(tmp_path: Path) -> None:
    write(tmp_path, a=DEPARTMENT)
    first = load(tmp_path)[0]
    write(tmp_path, a="# a remark\nkind: department\ntitle:\n  en: 'Police'\n  zh: 公安\nname: ga\n")
    assert load(tmp_path)[0].digest == first.digest
    write(tmp_path, a=DEPARTMENT.replace("Police", "police"))
    assert load(tmp_path)[0].digest != first.digest


def test_a_stored_body_gives_the_same_object(tmp_path: Path) -> None:
    write(tmp_path, c=RESOURCE)
    one = load(tmp_path)[0]
    assert value_of("resource", one.body) == one.value
    assert digest_of(one.body) == one.digest


def test_dates_in_yaml_stay_text(tmp_path: Path) -> None:
    certified = "certified: {system: x, at: 2026-01-01, by: y}\n"
    write(tmp_path, c=RESOURCE + certified)
    assert load(tmp_path)[0].value.certified.at == "2026-01-01"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("kind: department\nname: \x01x\n", 2, "special characters"),
        ("kind: [department]\nname: x\n", 1, "Did you mean department?"),
        ("kind: department\nname: x\ntitle: &a {zh: x, en: *a}\n", 1, "without end"),
        ("kind: " + "[" * 3000 + "]" * 3000, 1, "without end"),
    ],
    ids=["control character", "kind is a list", "alias in itself", "too deep"],
)
def test_what_is_no_definition_is_named_with_its_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    with use_language("en"):
        found = problems(write(tmp_path, x=text))
    assert [(file, at) for file, at, _, _ in found] == [("x.yml", line)]
    assert word in found[0][3]


def test_aliases_that_multiply_are_refused_before_they_are_written_out(tmp_path: Path) -> None:
    lines = ["  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    write(tmp_path, a=DEPARTMENT, b=SOURCE + "options:\n" + "\n".join(lines) + "\n")
    with use_language("en"):
        found = problems(tmp_path)
    assert [(file, "too large" in text) for file, _, _, text in found] == [("b.yml", True)]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nowhere")
    assert [file for file, *_ in problems(tmp_path)] == ["folder.yml", "gone.yml"]


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_bytes("kind: department\n# 公安\nname: 公".encode() + "安".encode("gb18030"))
    assert [at for _, at, *_ in problems(tmp_path)] == [3]


@pytest.mark.parametrize("name", ["../../x", "a b", "户籍", 'x"; DROP TABLE y', "1x", ""])
def test_names_that_are_no_names_of_tables_are_refused(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, a=DEPARTMENT.replace("name: ga", f"name: {name!r}"))
    assert [key for *_, key, _ in problems(folder)] == ["name"]
