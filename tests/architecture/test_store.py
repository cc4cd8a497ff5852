"""Each control table is the matter of one module of the store, and of nobody else."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "cityloom"
TABLE = ["sa.Table", "metadata"]


def tables_by_module() -> dict[str, set[str]]:
    """For each table the modules that define it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and [ast.unparse(part) for part in (node.func, *node.args[1:2])] == TABLE:
                assert isinstance(node.args[0], ast.Constant), f"{name}: a table's name is a literal"
                found[str(node.args[0].value)].add(name)
    return found


def test_a_table_is_defined_in_one_module_of_the_store() -> None:
    tables = tables_by_module()
    assert tables
    assert {table: modules for table, modules in tables.items() if len(modules) > 1} == {}
    outside = {m for modules in tables.values() for m in modules if not m.startswith("store/")}
    assert outside == set()


def test_nobody_takes_a_table_from_another_module() -> None:
    taken = {
        f"{path.relative_to(SOURCE)}: {alias.name}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cityloom.store.")
        for alias in node.names
        if alias.name.endswith("_table") or alias.name == "metadata"
        if not path.is_relative_to(SOURCE / "store")
        or alias.name != "metadata"
    }
    assert taken == set()
