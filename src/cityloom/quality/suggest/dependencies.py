"""Dependencies that most rows keep: which columns fix which other one, told from chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc

from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.suggest.base import Draft, Sample, share

LEAST_ROWS = 3
"""A group of fewer rows has no majority worth the name."""
_LEAST_GAIN = 0.6
_LEAST_KEPT = 0.75
_NOISY_GAIN = 0.2
"""Enough where groups are large and no second value comes near the first."""
_NOISY_ROWS = 15
_NOISY_FIRSTS = 5
_LEAST_GROUPS = 3
_LEAST_SUPPORT = 0.05
_RIVALS = 0.25
"""Of the rows that deviate so many may have a value that is a rival of the first: more, and several values are right."""
_EACH = 4
_SMALL = 10_000
_PAIRS = 150
"""Most pairs of determining columns that are tried."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A dependency in the sample.

    ``kept`` share of the rows in groups that have the group's first value; ``gain`` how much better than chance that
    is; ``rivals`` rows with a value at least a third as frequent in the group; ``firsts`` how many different first values
    the groups have; ``rows`` and ``groups`` looked at.
    """

    left: tuple[str, ...]
    right: str
    kept: float
    gain: float
    rivals: int
    firsts: int
    rows: int
    groups: int
    @property
    def confidence(self) -> float:
        """How sure: the gain over chance, less with few groups; at least middling where only noise hides it."""
        return max(self.gain, 0.65 if self.is_noisy else 0.0) * self.groups / (self.groups + 1.5)

    @property
    def is_noisy(self) -> bool:
        """Whether many rows deviate, but each in its own way."""
        return self.kept < _LEAST_KEPT or self.gain < _LEAST_GAIN


def dependencies(sample: Sample) -> list[Found]:
    """The dependencies of single columns, then of pairs where no single one does, best first."""
    usable, places = _places(sample)
    found = [one for a in usable for b in usable if a != b for one in _measured(sample, places, (a,), b)]
    best: dict[tuple[str, str], float] = {(d.left[0], d.right): d.gain for d in found}
    good = [d for d in found if _is_kept(d, sample)]
    known = {(d.left, d.right) for d in good}
    for a, b in _pairs(sample, usable):
        for right in usable:
            if right in (a, b) or {((a,), right), ((b,), right)} & known:
                continue
            for one in _measured(sample, places, (a, b), right):
                before = max(best.get((a, right), 0.0), best.get((b, right), 0.0))
                is_better = one.gain >= max(0.9, before + 0.2) and one.kept >= 0.95
                if is_better and _is_kept(one, sample) and one.groups >= 10 and one.rows >= 0.3 * sample.size:
                    good.append(one)
    return _best(sorted(good, key=lambda d: (-d.confidence, d.left, d.right)))


def _best(found: Sequence[Found]) -> list[Found]:
    """Of the dependencies of one column the best few: more say the same."""
    number: dict[str, int] = defaultdict(int)
    kept = []
    for one in found:
        number[one.right] += 1
        if number[one.right] <= _EACH:
            kept.append(one)
    return kept


def drafts(found: Sequence[Found]) -> Iterator[Draft]:
    """The dependencies as rules."""
    for one in found:
        left = "+".join(one.left)
        yield Draft(
            use=RuleUse(
                rule="dependency",
                dimension="consistency",
                name=f"{left}->{one.right}.dependency",
                columns=(*one.left, one.right),
                options={"least_share": 0.35} if one.is_noisy else {},
                approved_by=(),
            ),
            confidence=one.confidence,
            reason=Title(
                f"在 {one.groups} 组 {left} 相同的行中,{share(one.kept, 1)} 的行 {one.right} 也相同",
                f"{one.right} is the same in {share(one.kept, 1)} of the rows of {one.groups} groups with the same {left}",
            ),
        )


def confirmed(sample: Sample) -> Mapping[str, frozenset[str]]:
    """By column the values that most rows of some group of another column have: however rare, they are no slips."""
    usable, places = _places(sample)
    values: dict[str, frozenset[str]] = {}
    for right in usable:
        sure: set[int] = set()
        if _may_be_right(sample, right):
            for left in usable:
                if left != right:
                    sure |= _solid(_counted(sample, places, (left,), right))
        words = sample.codes[right].dictionary
        values[right] = frozenset(words[place].as_py() for place in sure)
    return values


def _places(sample: Sample) -> tuple[list[str], Mapping[str, pa.Array]]:
    """Columns of several values, with their values as numbers; rows whose value stands less than three times say nothing."""
    usable = [n for n in sample.names if len(sample.counts[n]) > 1]
    return usable, {name: sample.codes[name].indices.cast(pa.int64()) for name in usable}


def _may_be_right(sample: Sample, name: str) -> bool:
    return len(sample.counts[name]) <= 0.5 * sample.counts[name].total()


def _counted(
    sample: Sample, places: Mapping[str, pa.Array], left: tuple[str, ...], right: str
) -> pa.Table | None:
    """By group ``g`` and value ``o`` the rows ``n``; None where there are none."""
    key = places[left[0]]
    for name in left[1:]:
        key = pc.add(pc.multiply(key, len(sample.counts[name]) + 1), places[name])
    if len(left) == 1:
        key = pc.if_else(sample.often[left[0]], key, None)
    rows = pa.table({"g": key, "o": places[right]}).drop_null()
    if not rows.num_rows:
        return None
    return rows.group_by(["g", "o"]).aggregate([([], "count_all")]).rename_columns(["g", "o", "n"])


def _whole(pairs: pa.Table) -> pa.Table:
    """The groups of at least three rows."""
    groups = pairs.group_by("g").aggregate([("n", "sum"), ("n", "max")])
    return groups.filter(pc.greater_equal(groups["n_sum"], LEAST_ROWS))


def _groups(pairs: pa.Table, groups: pa.Table) -> dict[int, dict[int, int]]:
    """By group of at least three rows how many of them have each value."""
    found: dict[int, dict[int, int]] = {group: {} for group in groups["g"].to_pylist()}
    for group, value, n in zip(*(pairs[name].to_pylist() for name in ("g", "o", "n")), strict=True):
        if group in found:
            found[group][value] = n
    return found


def _solid(pairs: pa.Table | None) -> set[int]:
    """Values that stand in more than two thirds of a group's rows, three or more."""
    if pairs is None:
        return set()
    most = pairs.filter(pc.greater_equal(pairs["n"], LEAST_ROWS))
    if not most.num_rows:
        return set()
    groups = _whole(pairs)
    sums = dict(zip(groups["g"].to_pylist(), groups["n_sum"].to_pylist(), strict=True))
    rows = zip(*(most[name].to_pylist() for name in ("g", "o", "n")), strict=True)
    return {value for group, value, n in rows if 3 * n > 2 * sums[group]}


