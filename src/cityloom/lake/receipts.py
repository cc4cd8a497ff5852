"""Figures that prove two sets of rows equal without keeping them: counts and digest sums per column and of the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.model.batch import ColumnFigures

PORTABLE = "md5"
"""Digests that any database can compute: the first 60 bits of a value's MD5, as text in UTF-8."""
SEPARATOR = "\x1f"
"""Between the parts of a key; an empty part stands for NULL."""


def measure(
    engine: Engine,
    relation: exp.Expression,
    columns: Sequence[str],
    key: Sequence[str] = (),
    *,
    is_portable: bool = False,
) -> tuple[int, tuple[ColumnFigures, ...]]:
    """Rows and figures of each text column of a relation, in one scan, independent of the order of rows.

    Args:
        engine: computes them.
        relation: the rows.
        columns: their text columns.
        key: columns whose values together name a row: one more figure, named by :func:`key_name`.
        is_portable: digests that a source database can compute too (``md5:``), dearer than the engine's own
            64-bit hashes, which are marked with its name: figures of two engines are not compared.
    """
    row = engine.rows(query(relation, columns, key, is_portable=is_portable))[0]
    return figures(row, columns, key, PORTABLE if is_portable else engine.name)


def query(
    relation: exp.Expression, columns: Sequence[str], key: Sequence[str] = (), *, is_portable: bool = False
) -> exp.Select:
    """The query of :func:`measure`, for who asks it many times."""
    valued = [exp.column(c, quoted=True) for c in columns] + ([_together(key)] if key else [])
    picks: list[Any] = [exp.alias_(exp.Count(this=exp.Star()), "n")]
    picks += [pick for value in valued for pick in _figures(value, is_portable)]
    return exp.select(*picks).from_(exp.alias_(relation, "r") if isinstance(relation, exp.Subquery) else relation)


def figures(
    row: Sequence[Any], columns: Sequence[str], key: Sequence[str], mark: str
) -> tuple[int, tuple[ColumnFigures, ...]]:
    """Rows and figures from the answer to :func:`query`; ``mark`` names the digests."""
    names = [*columns, *([key_name(key)] if key else [])]
    found = [
        ColumnFigures(
            column=name, filled=int(row[1 + 3 * i]), characters=int(row[2 + 3 * i]), digest=f"{mark}:{int(row[3 + 3 * i]):x}"
        )
        for i, name in enumerate(names)
    ]
    return int(row[0]), tuple(found)


def key_name(key: Sequence[str]) -> str:
    """How the figures of a key are named: ``[a, b]``."""
    return f"[{', '.join(key)}]"


def add(parts: Iterable[tuple[ColumnFigures, ...]]) -> tuple[ColumnFigures, ...]:
    """Figures of several sets of rows together."""
    total: dict[str, ColumnFigures] = {}
    for part in parts:
        for one in part:
            seen = total.get(one.column)
            total[one.column] = one if seen is None else _plus(seen, one)
    return tuple(total.values())


def _together(key: Sequence[str]) -> exp.Expression:
    if len(key) == 1:
        return exp.column(key[0], quoted=True)
    parts = [exp.func("coalesce", exp.column(name, quoted=True), exp.Literal.string("")) for name in key]
    return exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string(SEPARATOR), *parts])


def _figures(value: exp.Expression, is_portable: bool) -> list[exp.Expression]:
    digest = "CAST('0x' || substring(md5(:value), 1, 15) AS BIGINT)" if is_portable else "hash(:value)"
    texts = (
        "SELECT count(:value)",
        "SELECT coalesce(sum(strlen(:value)), 0)",
        f"SELECT coalesce(sum({digest}) FILTER (:value IS NOT NULL), 0)",
    )
    return [sql(text, value=value).expressions[0] for text in texts]


def _plus(a: ColumnFigures, b: ColumnFigures) -> ColumnFigures:
    engine, _, left = a.digest.partition(":")
    right = b.digest.partition(":")[2]
    return ColumnFigures(
        column=a.column,
        filled=a.filled + b.filled,
        characters=a.characters + b.characters,
        digest=f"{engine}:{int(left, 16) + int(right, 16):x}",
    )
