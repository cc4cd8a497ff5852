"""Binding an item to an element changes one place of a file, and nothing else of it."""

from pathlib import Path

import pytest

from cityloom.content import library
from cityloom.content.binding import bound
from cityloom.content.load import load_file
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
