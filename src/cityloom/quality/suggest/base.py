"""What a suggested rule is, and what it is suggested from: a sample of the table's rows with counts of their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.base import BLANKS, STAND_INS
from cityloom.quality.items import one_of

ROWS = 20_000
"""Rows that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A rule that nobody declared: the rule, how many rows it judges and finds wrong, and why it is suggested.

    ``confidence`` from 0 to 1 ranks suggestions: how sure it is that what breaks the rule is an error.
    """

    use: RuleUse
    checked: int
    broken: int
    confidence: float
    reason: Title

    @property
    def share(self) -> float:
        """Share of the judged rows that keep the rule."""
        return 1 - self.broken / self.checked if self.checked else 1.0


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A suggestion before it is checked on all rows: the rule, its confidence and the reason."""

    use: RuleUse
    confidence: float
    reason: Title


@dataclass(frozen=True)
class Sample:
    """Some rows of a table: its columns as texts, NULL where a value is missing; ``stood`` counts the stand-ins."""

    rows: pa.Table
    missing: Mapping[str, int]
    stood: Mapping[str, Counter[str]]
    total: int

    @property
    def size(self) -> int:
        """Rows in the sample."""
        return int(self.rows.num_rows)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Columns with a value at all."""
        return tuple(name for name in self.rows.column_names if self.counts[name])

    @cached_property
    def codes(self) -> Mapping[str, pa.DictionaryArray]:
        """By column its values as numbers."""
        return {name: self.rows[name].combine_chunks().dictionary_encode() for name in self.names}

    @cached_property
    def often(self) -> Mapping[str, pa.Array]:
        """By column which rows have a value that stands at least three times."""
        found = {}
        for name, codes in self.codes.items():
            enough = pa.array([self.counts[name][word] >= 3 for word in codes.dictionary.to_pylist()])
            found[name] = pc.take(enough, codes.indices)
        return found

    @cached_property
    def counts(self) -> Mapping[str, Counter[str]]:
        """By column how many rows have each value."""
        return {name: _counts(self.rows[name]) for name in self.rows.column_names}


def sample(engine: Engine, relation: exp.Expression, columns: Mapping[str, exp.Expression]) -> Sample:
    """Rows that their content chooses at random; all where there are few.

    Args:
        engine: reads them.
        relation: the rows.
        columns: by item its value as a text term over the relation.
    """
    total = int(engine.rows(exp.select(sql("count(*)")).from_(relation.copy()))[0][0])
    query = exp.select(*(exp.alias_(term.copy(), name, quoted=True) for name, term in columns.items()))
    query = query.from_(relation.copy())
    if total > ROWS:
        query = query.where(one_of(list(columns.values()), total // ROWS))
    batches = list(engine.batches(query))
    if not batches:
        return Sample(pa.table({name: pa.array([], pa.string()) for name in columns}), {}, {}, total)
    rows = pa.Table.from_batches(batches)
    stood = {name: Counter({v: n for v, n in _counts(rows[name]).items() if v in STAND_INS}) for name in columns}
    cleared = pa.table({name: _cleared(rows[name]) for name in columns})
    return Sample(cleared, {name: int(cleared[name].null_count) for name in columns}, stood, total)


def share(part: float, whole: float) -> str:
    """A share as a reader sees it: ``97.5 %``."""
    return f"{100 * part / whole:.3g} %" if whole else "-"


def _counts(values: pa.ChunkedArray) -> Counter[str]:
    found = pc.value_counts(values)
    return Counter({v: n for v, n in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True) if v is not None})


def _cleared(values: pa.ChunkedArray) -> pa.ChunkedArray:
    values = values.cast(pa.string())
    trimmed = pc.utf8_trim(values, BLANKS)
    missing = pc.or_kleene(pc.equal(trimmed, ""), pc.is_in(values, pa.array(STAND_INS)))
    return pc.if_else(pc.fill_null(missing, True), pa.scalar(None, pa.string()), values)
