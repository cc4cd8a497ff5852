"""What columns say of each other: values that slipped into the neighbour, keys, dates in order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pyarrow.compute as pc

from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.suggest.base import Draft, Sample, share

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOST_VALUES = 200


def merged(sample: Sample, closed: frozenset[str]) -> Iterator[Draft]:
    """Pairs of columns where a value of the second ends the first whenever the second is empty."""
    for second in sample.names:
        values = [v for v, n in sample.counts[second].items() if n >= 3]
        gaps = sample.missing.get(second, 0)
        if not 3 <= gaps <= 0.4 * sample.size or not 2 <= len(values) <= _MOST_VALUES or second in closed:
            continue
        empty = sample.rows.filter(pc.is_null(sample.rows[second]))
        for first in sample.names:
            if first == second:
                continue
            texts = [t for t in empty[first].to_pylist() if t is not None]
            hits = sum(any(t.endswith(f" {v}") for v in values) for t in texts)
            elsewhere = sum(n for t, n in sample.counts[first].items() if any(t.endswith(f" {v}") for v in values)) - hits
            if hits >= max(3, 0.5 * gaps) and elsewhere <= 0.1 * sample.size:
                options = {"values": tuple(sorted(values))}
                use = RuleUse(
                    rule="merged", dimension="consistency", columns=(first, second), options=options, approved_by=()
                )
                reason = Title(
                    f"{second} 缺失的 {gaps} 行中,{hits} 行的 {first} 以 {second} 的值结尾",
                    f"{first} ends with a value of {second} in {hits} of the {gaps} rows where {second} is missing",
                )
                yield Draft(use=use, confidence=min(0.95, hits / gaps), reason=reason)


def keys(sample: Sample) -> Iterator[Draft]:
    """Columns whose values hardly repeat."""
    for name in sample.names:
        counts = sample.counts[name]
        rows = counts.total()
        is_text = sum(" " in v for v in counts) > 0.5 * len(counts)
        needed = 0.97 if is_text else 0.9
        if rows >= 10 and (len(counts) >= needed * rows or (not is_text and _is_broken_key(counts))):
            reason = Title(
                f"{share(len(counts), rows)} 的值不重复", f"{share(len(counts), rows)} of the values stand once"
            )
            use = RuleUse(rule="duplicate", dimension="accuracy", columns=(name,), approved_by=())
            yield Draft(use=use, confidence=len(counts) / rows - 0.2, reason=reason)


def _is_broken_key(counts: Counter[str]) -> bool:
    """Whether nearly all values stand once and some repeat: of one value alone that repeats, it may stand for none."""
    again = [n for n in counts.values() if n > 1]
    once = len(counts) - len(again)
    return len(counts) >= 0.75 * counts.total() and once >= 0.95 * len(counts) and 0 < max(again, default=0) <= 0.5 * sum(again)


def orders(sample: Sample) -> Iterator[Draft]:
    """Pairs of dates of which one is never much after the other."""
    dates = [n for n in sample.names if _is_date(sample, n)]
    for first in dates:
        for second in dates:
            if first == second:
                continue
            both = sample.rows.select([first, second]).drop_null()
            a, b = (pc.utf8_slice_codeunits(both[n], 0, 10) for n in (first, second))
            kept = pc.sum(pc.less_equal(a, b)).as_py() or 0
            apart = pc.sum(pc.less(a, b)).as_py() or 0
            if both.num_rows >= 20 and kept >= 0.98 * both.num_rows and apart >= 0.2 * both.num_rows:
                reason = Title(
                    f"{share(kept, both.num_rows)} 的行 {first} 不晚于 {second}",
                    f"{first} is not after {second} in {share(kept, both.num_rows)} of the rows",
                )
                use = RuleUse(rule="order", dimension="consistency", columns=(first, second), approved_by=())
                yield Draft(use=use, confidence=0.8, reason=reason)


def _is_date(sample: Sample, name: str) -> bool:
    counts = sample.counts[name]
    return sum(n for v, n in counts.items() if re.match(_DATE, v)) >= 0.95 * counts.total()
