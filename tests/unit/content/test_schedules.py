"""Schedules that cannot be kept are named where they stand."""

from pathlib import Path

import pytest

from cityloom.content.check import check
from cityloom.content.load import load
from cityloom.content.problems import ContentError

PLUGINS: dict[str, dict[str, set[str]]] = {"connector": {"csv_files": set()}, "step": {}, "rule": {}, "negotiation": {}}
AROUND = """\
kind: department
name: ga
title: {zh: 公安, en: Police}
---
kind: source
name: files
title: {zh: 文件, en: Files}
department: ga
connector: csv_files
---
"""
RESOURCE = """\
kind: resource
name: %s
department: ga
title: {zh: 户籍, en: Register}
abstract: {zh: 户籍, en: Register}
category: 人口
sharing: {attribute: unconditional}
items:
  - {name: id, column: 编号, title: {zh: 编号, en: Number}}
collect: {source: files, cycle: %s, schedule: {%s}}
"""


def problems(folder: Path, *resources: tuple[str, str, str]) -> list[tuple[str, str]]:
    (folder / "all.yml").write_text(AROUND + "---\n".join(RESOURCE % one for one in resources), encoding="utf-8")
    try:
        check(load(folder), folder, PLUGINS)
    except ContentError as error:
        return [(p.key, p.message) for p in error.problems]
    return []


@pytest.mark.parametrize(
    ("cycle", "schedule", "key"),
    [
        ("day", "time: '24:00'", "time"),
        ("day", "time: soon", "time"),
        ("day", "time: '2:00'", "time"),
        ("week", "day: 8", "day"),
        ("month", "day: 0", "day"),
        ("month", "day: 32", "day"),
        ("day", "retries: -1", "retries"),
        ("day", "cron: '* * * *'", "cron"),
        ("day", "cron: '0 25 * * *'", "cron"),
        ("day", "after: [x]", "after"),
    ],
)
def test_what_cannot_be_kept_is_named(tmp_path: Path, cycle: str, schedule: str, key: str) -> None:
    assert [k for k, _ in problems(tmp_path, ("x", cycle, schedule))] == [f"collect.schedule.{key}"]


def test_what_can_be_kept_is_taken(tmp_path: Path) -> None:
    first = ("a", "week", "time: '00:00', day: 7, workdays: true, late_minutes: 60")
    assert problems(tmp_path, first, ("b", "month", "day: 31, after: [a]"), ("c", "day", "cron: '30 2 * * 1-5'")) == []


def test_tasks_that_wait_for_each_other_are_told_by_their_circle(tmp_path: Path) -> None:
    found = problems(tmp_path, ("a", "day", "after: [b]"), ("b", "day", "after: [c]"), ("c", "day", "after: [b]"))
    assert [text for _, text in found] == ["the task waits for itself: b → c → b.", "the task waits for itself: c → b → c."]
