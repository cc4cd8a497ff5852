"""Only the command line prints; code is in English, and Chinese stands where it is content."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "cityloom"
MODULES = sorted(SOURCE.rglob("*.py"))
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
NAMES = ("城织",)
"""The product's own name, which is the same in every language."""
TITLES = {"Title"}
CONTENT = {"cases", "standard"}
DATA = {
    "sample/": "names, streets and dirt of the sample city are Chinese",
    "standard/steps/": "what Chinese amounts and addresses look like is the steps' knowledge",
    "standard/addresses/": "how Chinese addresses are written, and what divisions are called",
    "standard/dates.py": "what Chinese dates look like",
    "standard/moments.py": "what Chinese dates and times of day look like",
    "standard/numerals.py": "the characters of Chinese numerals",
    "standard/positions.py": "how departments write degrees and directions",
    "standard/units.py": "how departments write units",
    "quality/base.py": "how departments write that there is no value",
    "quality/forms.py": "the sign for a Chinese character in a form, and the range of these characters",
    "quality/profile_terms.py": "how Chinese dates look",
    "collect/sheets/formats.py": "the halves of the day in formats of Chinese spreadsheets",
    "standard/exchange/sheets.py": "headers and answers of workbooks that people fill in",
    "standard/representation.py": "the logical values that Chinese data hold",
    "standard/suggest/": "which characters names and values are of",
    "quality/rules/": "what broken Chinese text looks like is the rules' knowledge",
}
"""Modules (or folders) whose Chinese literals are data, each with the reason. The list only shrinks."""


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(SOURCE).as_posix() for path in paths]


def chinese_literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """String literals with Han characters, outside docstrings, ``Title(…)`` ``cases = …`` and ``standard = …``."""
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", "") in TITLES:
        return
    if isinstance(tree, ast.Assign | ast.AnnAssign):
        targets = tree.targets if isinstance(tree, ast.Assign) else [tree.target]
        if any(getattr(target, "id", "") in CONTENT for target in targets):
            return
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str) and HAN.search(nameless(tree.value)):
        yield tree
    for child in ast.iter_child_nodes(tree):
        yield from chinese_literals(child)


def nameless(text: str) -> str:
    for name in NAMES:
        text = text.replace(name, "")
    return text


def is_data(name: str) -> bool:
    return any(name == entry or (entry.endswith("/") and name.startswith(entry)) for entry in DATA)


@pytest.mark.parametrize("name", names(MODULES))
def test_chinese_stands_where_it_is_content(name: str) -> None:
    if is_data(name):
        return
    tree = ast.parse((SOURCE / name).read_text(encoding="utf-8"))
    assert [(node.lineno, node.value) for node in chinese_literals(tree)] == []


def test_the_list_of_data_modules_names_what_there_is_and_needs_it() -> None:
    for entry in DATA:
        paths = [path for path in MODULES if is_data(path.relative_to(SOURCE).as_posix())]
        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
        assert any(list(chinese_literals(tree)) for tree in trees), entry


def test_chinese_is_seen_in_a_message_and_allowed_in_content() -> None:
    text = '"""说明"""\nt = Title("甲", "A")\ncases = ["乙"]\nraise UserError("x.y", f"丙 {n}", hint="丁")\n'
    assert [node.value for node in chinese_literals(ast.parse(text))] == ["丙 ", "丁"]


def test_only_the_command_line_prints() -> None:
    printing = {
        f"{name}:{node.lineno}"
        for name in names(MODULES)
        if not name.startswith("cli/")
        for node in ast.walk(ast.parse((SOURCE / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    assert printing == set()
