"""Fusion error on data whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column
from cityloom.fuse.contribute import alias

OBJECTS_A_PART = 250_000
"""How many true objects are compared in one join: memory does not grow with them."""
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Golden records against the truth.

    ``shares`` maps each attribute to the share (0 to 1) of true objects whose value is not the true one (an
    object that is missing is wrong in every attribute); ``objects`` true objects, ``missing`` those without
    golden record, ``extra`` golden records of no true object.
    """

    shares: Mapping[str, float]
    objects: int
    missing: int
    extra: int

    @property
    def error(self) -> float:
        """The mean share over all attributes."""
        return sum(self.shares.values()) / len(self.shares) if self.shares else 0.0


def errors(
    engine: Engine, golden: exp.Expression, truth: exp.Expression, key: str, attributes: Sequence[str]
) -> Accuracy:
    """Compare golden records with the truth, a part of the keys at a time; two NULLs are equal.

    Values are compared by 64-bit digests, so the join stays narrow; where the truth is a number, as numbers.

    Args:
        engine: what computes.
        golden: relation of golden records.
        truth: relation of true records, one an object.
        key: key column of both.
        attributes: columns of both.
    """
    types = engine.columns(exp.select("*").from_(truth))
    numeric = {a for a in attributes if types[a].upper().startswith(_NUMBERS)}
    picks = [alias(column(key), "k"), *[alias(_digest(a, a in numeric), f"a{n}") for n, a in enumerate(attributes)]]
    wrong = [
        sql(f"count(*) FILTER (t.k IS NOT NULL AND (g.k IS NULL OR g.a{n} <> t.a{n}))") for n, _ in enumerate(attributes)
    ]
    counts = [sql("count(t.k)"), sql("count(*) FILTER (g.k IS NULL)"), sql("count(*) FILTER (t.k IS NULL)")]
    (size,) = engine.rows(exp.select("count(*)").from_(truth))[0]
    parts = max(1, -(-size // OBJECTS_A_PART))
    totals = [0] * (len(counts) + len(wrong))
    for part in range(parts):
        some = sql("hash(:key) % :parts = :part", key=column(key), parts=parts, part=part)
        joined = sql(
            "SELECT 1 FROM :g AS g FULL JOIN :t AS t ON g.k = t.k",
            g=exp.Subquery(this=exp.select(*picks).from_(golden).where(some)),
            t=exp.Subquery(this=exp.select(*picks).from_(truth).where(some)),
        ).assert_is(exp.Select)
        found = engine.rows(joined.select(*counts, *wrong, append=False))[0]
        totals = [total + int(more) for total, more in zip(totals, found, strict=True)]
    objects, missing, extra, *failed = totals
    shares = {a: (f / objects if objects else 0.0) for a, f in zip(attributes, failed, strict=True)}
    return Accuracy(shares=shares, objects=objects, missing=missing, extra=extra)


def _digest(name: str, is_number: bool) -> exp.Expression:
    kind = "DOUBLE" if is_number else "VARCHAR"
    return sql(f"hash(try_cast(:c AS {kind}))", c=column(name))
