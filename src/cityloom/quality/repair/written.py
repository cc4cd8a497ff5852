"""How a broken value could be written right, told from the value and the rule it breaks alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cityloom.model.text import Title
from cityloom.quality.base import BLANKS, STAND_INS
from cityloom.quality.plan import RulePlan
from cityloom.quality.spelling import nearest

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*([^0-9]{1,15})")
_USUAL = 3
"""Rows that write a unit in the same way: fewer, and it is a slip and no unit."""
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SHARE = 3
"""Of several values equally near the one must be so many times as frequent as the next."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A value that a cell could hold; ``weight`` from 0 to 1 how much speaks for it. No value: the cell should be empty."""

    value: str | None
    weight: float
    rule: str
    reason: Title


def written(one: RulePlan, item: str, values: Sequence[str | None], known: Mapping[str, int]) -> list[Candidate]:
    """What a rule on rows says its columns should hold instead.

    Args:
        one: the rule.
        item: the column that is blamed.
        values: what the rule's columns hold.
        known: how many rows of the table have each frequent value of the item.
    """
    repaired = getattr(one.rule, "repaired", None)
    if repaired is not None:
        found = repaired(values)
        reason = Title("值写到了另一列", "the value stands in the other column")
        return [] if found is None else [_candidate(one, found[one.columns.index(item)], 0.95, reason)]
    old = values[one.columns.index(item)]
    if old is None:
        return []
    if one.use.rule == "domain":
        return _near(one, old, {value: known.get(value, 0) for value in one.rule.values})
    if one.use.rule == "format":
        return _formed(one, old, known)
    return []


def _near(one: RulePlan, old: str, among: Mapping[str, int]) -> list[Candidate]:
    """The value that it is a slip of; the only one a rule allows."""
    if len(among) == 1:
        reason = Title("本列只有这一个值", "the column has this value only")
        return [_candidate(one, next(iter(among)), 0.8, reason)]
    found = nearest(old, among, max(1, len(old) // 3))
    if not found:
        return []
    best = sorted((value for far, value in found if far == found[0][0]), key=lambda value: -among[value])
    if len(best) > 1 and among[best[0]] < _SHARE * max(1, among[best[1]]):
        return []
    reason = Title("与常见值只差少数字符", "a slip away from a frequent value")
    return [_candidate(one, best[0], 0.85 if found[0][0] == 1 else 0.75, reason)]


def _formed(one: RulePlan, old: str, known: Mapping[str, int]) -> list[Candidate]:
    """The value without blanks, full-width letters, its unit; nothing where something only stands in for a value."""
    pattern = str(one.use.options.get("pattern", ""))
    if old.strip(BLANKS) in STAND_INS:
        return [_candidate(one, None, 0.8, Title("占位写法应为空", "it only stands in for no value"))]
    plain = old.translate(_FULL_WIDTH).strip(BLANKS)
    number = _QUANTITY.fullmatch(plain)
    is_unit = number is not None and sum(n for value, n in known.items() if value.endswith(number[2])) >= _USUAL
    tries = [plain, _number(number[1], known)] if number is not None and is_unit else [plain]
    for text in tries:
        if text != old and re.fullmatch(pattern, text, re.ASCII):
            return [_candidate(one, text, 0.85, Title("改为本列的写法", "written as the others of the column"))]
    return []


def _number(text: str, known: Mapping[str, int]) -> str:
    """A number as the column writes whole ones: ``12.0`` or ``12``."""
    whole = re.fullmatch(r"([+-]?[0-9]+)\.0+", text)
    is_usual = any(re.fullmatch(r"[+-]?[0-9]+\.0", value) for value in known)
    return text if whole is None or is_usual else whole[1]


def _candidate(one: RulePlan, value: str | None, weight: float, reason: Title) -> Candidate:
    return Candidate(value=value, weight=weight, rule=one.name, reason=reason)
