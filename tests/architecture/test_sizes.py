"""Modules and functions stay small. An exception is listed by name, and its number may only shrink."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "cityloom"
MODULE_LINES = 400
FUNCTION_LINES = 60
LARGE_MODULES: dict[str, int] = {}
LARGE_FUNCTIONS: dict[str, int] = {}


def modules() -> Iterator[tuple[str, str]]:
    """Name and text of each module; migrations are written by a program and count not."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith("store/migrations/versions/"):
            yield name, path.read_text(encoding="utf-8")


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function, decorators not counted."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def too_large(sizes: dict[str, int], limit: int, exceptions: dict[str, int]) -> dict[str, int]:
    """What is over its limit, and exceptions that are larger or smaller than listed."""
    over = {name: size for name, size in sizes.items() if size > limit and exceptions.get(name) != size}
    stale = {name: sizes.get(name, 0) for name in exceptions if sizes.get(name, 0) <= limit}
    return over | stale


def test_no_module_is_large() -> None:
    sizes = {name: len(text.splitlines()) for name, text in modules()}
    assert too_large(sizes, MODULE_LINES, LARGE_MODULES) == {}


def test_no_function_is_long() -> None:
    sizes: dict[str, int] = {}
    for module, text in modules():
        for function, lines in functions(text):
            name = f"{module}:{function}"
            sizes[name] = max(lines, sizes.get(name, 0))
    assert too_large(sizes, FUNCTION_LINES, LARGE_FUNCTIONS) == {}


def test_an_exception_may_neither_grow_nor_outlive_its_reason() -> None:
    assert too_large({"a": 450}, 400, {"a": 450}) == {}
    assert too_large({"a": 451}, 400, {"a": 450}) == {"a": 451}
    assert too_large({"a": 390}, 400, {"a": 450}) == {"a": 390}
    assert too_large({}, 400, {"gone": 450}) == {"gone": 0}
