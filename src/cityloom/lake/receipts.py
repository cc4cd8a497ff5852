"""Figures that prove two sets of rows equal without keeping them: counts and digest sums per column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.model.batch import ColumnFigures


def measure(engine: Engine, relation: exp.Expression, columns: Sequence[str]) -> tuple[int, tuple[ColumnFigures, ...]]:
    """Rows and figures of each text column of a relation, in one scan, independent of the order of rows.

    The digest is the sum of the engine's 64-bit hashes, marked with the engine's name: figures of two
    engines are not compared.
    """
    picks: list[Any] = [exp.alias_(exp.Count(this=exp.Star()), "n")]
    for column in columns:
        ref = exp.column(column, quoted=True).sql(dialect="duckdb")
        picks += [
            sql(f"SELECT count({ref})").expressions[0],
            sql(f"SELECT coalesce(sum(strlen({ref})), 0)").expressions[0],
            sql(f"SELECT coalesce(sum(hash({ref})) FILTER ({ref} IS NOT NULL), 0)").expressions[0],
        ]
    row = engine.rows(exp.select(*picks).from_(exp.alias_(relation, "r") if isinstance(relation, exp.Subquery) else relation))[0]
    figures = [
        ColumnFigures(
            column=name, filled=int(row[1 + 3 * i]), characters=int(row[2 + 3 * i]), digest=_mark(engine, int(row[3 + 3 * i]))
        )
        for i, name in enumerate(columns)
    ]
    return int(row[0]), tuple(figures)


def add(parts: Iterable[tuple[ColumnFigures, ...]]) -> tuple[ColumnFigures, ...]:
    """Figures of several sets of rows together."""
    total: dict[str, ColumnFigures] = {}
    for part in parts:
        for one in part:
            seen = total.get(one.column)
            total[one.column] = one if seen is None else _plus(seen, one)
    return tuple(total.values())


def _plus(a: ColumnFigures, b: ColumnFigures) -> ColumnFigures:
    engine, _, left = a.digest.partition(":")
    right = b.digest.partition(":")[2]
    return ColumnFigures(
        column=a.column,
        filled=a.filled + b.filled,
        characters=a.characters + b.characters,
        digest=f"{engine}:{int(left, 16) + int(right, 16):x}",
    )


def _mark(engine: Engine, digest: int) -> str:
    return f"{engine.name}:{digest:x}"
