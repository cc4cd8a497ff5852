"""What the page on the distributed engine says of each kind of work is what the tests prove, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.contract import test_distributed, test_distributed_stages

from cityloom.kernel.registry import plugins
from cityloom.quality.base import RULES

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "cityloom"
YES = {"distributed-engine.md": "yes", "distributed-engine.zh.md": "支持"}
TOLD_ELSEWHERE = {
    "test_the_distributed_engine_was_at_work", "test_what_is_told_apart_by_the_dialect_alone", "test_what_has_no_equal_is_refused",
    "test_without_a_server_nothing_is_begun", "test_a_setting_that_names_no_engine_or_no_server_is_told",
}  # fmt: skip
"""Tests of the engine itself and of its settings, and of no kind of work."""
each_page = pytest.mark.parametrize("page", list(YES))


def lines(page: str) -> list[list[str]]:
    """The cells of the table of work."""
    text = (ROOT / "docs" / "howto" / page).read_text(encoding="utf-8")
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return [cells for cells in found if len(cells) == 4 and "Spark" not in cells and cells[0] != "---"]


@each_page
def test_what_runs_on_spark_is_proved_by_a_test_that_there_is(page: str) -> None:
    known = {name for module in (test_distributed, test_distributed_stages) for name in vars(module) if name.startswith("test_")}
    named = {name for _, _, _, proof in lines(page) for name in re.findall(r"`(test_\w+)`", proof)}
    assert named | TOLD_ELSEWHERE == {name for name in known if callable(getattr(test_distributed, name, None) or getattr(test_distributed_stages, name))}
    for _, embedded, spark, proof in lines(page):
        assert embedded == YES[page]
        assert spark != YES[page] or re.fullmatch(r"`test_\w+`", proof)


@each_page
def test_every_rule_on_tables_is_named(page: str) -> None:
    rules = {name for name, rule in plugins(RULES).items() if rule.scope == "table"}
    row = next(cells[0] for cells in lines(page) if "`test_a_table_rule_counts_the_same`" in cells[3])
    assert rules <= set(re.findall(r"[a-z_]+", row))


def test_both_pages_say_the_same() -> None:
    english, chinese = ([(cells[2] == YES[page], re.findall(r"`\w+`", cells[3])) for cells in lines(page)] for page in YES)
    assert english == chinese


def test_only_the_chain_asks_the_distributed_engine() -> None:
    asking = {p.relative_to(SOURCES).as_posix() for p in SOURCES.rglob("*.py") if "wide_lake" in p.read_text(encoding="utf-8")}
    assert asking == {"flows/bootstrap.py", "flows/chain.py"}
