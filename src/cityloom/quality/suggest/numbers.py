"""What numbers say: bounds that all but a few keep, and the one value that nearly all have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from math import asinh, log10, sinh

from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.suggest.base import Draft, Sample, share

_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_FENCE = 3.0
_OUT = 0.3
_FAR = 1e17
"""Farther bounds are none."""
_DOMINANT = 0.7
_UNLIKE = 0.9
_NEAR = 0.02
"""Numbers that are so near to the most frequent one, by its size, and hardly repeat are of the same range."""
_FEW = 30
_HEAD = 0.5
_GAP = 3.0
_SCATTERED = 10
_SINGLE = 0.01


def bounds(sample: Sample, confirmed: Mapping[str, frozenset[str]], closed: frozenset[str]) -> Iterator[Draft]:
    """Bounds of columns of numbers, and single values; none of closed ones: an end may be somebody's value."""
    for name in sample.names:
        if name in closed:
            continue
        counts = sample.counts[name]
        numbers = {v: float(v) for v in counts if _NUMBER.fullmatch(v)}
        rows = sum(counts[v] for v in numbers)
        if rows < 10 or rows < 0.8 * counts.total():
            continue
        draft = _dominant(name, counts, numbers) or _few(name, counts, numbers)
        draft = draft or _fenced(name, counts, numbers, confirmed.get(name, frozenset()))
        if draft is not None:
            yield draft


def _dominant(name: str, counts: Counter[str], numbers: dict[str, float]) -> Draft | None:
    """A number that most rows have, where the others are spread thinly and far from it."""
    value, n = counts.most_common(1)[0]
    total = counts.total()
    others = {v: k for v, k in counts.items() if v != value}
    if value not in numbers or n < _DOMINANT * total or not others or float(value) == 0:
        return None
    if max(others.values()) > 0.04 * total or len(others) < 3 or _are_neighbours(float(value), others, numbers):
        return None
    reason = Title(f"{share(n, total)} 的行是同一个值", f"{share(n, total)} of the rows have one value")
    use = RuleUse(rule="domain", dimension="accuracy", columns=(name,), options={"values": (value,)}, approved_by=())
    return Draft(use=use, confidence=0.7, reason=reason)


def _are_neighbours(value: float, others: Mapping[str, int], numbers: Mapping[str, float]) -> bool:
    """Whether the other numbers hardly repeat and mostly lie near: keys or codes of a range in which one is frequent."""
    far = sorted(abs(numbers[other] - value) for other in others if other in numbers)
    return len(others) > _UNLIKE * sum(others.values()) and bool(far) and far[len(far) // 2] <= _NEAR * abs(value)


def _few(name: str, counts: Counter[str], numbers: dict[str, float]) -> Draft | None:
    """Few numbers that most rows have, much more frequent than many others that hardly repeat: codes."""
    total, ranked = counts.total(), counts.most_common()
    head, best = 0, (0.0, 0)
    for place, (value, n) in enumerate(ranked[:_FEW]):
        head += n
        rest = ranked[place + 1 :]
        if value not in numbers or len(rest) < max(_SCATTERED, 2 * (place + 1)):
            break
        if place >= 2 and head >= _HEAD * total and rest[0][1] <= _SINGLE * total:
            best = max(best, (n / rest[0][1], place + 1))
    if best[0] < _GAP:
        return None
    values = tuple(value for value, _n in ranked[: best[1]])
    rows = sum(counts[value] for value in values)
    reason = Title(
        f"{share(rows, total)} 的行只用 {len(values)} 个数;其余的数都很少见",
        f"{share(rows, total)} of the rows use {len(values)} numbers; all others are rare",
    )
    use = RuleUse(rule="domain", dimension="accuracy", columns=(name,), options={"values": values}, approved_by=())
    return Draft(use=use, confidence=0.6, reason=reason)


def _fenced(name: str, counts: Counter[str], numbers: dict[str, float], confirmed: frozenset[str]) -> Draft | None:
    """Bounds three times the middle half away, on the scale that fits; values that repeat lie inside.

    None where the middle half is one number: how far away is far, it does not tell.
    """
    ordered = sorted(x for v, x in numbers.items() for _ in range(counts[v]))
    low, high = _fences(ordered)
    if low == high:
        return None
    for sign in (1, -1):
        tail = sorted(sign * x for x in ordered)
        if tail[len(tail) // 20] >= 0:
            logs = _fences([log10(1 + max(0.0, x)) for x in tail])
            ends = sorted(sign * (10 ** max(0.0, min(300.0, x)) - 1) for x in logs)
            low, high = min(low, ends[0]), max(high, ends[1])
    if ordered[len(ordered) // 20] < 0 < ordered[-1 - len(ordered) // 20]:
        size = _quartile(sorted(abs(x) for x in ordered), 2) or 1.0
        ends = [size * sinh(max(-700.0, min(700.0, x))) for x in _fences([asinh(x / size) for x in ordered])]
        low, high = min(low, ends[0]), max(high, ends[1])
    low, high = _reached(ordered, low, high)
    often = max(3, 0.01 * len(ordered))
    inside = [x for v, x in numbers.items() if counts[v] >= often or v in confirmed]
    low, high = min([low, *inside]), max([high, *inside])
    out = sum(1 for x in ordered if x < low or x > high)
    if low >= high or out > _OUT * len(ordered):
        return None
    limits = {"least": _round(low, ROUND_FLOOR), "most": _round(high, ROUND_CEILING)}
    options = {key: value for key, value in limits.items() if abs(value) < _FAR}
    if not options:
        return None
    reason = Title(
        f"中间一半的值在 {_quartile(ordered, 1):.6g} 与 {_quartile(ordered, 3):.6g} 之间;超出很远的是异常值",
        f"the middle half lies between {_quartile(ordered, 1):.6g} and {_quartile(ordered, 3):.6g}; far outside are outliers",
    )
    words = sum(n for v, n in counts.items() if v not in numbers and n >= often)
    when = f'is_number("{name}")' if words and name.isidentifier() else ""
    if words and not when:
        return None
    use = RuleUse(
        rule="number_range", dimension="accuracy", columns=(name,), options=options, when=when, approved_by=()
    )
    return Draft(use=use, confidence=0.7 if out else 0.5, reason=reason)


def _reached(ordered: Sequence[float], low: float, high: float) -> tuple[float, float]:
    """The bounds, farther out as long as the next value is no farther than the middle half is wide: a tail, no outliers."""
    step = _quartile(ordered, 3) - _quartile(ordered, 1)
    inside = [x for x in ordered if low <= x <= high]
    first, last = inside[0], inside[-1]
    for x in ordered:
        if last < x <= last + step:
            last = x
    for x in reversed(ordered):
        if first - step <= x < first:
            first = x
    return min(low, first), max(high, last)


def _fences(ordered: Sequence[float]) -> tuple[float, float]:
    first, third = _quartile(ordered, 1), _quartile(ordered, 3)
    return first - _FENCE * (third - first), third + _FENCE * (third - first)


def _quartile(ordered: Sequence[float], number: int) -> float:
    place = number * (len(ordered) - 1) / 4
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _round(value: float, way: str) -> float:
    """Six digits of it, outwards."""
    return float(Context(prec=6, rounding=way).create_decimal(repr(value)))