def _is_kept(one: Found, sample: Sample) -> bool:
    if one.groups < _LEAST_GROUPS or one.rows < _LEAST_SUPPORT * sample.size:
        return False
    if one.rivals > max(1.0, _RIVALS * (1 - one.kept) * one.rows):
        return False
    if one.is_noisy:
        return one.gain >= _NOISY_GAIN and one.firsts >= _NOISY_FIRSTS and one.rows >= _NOISY_ROWS * one.groups
    return True


def _pairs(sample: Sample, usable: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of columns that are no keys and no constants, those with few values first."""
    fit = [n for n in usable if 2 <= len(sample.counts[n]) <= 0.5 * sample.counts[n].total()]
    fit.sort(key=lambda n: len(sample.counts[n]))
    return list(combinations(fit, 2))[: _PAIRS if sample.size <= _SMALL else _PAIRS // 5]


def _measured(sample: Sample, places: Mapping[str, pa.Array], left: tuple[str, ...], right: str) -> Iterator[Found]:
    """How well groups fix a value; nothing where no group has enough rows."""
    if not _may_be_right(sample, right):
        return
    pairs = _counted(sample, places, left, right)
    whole = _whole(pairs) if pairs is not None else None
    if pairs is None or whole is None or not whole.num_rows:
        return
    total = int(pc.sum(whole["n_sum"]).as_py())
    kept = pc.sum(whole["n_max"]).as_py() / total
    most = sample.counts[right].most_common(1)[0][1] / sample.counts[right].total()
    base = max(most, whole.num_rows / total)
    gain = (kept - base) / (1 - base) if base < 1 else 0.0
    if gain < _NOISY_GAIN:
        return
    groups = _groups(pairs, whole)
    rivals = sum(_rivals(list(values.values())) for values in groups.values())
    firsts = len({max(values, key=lambda value: values[value]) for values in groups.values()})
    yield Found(
        left=left, right=right, kept=kept, gain=gain, rivals=rivals, firsts=firsts, rows=total, groups=len(groups)
    )


def _rivals(rows: list[int]) -> int:
    """Rows with a value that is not the first of its group but at least a third as frequent, and not alone."""
    first, *others = sorted(rows, reverse=True)
    return sum(n for n in others if n >= 2 and 3 * n >= first)
