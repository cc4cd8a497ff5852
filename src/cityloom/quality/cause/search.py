"""Searches a sample of broken rows and of others for the conjunction of conditions that tells them apart.

Every condition is the set of sampled rows that fulfil it, as the bits of one integer, so that a conjunction is an AND and
its counts are bit counts. A sub-population is weighed by what belonging to it tells of being broken (mutual information):
where rows of one population are broken at one rate and all others at another, no other set tells as much, neither a part of
it nor more than it. What is told has passed a test whose bound counts everything that was tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc

from cityloom.model.cause import Condition

WIDTH = 3
"""Most conditions of a cause."""
CHANCE = 0.001
"""A cause is told when it would be found by chance in fewer than so many searches."""
LEAST_COVERAGE = 0.1
"""Share of the broken rows that a cause explains at least."""
LEAST_ROWS = 10
"""Broken rows in the sample that a cause holds at least."""
_RATIO = 1.5
"""Rows in a cause are broken at least so many times as often as others."""
_LIFT = 1.3
_BETTER = 1.03
"""A further condition must raise the weight by so much."""
_DISTINCT = 300
"""A feature with more distinct values in the sample is no category."""
_LITERALS = 200
_EXTENDED = 100
_PLAIN = ("range", "value", "missing", "head", "month", "form", "length")
"""Of conditions that tell the same, the plainest kind is told."""
_SAME = 0.97
"""Two conditions mean the same rows when so much of them is shared."""


@dataclass(frozen=True)
class Literal:
    """A condition with the bits of the rows that fulfil it, and the values of its feature that they have; ``tried`` how
    many like it were compared to find it."""

    condition: Condition
    bits: int
    kind: str = "value"
    values: tuple[str, ...] = ()
    tried: float = 1.0


@dataclass(frozen=True)
class Found:
    """A conjunction with its bits and the bound of its chance."""

    literals: tuple[Literal, ...]
    bits: int
    weight: float
    chance: float
    also: tuple[tuple[Literal, ...], ...] = ()


@dataclass(frozen=True)
class Sampled:
    """The sample as bits: which rows are broken, which are others, and how many each stands for."""

    broken: int
    others: int
    all_broken: int
    all_others: int

    def counts(self, bits: int) -> tuple[int, int]:
        """Broken rows and others of the sample among these."""
        return (bits & self.broken).bit_count(), (bits & self.others).bit_count()

    def surplus(self, bits: int) -> float:
        """Broken rows beyond what the size lets expect, as a share of all rows; sets without common rows add up."""
        b, o = self.estimate(bits)
        rows = self.all_broken + self.all_others
        return b / rows - (b + o) / rows * self.all_broken / rows

    def weight(self, bits: int) -> float:
        """Mutual information of belonging to these rows and being broken; nothing where they are broken less often."""
        b, o = self.estimate(bits)
        rows = self.all_broken + self.all_others
        if b * self.all_others <= o * self.all_broken:
            return 0.0
        inside = b + o
        cells = (
            *((b, self.all_broken, inside), (o, self.all_others, inside)),
            *((self.all_broken - b, self.all_broken, rows - inside), (self.all_others - o, self.all_others, rows - inside)),
        )
        return sum(n * math.log(n * rows / (side * of)) for n, side, of in cells if n > 0 and side > 0 and of > 0) / rows

    def estimate(self, bits: int) -> tuple[float, float]:
        """Broken rows and others of the table that these stand for."""
        b, o = self.counts(bits)
        return (
            b * self.all_broken / max(1, self.broken.bit_count()),
            o * self.all_others / max(1, self.others.bit_count()),
        )

    def without(self, bits: int) -> Sampled:
        """The rows that are not explained yet."""
        broken, others = self.broken & ~bits, self.others & ~bits
        share_b = broken.bit_count() / max(1, self.broken.bit_count())
        share_o = others.bit_count() / max(1, self.others.bit_count())
        return Sampled(broken, others, round(self.all_broken * share_b), round(self.all_others * share_o))


def search(literals: Sequence[Literal], sampled: Sampled, most: int = 3) -> tuple[list[Found], int]:
    """The causes, the one that explains most first, and how many conjunctions were looked at.

    Args:
        literals: the conditions to combine.
        sampled: the rows.
        most: causes to look for; each next one explains what those before it left.
    """
    found: list[Found] = []
    tried = 0
    rest = sampled
    total = sampled.broken.bit_count()
    while len(found) < most and rest.broken.bit_count() >= max(LEAST_ROWS, LEAST_COVERAGE * total):
        best, count = _best(literals, rest, total)
        tried += count
        if best is None:
            break
        found.append(best)
        rest = rest.without(best.bits)
    return found, tried


def literals_of(columns: Mapping[tuple[str, str], pa.Array], ordered: Mapping[tuple[str, str], Sequence[str] | None], sampled: Sampled) -> list[Literal]:
    """The conditions that each feature gives: single values, sets of values, and spans of ordered ones.

    Args:
        columns: by column and kind the feature of every sampled row, as texts.
        ordered: of features with an order the order of their values, None for that of texts.
        sampled: the rows.
    """
    found: list[Literal] = []
    for key, values in columns.items():
        words = pc.value_counts(values.drop_null())
        counts = {str(w["values"]): int(w["counts"]) for w in words.to_pylist()}
        if not 1 <= len(counts) <= _DISTINCT:
            continue
        bits = {word: _bits(pc.fill_null(pc.equal(values, word), False)) for word in counts}
        found += _of_feature(key, bits, ordered.get(key, ()), sampled)
    return found


def _of_feature(key: tuple[str, str], bits: Mapping[str, int], order: Sequence[str] | None, sampled: Sampled) -> Iterator[Literal]:
    name, kind = key

    def made(values: Sequence[str], tried: float, *, is_span: bool = False) -> Literal:
        whole = 0
        for value in values:
            whole |= bits[value]
        ends = (values[0], values[-1]) if is_span else tuple(values)
        return Literal(Condition(column=name, kind="range" if is_span else kind.rstrip("0123456789"), values=ends), whole, kind, tuple(values), tried)

    for value in bits:
        yield made([value], 1)
    raised = [v for v in bits if sampled.surplus(bits[v]) > 0 and sum(sampled.counts(bits[v])) >= LEAST_ROWS and sampled.counts(bits[v])[0] >= 3]
    raised.sort(key=lambda v: -_rate(bits[v], sampled))
    if 2 <= len(raised) <= 12 and len(raised) < len(bits):
        for width in range(2, len(raised) + 1):
            yield made(sorted(raised[:width]), 2.0 ** min(len(bits), 60))
    if order == ():
        return
    chain = [v for v in order if v in bits] if order is not None else sorted(bits)
    span = _span([sampled.surplus(bits[v]) for v in chain])
    if span is not None and span[1] > span[0]:
        yield made(chain[span[0] : span[1] + 1], len(chain) * (len(chain) + 1) / 2, is_span=True)


def _rate(bits: int, sampled: Sampled) -> float:
    """Share of the rows that are broken."""
    b, o = sampled.estimate(bits)
    return b / (b + o) if b + o else 0.0


def _span(weights: Sequence[float]) -> tuple[int, int] | None:
    """First and last place of the stretch with the greatest sum; None when there is none above nothing."""
    best, place = 0.0, None
    sum_, start = 0.0, 0
    for i, weight in enumerate(weights):
        if sum_ <= 0:
            sum_, start = 0.0, i
        sum_ += weight
        if sum_ > best:
            best, place = sum_, (start, i)
    return place


def _best(literals: Sequence[Literal], sampled: Sampled, total: int) -> tuple[Found | None, int]:
    """The conjunction of the greatest weight that passes every test."""
    least = max(LEAST_ROWS, math.ceil(LEAST_COVERAGE * total))
    usable = [x for x in literals if (x.bits & sampled.broken).bit_count() >= least]
    usable = sorted(usable, key=lambda x: (-round(sampled.weight(x.bits), 12), _plainness((x,))))[:_LITERALS]
    tried = len(literals)
    level: list[tuple[tuple[Literal, ...], int]] = [((x,), x.bits) for x in usable]
    kept = [(some, bits) for some, bits in level if _is_good(bits, sampled)]
    for _width in range(2, WIDTH + 1):
        grown, count = _grow(level, usable, sampled, least)
        tried += count
        kept += [(some, bits) for some, bits in grown if _is_good(bits, sampled)]
        level = sorted(grown, key=lambda pair: -sampled.weight(pair[1]))[:_EXTENDED]
    ranked = sorted(kept, key=lambda pair: (-round(sampled.weight(pair[1]), 12), len(pair[0]), _plainness(pair[0])))
    for some, bits in ranked[:_EXTENDED]:
        chance = _chance(bits, sampled.broken | sampled.others, sampled) * tried * max(x.tried for x in some)
        if chance < CHANCE and _needs_all(some, sampled, tried):
            return Found(some, bits, sampled.weight(bits), chance, _also(some, bits, ranked, sampled)), tried
    return None, tried


def _plainness(some: Sequence[Literal]) -> tuple[int, int]:
    """Sorts the plainest first: kinds of conditions, then how many values they name."""
    return sum(_PLAIN.index(x.condition.kind) for x in some), sum(len(x.condition.values) for x in some)


def _grow(
    level: Sequence[tuple[tuple[Literal, ...], int]], usable: Sequence[Literal], sampled: Sampled, least: int
) -> tuple[list[tuple[tuple[Literal, ...], int]], int]:
    """Each conjunction with one more condition on another column, where enough broken rows are left."""
    place = {id(x): i for i, x in enumerate(usable)}
    found: dict[frozenset[int], tuple[tuple[Literal, ...], int]] = {}
    count = 0
    for some, bits in level:
        columns = {x.condition.column for x in some}
        for one in usable:
            if one.condition.column in columns:
                continue
            key = frozenset((*(place[id(x)] for x in some), place[id(one)]))
            if key in found:
                continue
            both = bits & one.bits
            count += 1
            if (both & sampled.broken).bit_count() >= least:
                found[key] = ((*some, one), both)
    return list(found.values()), count


def _is_good(bits: int, sampled: Sampled) -> bool:
    """Whether rows in it are broken clearly more often than the others."""
    b, o = sampled.estimate(bits)
    rate = _rate(bits, sampled)
    overall = sampled.all_broken / max(1, sampled.all_broken + sampled.all_others)
    others = sampled.all_others - o + sampled.all_broken - b
    elsewhere = (sampled.all_broken - b) / others if others > 0 else 0.0
    return rate >= _LIFT * overall and rate >= _RATIO * elsewhere


def _needs_all(some: Sequence[Literal], sampled: Sampled, tried: float) -> bool:
    """Whether no condition can be left out: each raises the weight, and not by chance."""
    if len(some) == 1:
        return True
    whole = -1
    for one in some:
        whole &= one.bits
    for part in combinations(some, len(some) - 1):
        parent = -1
        for one in part:
            parent &= one.bits
        if sampled.weight(whole) < _BETTER * sampled.weight(parent) or _chance(whole, parent, sampled) * tried > CHANCE:
            return False
    return True


def _chance(bits: int, within: int, sampled: Sampled) -> float:
    """Probability that rows of ``bits`` are broken so much more often than the others ``within``, were it all the same."""
    b, o = sampled.counts(bits & within)
    all_b, all_o = sampled.counts(within)
    rows = all_b + all_o
    table = ((b, all_b, b + o), (o, all_o, b + o), (all_b - b, all_b, rows - b - o), (all_o - o, all_o, rows - b - o))
    g = sum(n * math.log(n * rows / (side * inside)) for n, side, inside in table if n and side and inside)
    if not rows or b * all_o <= o * all_b:
        return 1.0
    return math.erfc(math.sqrt(max(0.0, g)))


def _also(
    some: Sequence[Literal], bits: int, ranked: Sequence[tuple[tuple[Literal, ...], int]], sampled: Sampled
) -> tuple[tuple[Literal, ...], ...]:
    """Other conjunctions, no longer, that hold for the same rows: by another column."""
    mine = {x.condition.column for x in some}
    rows = sampled.broken | sampled.others
    found: list[tuple[Literal, ...]] = []
    for other, its in ranked:
        columns = {x.condition.column for x in other}
        if len(other) > len(some) or columns <= mine or any(columns == {x.condition.column for x in f} for f in found):
            continue
        shared = (bits & its & rows).bit_count()
        if shared >= _SAME * ((bits | its) & rows).bit_count():
            found.append(other)
    return tuple(found[:3])


def _bits(flags: pa.Array | pa.ChunkedArray) -> int:
    """A column of truth values as one integer: Arrow keeps it as bits already."""
    whole = flags.combine_chunks() if isinstance(flags, pa.ChunkedArray) else flags
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    packed = pa.concat_arrays([whole])
    number: int = int.from_bytes(packed.buffers()[1].to_pybytes(), "little") >> packed.offset
    return number & ((1 << len(packed)) - 1)
