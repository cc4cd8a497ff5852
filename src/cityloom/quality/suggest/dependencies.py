"""Dependencies that most rows keep: which columns fix which other one, told from chance."""

from __future__ import annotations

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
_LEAST_GROUPS = 3
_LEAST_SUPPORT = 0.05
_RIVALS = 0.25
"""Of the rows that deviate so many may have a value that is a rival of the first: more, and several values are right."""
_PAIRS = 150
"""Most pairs of determining columns that are tried."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A dependency in the sample.

    ``kept`` share of the rows in groups that have the group's first value; ``gain`` how much better than chance that
    is; ``rivals`` rows with a value at least a third as frequent in the group; ``rows`` and ``groups`` looked at.
    """

    left: tuple[str, ...]
    right: str
    kept: float
    gain: float
    rivals: int
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
    usable = [n for n in sample.names if len(sample.counts[n]) > 1]
    codes = {name: sample.rows[name].combine_chunks().dictionary_encode() for name in usable}
    places = {name: codes[name].indices for name in usable}
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
    return sorted(good, key=lambda d: (-d.confidence, d.left, d.right))


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
    values: dict[str, frozenset[str]] = {}
    usable = [n for n in sample.names if len(sample.counts[n]) > 1]
    codes = {name: sample.rows[name].combine_chunks().dictionary_encode() for name in usable}
    for right in usable:
        if len(sample.counts[right]) > 0.5 * sample.counts[right].total():
            continue
        places: set[int] = set()
        for left in usable:
            if left != right:
                places |= _solid(codes[left].indices, codes[right].indices)
        words = codes[right].dictionary
        values[right] = frozenset(words[place].as_py() for place in places)
    return values


def _solid(left: pa.Array, right: pa.Array) -> set[int]:
    """Values of the right that stand in more than two thirds of a group's rows, three or more."""
    pairs, groups = _grouped(pa.table({"k0": left, "o": right}).drop_null(), ["k0"])
    joined = pairs.join(groups, "k0")
    top = joined.filter(
        pc.and_(
            pc.greater_equal(joined["count_all"], LEAST_ROWS),
            pc.greater(pc.multiply(joined["count_all"], 3), pc.multiply(joined["count_all_sum"], 2)),
        )
    )
    return set(pc.unique(top["o"]).to_pylist())


def _grouped(rows: pa.Table, keys: list[str]) -> tuple[pa.Table, pa.Table]:
    pairs = rows.group_by([*keys, "o"]).aggregate([([], "count_all")])
    return pairs, pairs.group_by(keys).aggregate([("count_all", "sum"), ("count_all", "max")])


def _is_kept(one: Found, sample: Sample) -> bool:
    if one.groups < _LEAST_GROUPS or one.rows < _LEAST_SUPPORT * sample.size:
        return False
    if one.rivals > max(1.0, _RIVALS * (1 - one.kept) * one.rows):
        return False
    if one.is_noisy:
        return one.gain >= _NOISY_GAIN and one.groups >= 5 and one.rows >= _NOISY_ROWS * one.groups
    return True


def _pairs(sample: Sample, usable: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of columns that are no keys and no constants, those with few values first."""
    fit = [n for n in usable if 2 <= len(sample.counts[n]) <= 0.5 * sample.counts[n].total()]
    fit.sort(key=lambda n: len(sample.counts[n]))
    return list(combinations(fit, 2))[:_PAIRS]


def _measured(sample: Sample, places: Mapping[str, pa.Array], left: tuple[str, ...], right: str) -> Iterator[Found]:
    """How well groups fix a value; nothing where no group has enough rows."""
    keys = [f"k{i}" for i in range(len(left))]
    rows = pa.table({**{k: places[n] for k, n in zip(keys, left, strict=True)}, "o": places[right]}).drop_null()
    if not rows.num_rows:
        return
    pairs, groups = _grouped(rows, keys)
    several = groups.filter(pc.greater_equal(groups["count_all_sum"], LEAST_ROWS))
    total = pc.sum(several["count_all_sum"]).as_py() or 0
    if not total:
        return
    kept = pc.sum(several["count_all_max"]).as_py() / total
    most = sample.counts[right].most_common(1)[0][1] / sample.counts[right].total()
    base = max(most, several.num_rows / total)
    gain = (kept - base) / (1 - base) if base < 1 else 0.0
    rivals = _rivals(pairs, several, keys) if gain >= _NOISY_GAIN else 0
    yield Found(left=left, right=right, kept=kept, gain=gain, rivals=rivals, rows=total, groups=several.num_rows)


def _rivals(pairs: pa.Table, groups: pa.Table, keys: list[str]) -> int:
    """Rows with a value that is not the first of its group but at least a third as frequent, and not alone."""
    joined = pairs.join(groups, keys, join_type="inner")
    n, top = joined["count_all"], joined["count_all_max"]
    near = pc.and_(pc.greater_equal(n, 2), pc.and_(pc.less(n, top), pc.greater_equal(pc.multiply(n, 3), top)))
    ties = pc.sum(pc.greater(joined.filter(pc.equal(n, top)).group_by(keys).aggregate([([], "count_all")])["count_all"], 1)).as_py() or 0
    return int(pc.sum(joined.filter(near)["count_all"]).as_py() or 0) + 2 * int(ties)
