"""What values say: which are missing, which stand in for none, which are slips of frequent ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow.compute as pc

from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.spelling import LONGEST, distance
from cityloom.quality.suggest.base import Draft, Sample, share
from cityloom.quality.suggest.forms import has_filler, is_quantity

_MISSING = 0.2
"""A column with more gaps is taken for one that may be empty."""
_DOMAIN = 100
"""Most values that are listed."""
_FREQUENT = 5
_COMPARED = 60_000


def missing(sample: Sample) -> Iterator[Draft]:
    """Columns that are nearly always filled should always be."""
    for name in sample.rows.column_names:
        gaps = sample.missing.get(name, 0)
        if sample.size < 5 or gaps > _MISSING * sample.size or _is_block(sample, name, gaps):
            continue
        yield Draft(
            use=RuleUse(rule="missing", dimension="completeness", columns=(name,), approved_by=()),
            confidence=1 - gaps / sample.size / (2 * _MISSING),
            reason=Title(
                f"{share(sample.size - gaps, sample.size)} 的行有值", f"{share(sample.size - gaps, sample.size)} of the rows have a value"
            ),
        )


def _is_block(sample: Sample, name: str, gaps: int) -> bool:
    """Whether most gaps of a column are gaps of another one too: they belong together and may be left out together."""
    if not gaps:
        return False
    empty = sample.rows.filter(pc.is_null(sample.rows[name]))
    others = [n for n in sample.rows.column_names if n != name and 0 < sample.missing[n] <= 3 * gaps]
    return any(empty[n].null_count > 0.5 * gaps for n in others)


def domains(sample: Sample, confirmed: Mapping[str, frozenset[str]], closed: frozenset[str]) -> Iterator[Draft]:
    """Small sets of values without the slips, and slips of frequent values in larger ones."""
    for name in sample.names:
        counts = sample.counts[name]
        if is_quantity(counts) or counts.total() < 10:
            continue
        bad = slips(counts, confirmed.get(name, frozenset()))
        good = [value for value in counts if value not in bad and not has_filler(value)]
        rows = sum(counts[value] for value in bad)
        if len(good) <= _DOMAIN and counts.total() >= 8 * len(good) and name not in closed:
            yield _domain(name, good, counts, bad)
        elif rows and counts.total() >= 2 * len(good):
            reason = Title(
                f"{rows} 行的值与常见值只差少数字符,例如出现 {counts.most_common(1)[0][1]} 次的值",
                f"the values of {rows} rows are a slip away from frequent ones",
            )
            use = RuleUse(rule="rare", dimension="accuracy", columns=(name,), options={"times": _FREQUENT}, approved_by=())
            yield Draft(use=use, confidence=0.7, reason=reason)


def slips(counts: Counter[str], confirmed: frozenset[str]) -> dict[str, str]:
    """Values that look like a slip of a more frequent one, with that one."""
    total = counts.total()
    frequent = [v for v, n in counts.most_common(300) if n >= _FREQUENT and len(v) <= LONGEST]
    rare = [v for v in counts if counts[v] <= max(2, 0.03 * total) and v not in confirmed and len(v) <= LONGEST]
    bags = {v: Counter(v) for v in {*frequent, *rare}}
    found: dict[str, str] = {}
    tried = 0
    for value in rare:
        for other in frequent:
            if other == value or counts[other] < _FREQUENT * counts[value]:
                continue
            most = _allowed(value, other, counts[other] / total)
            if not most or abs(len(value) - len(other)) > most or _unlike(bags[value], bags[other]) > most:
                continue
            tried += 1
            if tried > _COMPARED:
                return found
            if _bare(value) != _bare(other) and distance(value, other, most) <= most and _by_words(value, other):
                found[value] = other
                break
    return found


def _allowed(value: str, other: str, part: float) -> int:
    """Letters that a slip may differ in."""
    size = min(len(value), len(other))
    if size < 3:
        return 1 if part >= 0.3 else 0
    return 1 if size < 6 else 2 if size < 10 else max(3, size // 6)


def _by_words(value: str, other: str) -> bool:
    """Whether the slips lie in words that are still to be recognised: another word is another value."""
    left, right = value.split(), other.split()
    if len(left) != len(right) or len(left) == 1:
        return True
    return all(a == b or distance(a, b, max(1, len(b) // 3)) <= min(len(b) - 1, max(1, len(b) // 3)) for a, b in zip(left, right, strict=True))


def _unlike(left: Counter[str], right: Counter[str]) -> int:
    """Least letters to change by the letters alone."""
    return max((left - right).total(), (right - left).total())


def _bare(text: str) -> str:
    return re.sub("[0-9]", "", text)


def _domain(name: str, good: list[str], counts: Counter[str], bad: Mapping[str, str]) -> Draft:
    rows, total = sum(counts[v] for v in bad), counts.total()
    listed = tuple(sorted(good, key=lambda v: (-counts[v], v)))
    return Draft(
        use=RuleUse(rule="domain", dimension="conformity", columns=(name,), options={"values": listed}, approved_by=()),
        confidence=0.9 if bad else min(0.8, total / (20 * len(good)) * 0.8),
        reason=Title(
            f"{share(total - rows, total)} 的行只用 {len(good)} 个值;其余是它们的近似写法",
            f"{share(total - rows, total)} of the rows use {len(good)} values; the others are slips of them",
        ),
    )
