"""Binding an item to an element changes one place of a file, and nothing else of it."""

from pathlib import Path

import pytest

from cityloom.content import library
from cityloom.content.binding import bound
from cityloom.content.load import load_file
from cityloom.kernel import files
from cityloom.kernel.errors import UserError
from cityloom.model.standard import Element

HEAD = """\
# what the police keep
kind: resource
name: people
department: ga
title: {zh: 人, en: People}
abstract: {zh: 人, en: People}
category: c
collect: {source: s}
items:
"""
FLOW = HEAD + """\
  - {name: name, column: 姓名, title: {zh: 姓名, en: Name}}  # as on the card
  - {name: sex, column: xb, title: {zh: 性别, en: Sex}, element: people}

# behind
grade: internal
"""
BLOCK = HEAD + """\
  - name: name
    column: 姓名
    title: {zh: 姓名, en: Name}
  # of the register
  - name: sex
    column: "xb"
    title:
      zh: 性别
      en: Sex

grade: internal
"""
IN_LINE = HEAD.replace("items:\n", "items: [{name: name, column: 姓名, title: {zh: 姓名, en: Name}}, {name: sex, column: xb, title: {zh: 性别, en: Sex}}]\n")


def element(name: str) -> Element:
    found: Element = library.read("element", name).value
    return found


@pytest.mark.parametrize("text", [FLOW, BLOCK, IN_LINE, FLOW.replace("\n", "\r\n"), BLOCK.replace("\n", "\r\n"), "kind: department\nname: ga\ntitle: {zh: 甲, en: A}\n---\n" + BLOCK])
@pytest.mark.parametrize(("column", "name"), [("姓名", "person_name"), ("xb", "sex"), ("csrq", "birth_date")])
def test_one_item_is_bound_and_the_rest_stays(tmp_path: Path, text: str, column: str, name: str) -> None:
    file = tmp_path / "people.yml"
    file.write_bytes(text.encode())
    before = {item.column: item for item in load_file(file)[-1].value.items}
    change = bound(tmp_path, "people", column, element(name))
    assert file.read_bytes() == text.encode()
    change.write()
    after = {item.column: item for item in load_file(file)[-1].value.items}
    assert after.pop(column).element == name
    assert after == {c: item for c, item in before.items() if c != column}
    assert text.count("#") == change.text.count("#")
    assert abs(len(change.text.splitlines()) - len(text.splitlines())) <= 1
    again = bound(file, "people", column, element(name))
    assert again.before == again.after and again.text == change.text


def test_the_change_says_its_place(tmp_path: Path) -> None:
    file = tmp_path / "people.yml"
    file.write_text(FLOW, encoding="utf-8")
    change = bound(file, "people", "xb", element("sex"))
    assert (change.file, change.line) == (file, 11)
    assert change.after == ("  - {name: sex, column: xb, title: {zh: 性别, en: Sex}, element: sex}",)


def test_an_item_of_the_name_is_there_already(tmp_path: Path) -> None:
    file = tmp_path / "people.yml"
    file.write_text(FLOW, encoding="utf-8")
    bound(file, "people", "xingbie", element("sex")).write()
    assert [item.name for item in load_file(file)[0].value.items] == ["name", "sex", "sex_2"]


def test_the_resource_stands_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "people.yml").write_text(FLOW, encoding="utf-8")
    with pytest.raises(UserError, match="not defined in"):
        bound(tmp_path, "houses", "xb", element("sex"))


SEX = "title: {zh: 性别, en: Sex}"
FORMS = {
    "trailing comma": f"  - {{name: sex, column: xb, {SEX},}}\n",
    "comment in a flow": f"  - {{name: sex, column: xb,\n     {SEX}  # mine\n    }}\n",
    "comma and comment in a flow": f"  - {{name: sex, column: xb,\n     {SEX},  # mine\n    }}\n",
    "empty element": f"  - name: sex\n    column: xb\n    element:\n    {SEX}\n",
    "no element": f"  - {{name: sex, column: xb, element: null, {SEX}}}\n",
    "quoted": f'  - {{"name": "sex", "column": "xb", "element": "people", {SEX}}}\n',
    "anchor": f"  - &s\n    name: sex\n    column: xb\n    {SEX}\n  - {{<<: *s, name: b, column: b, element: people}}\n",
    "alias at the end": "  - {name: a, column: a, title: &t {zh: 性别, en: Sex}}\n  - {name: b, column: xb, title: *t}\n  - name: c\n    column: c\n    title: *t\n",
    "comment behind the dash": f"  - # the - sex\n    name: sex\n    column: xb\n    {SEX}\n",
    "dash alone": f"  -\n    name: sex\n    column: xb\n    {SEX}\n",
    "literal": "  - name: sex\n    column: xb\n    title:\n      zh: |\n        性别\n      en: >-\n        Sex\n\n# more\ngrade: internal\n",
    "no newline": f"  - name: sex\n    column: xb\n    {SEX}",
    "byte order mark": f"  - name: sex\n    column: xb\n    {SEX}\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("column", "name"), [("xb", "sex"), ("csrq", "birth_date")])
def test_forms_that_yaml_allows_are_bound_too(tmp_path: Path, form: str, column: str, name: str) -> None:
    file, text = tmp_path / "people.yml", ("\ufeff" if form == "byte order mark" else "") + HEAD + FORMS[form]
    file.write_bytes(text.encode())
    before = {item.column: item for item in load_file(file)[0].value.items}
    change = bound(file, "people", column, element(name))
    change.write()
    assert file.read_bytes() == change.text.encode()
    after = {item.column: item for item in load_file(file)[0].value.items}
    assert after.pop(column).element == name
    assert after == {c: item for c, item in before.items() if c != column}
    assert change.text.startswith("\ufeff") == text.startswith("\ufeff")
    assert change.text.count("#") == text.count("#")


@pytest.mark.parametrize(
    "items",
    [
        f"  - &b {{name: base, column: xb, {SEX}}}\n  - {{<<: *b, name: other}}\n",
        "  - ? name\n    : sex\n    ? column\n    : xb\n    ? title\n    : {zh: x, en: y}\n",
    ],
)
def test_what_would_break_or_mean_more_is_refused(tmp_path: Path, items: str) -> None:
    file = tmp_path / "people.yml"
    file.write_text(HEAD + items, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        bound(file, "people", "xb", element("sex"))
    assert refused.value.code == "content.binding.form"


def test_a_file_that_cannot_be_written_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, link = tmp_path / "real" / "people.yml", tmp_path / "people.yml"
    file.parent.mkdir()
    file.write_text(FLOW, encoding="utf-8")
    file.chmod(0o640)
    link.symlink_to(file)
    change = bound(link, "people", "xb", element("sex"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(files.shutil, "copymode", full)
        with pytest.raises(UserError) as failed:
            change.write()
    assert failed.value.code == "content.binding.unwritable"
    assert file.read_text(encoding="utf-8") == FLOW
    assert [one.name for one in file.parent.iterdir()] == ["people.yml"]
    change.write()
    assert link.is_symlink() and file.read_text(encoding="utf-8") == change.text
    assert file.stat().st_mode & 0o777 == 0o640
