"""The figures of receipts as a database computes them by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cityloom.collect.databases.base import Column, Session
from cityloom.lake.receipts import PORTABLE, SEPARATOR, add, key_name
from cityloom.model.batch import ColumnFigures

_AT_ONCE = 200
"""Columns whose figures one query takes: three results each, and databases allow some 1,600."""


@dataclass(frozen=True)
class Proven:
    """The rows that a database is to prove: those of ``where``; ``extra`` ones were picked from it by us."""

    session: Session
    relation: str
    columns: Sequence[Column]
    where: str
    extra: Sequence[pa.RecordBatch]

    def query(self, picks: Sequence[str]) -> str:
        """A query for aggregates over the rows."""
        return f"SELECT {', '.join(picks)} FROM {self.relation} src" + (f" WHERE {self.where}" if self.where else "")


def prove(proven: Proven) -> dict[str, ColumnFigures]:
    """The figures of all columns, by name."""
    session = proven.session
    found: list[ColumnFigures] = []
    for start in range(0, len(proven.columns), _AT_ONCE):
        some = proven.columns[start : start + _AT_ONCE]
        row = session.one(proven.query([a for c in some for a in session.figures(session.shown(c))]))
        found += [_figures(c.name, *row[3 * n : 3 * n + 3]) for n, c in enumerate(some)]
    extra = [_figures_of(n, b.column(n).to_pylist()) for b in proven.extra for n in b.schema.names]
    return {one.column: one for one in add([tuple(found), *((one,) for one in extra)])}


def prove_key(proven: Proven, key: Sequence[str]) -> ColumnFigures:
    """The figures of several columns taken together."""
    session, name = proven.session, key_name(key)
    by_name = {c.name: c for c in proven.columns}
    together = session.joined([session.shown(by_name[k]) for k in key])
    found = [(_figures(name, *session.one(proven.query(session.figures(together)))),)]
    for batch in proven.extra:
        rows = zip(*(batch.column(k).to_pylist() for k in key), strict=True)
        found.append((_figures_of(name, [SEPARATOR.join(p or "" for p in row) for row in rows]),))
    return add(found)[0]


def _figures(name: str, filled: Any, size: Any, digest: Any) -> ColumnFigures:
    return ColumnFigures(column=name, filled=int(filled), characters=int(size), digest=f"{PORTABLE}:{int(digest):x}")


def _figures_of(name: str, values: Sequence[str | None]) -> ColumnFigures:
    texts = [v.encode() for v in values if v is not None]
    digest = sum(int(hashlib.md5(t, usedforsecurity=False).hexdigest()[:15], 16) for t in texts)
    return _figures(name, len(texts), sum(map(len, texts)), digest)
