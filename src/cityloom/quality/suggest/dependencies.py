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
_LEAST_GROUPS = 3
_LEAST_SUPPORT = 0.05
_PAIRS = 150
"""Most pairs of determining columns that are tried."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A dependency in the sample: ``kept`` share of the rows of groups; ``gain`` over chance; ``rows`` in groups."""

    left: tuple[str, ...]
    right: str
    kept: float
    gain: float
    rows: int
    groups: int
    confirmed: frozenset[str]

    @property
    def confidence(self) -> float:
        """How sure: the gain over chance, less with few groups."""
        return self.gain * self.groups / (self.groups + 1.5)


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
                if _is_kept(one, sample) and one.groups >= 10 and one.gain >= max(0.85, before + 0.2):
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
                approved_by=(),
            ),
            confidence=one.confidence,
            reason=Title(
                f"在 {one.groups} 组 {left} 相同的行中,{share(one.kept, 1)} 的行 {one.right} 也相同",
                f"{one.right} is the same in {share(one.kept, 1)} of the rows of {one.groups} groups with the same {left}",
            ),
        )


def confirmed(found: Sequence[Found]) -> Mapping[str, frozenset[str]]:
    """By column the values that are the majority of some group: however rare, they are no slips."""
    values: dict[str, frozenset[str]] = {}
    for one in found:
        values[one.right] = values.get(one.right, frozenset()) | one.confirmed
    return values


def _is_kept(one: Found, sample: Sample) -> bool:
    return (
        one.gain >= _LEAST_GAIN
        and one.kept >= _LEAST_KEPT
        and one.groups >= _LEAST_GROUPS
        and one.rows >= _LEAST_SUPPORT * sample.size
    )


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
    pairs = rows.group_by([*keys, "o"]).aggregate([([], "count_all")])
    groups = pairs.group_by(keys).aggregate([("count_all", "sum"), ("count_all", "max")])
    several = groups.filter(pc.greater_equal(groups["count_all_sum"], LEAST_ROWS))
    total = pc.sum(several["count_all_sum"]).as_py() or 0
    if not total:
        return
    kept = pc.sum(several["count_all_max"]).as_py() / total
    most = sample.counts[right].most_common(1)[0][1] / sample.counts[right].total()
    base = max(most, several.num_rows / total)
    gain = (kept - base) / (1 - base) if base < 1 else 0.0
    solid: frozenset[str] = frozenset()
    if gain >= _LEAST_GAIN:
        joined = pairs.join(several, keys)
        top = joined.filter(
            pc.and_(
                pc.equal(joined["count_all"], joined["count_all_max"]),
                pc.greater(pc.multiply(joined["count_all"], 3), pc.multiply(joined["count_all_sum"], 2)),
            )
        )
        names = sample.rows[right].combine_chunks().dictionary_encode().dictionary
        solid = frozenset(pc.take(names, pc.unique(top["o"])).to_pylist())
    yield Found(left=left, right=right, kept=kept, gain=gain, rows=total, groups=several.num_rows, confirmed=solid)
