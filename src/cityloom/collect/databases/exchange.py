"""Table exchange: a table or a query of a database as one slice, read in one snapshot, proven by the source."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice, TableShape
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import Column, Session, column_figures
from cityloom.collect.databases.spool import TextSpool
from cityloom.collect.databases.window import Marker, Window, count, late_rows, load
from cityloom.collect.periods import Span, no_days
from cityloom.collect.table import require_header
from cityloom.kernel.errors import ConfigError
from cityloom.lake.receipts import SEPARATOR, add, key_name
from cityloom.model.batch import ColumnFigures

_PROVED_AT_ONCE = 200
"""Columns whose figures one query takes: three results each, and databases allow some 1,600."""


@dataclass(frozen=True)
class Target:
    """What is read: a relation for the FROM of a query, its columns, and the order of its rows."""

    relation: str
    columns: list[Column]
    order: str


@dataclass
class Held:
    """A slice between its description and its landing; ``extra`` are rows taken beside those of ``where``."""

    session: Session
    target: Target
    where: str
    count: int
    extra: list[pa.RecordBatch]
    pool: ThreadPoolExecutor
    spool: TextSpool | None = None
    proof: Future[dict[str, ColumnFigures]] | None = None


@dataclass(frozen=True, kw_only=True)
class TableExchange:
    """The fields of every task on a database, and what follows from them. See the plug-ins for their meaning."""

    table: str = ""
    query: str = ""
    order: tuple[str, ...] = ()
    marker: str = ""
    overlap: float = 0.0
    binary: Literal["refuse", "hex"] = "refuse"
    base: Path = Path()

    @abstractmethod
    def _open(self) -> Session:
        """A session in a snapshot of its own."""

    def check(self) -> None:
        """Show that the database answers and gives the table to this user."""
        with self._open() as session:
            if self.table or self.query:
                self._target(session)

    def tables(self) -> Iterator[TableShape]:
        """Every table that holds data of its own."""
        with self._open() as session:
            yield from session.shapes()

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice: all rows, or those that are new since the last position; none when there are none."""
        last = load(done.get(self._origin))
        with self._reading() as (session, target, stack):
            marker = self._marker(session, target)
            window = marker.open(last) if marker else None
            if window and window.late:
                error = late_rows(session.place, self.marker, window.late)
                yield Slice(origin=self._origin, digest=f"late:{window.late}", error=error)
            extra = [*marker.left_over(window)] if marker and window and window.near else []
            where = window.where if window else ""
            rows = window.fresh if window else count(session, target.relation, "")
            if window and last and not rows and not extra and window.next == last:
                return
            yield self._slice(stack, Held(session, target, where, rows, extra), window.next if window else None, last)

    def again(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """All rows, in the place of all that landed before; the next run goes on from them."""
        return self.slices({})

    def between(self, start: date, end: date) -> Iterator[Slice]:
        """The rows whose marker, a date or time, lies in the days from ``start`` up to and not including ``end``."""
        with self._reading() as (session, target, stack):
            column = next((c for c in target.columns if c.name == self.marker), None)
            if column is None or column.kind not in MOMENTS:
                raise no_days(session.place, self.marker)
            first, after = (session.literal(column, day.isoformat()) for day in (start, end))
            name = f"src.{session.quote(column.name)}"
            where = f"{name} >= {first} AND {name} < {after}"
            held = Held(session, target, where, count(session, target.relation, where), [])
            yield self._slice(stack, held, None, None, Span(start, end).origin(self._origin))

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows as they were taken off the source, while it computes their figures."""
        held: Held = piece.held
        if self.is_proving and held.pool and not held.proof:
            held.proof = held.pool.submit(_prove, held)
        yield from held.spool.batches()

    def count(self, piece: Slice) -> int:
        """The database's own count, in the snapshot that the rows are from."""
        held: Held = piece.held
        return held.count

    @property
    def is_proving(self) -> bool:
        """Whether the database computes the receipt's figures."""
        return False

    @property
    def _schema(self) -> str:
        """Of the table; empty for the usual one."""
        return ""

    def prove(self, piece: Slice, columns: Sequence[str], key: Sequence[str]) -> tuple[ColumnFigures, ...]:
        """The figures that the database computed over what it has in the same snapshot."""
        held: Held = piece.held
        found = held.proof.result() if held.proof else _prove(held)
        figures = [found[name] for name in columns]
        if len(key) == 1:
            figures.append(ColumnFigures(**{**vars(found[key[0]]), "column": key_name(key)}))
        elif key:
            figures.append(_prove_key(held, key))
        return tuple(figures)

    # -- inside ----------------------------------------------------------------------------------------

    @property
    def _origin(self) -> str:
        return ".".join(n for n in (self._schema, self.table) if n) if self.table else "query"

    def _target(self, session: Session) -> Target:
        if bool(self.table) == bool(self.query):
            raise ConfigError(
                "collect.database.what",
                "Name either a table or a query of {place}.",
                hint="Set exactly one of the options table and query.",
                place=session.place,
            )
        if self.table:
            relation = session.relation(self._schema, self.table)
        else:
            relation = session.derived(self.query.strip().rstrip(";"))
        columns = session.describe(relation)
        names = [c.name for c in columns]
        require_header(names, f"{session.place}, {self._origin}")
        blobs = [c.name for c in columns if c.kind == "binary"]
        if blobs and self.binary == "refuse":
            raise failures.binary(f"{session.place}, {self._origin}", blobs)
        return Target(relation, columns, self._order(session, relation, names))

    def _days(self, session: Session, target: Target, span: Span) -> str:
        """The condition for rows of a span of days.

        Raises:
            ConfigError: ``collect.period.marker``.
        """
        column = next((c for c in target.columns if c.name == self.marker), None)
        first, last = (
            session.day(column, day, target.relation) if column else None for day in (span.start, span.end)
        )
        if column is None or first is None or last is None:
            raise no_days(session.place, self.marker)
        name = session.quote(column.name)
        return f"{name} >= {first} AND {name} < {last}"

    def _order(self, session: Session, relation: str, names: Sequence[str]) -> str:
        for name in (*self.order, *([self.marker] if self.marker else [])):
            if name not in names:
                raise failures.unordered(f"{session.place}, {self._origin}", name, names)
        chosen: Sequence[str] = self.order
        if not chosen and self.table:
            chosen = session.primary_key(self._schema, self.table)
        if not chosen and self.marker:
            chosen = [self.marker]
        if chosen:
            return ", ".join(session.quote(name) for name in chosen)
        return session.physical_order(relation) if self.table else ""

    def _marker(self, session: Session, target: Target) -> Marker | None:
        if not self.marker:
            return None
        column = next(c for c in target.columns if c.name == self.marker)
        return Marker(
            session=session, relation=target.relation, column=column, columns=target.columns, overlap=self.overlap
        )

    @contextmanager
    def _reading(self) -> Iterator[tuple[Session, Target, ExitStack]]:
        """A session on the task's rows; with it ends what else is entered."""
        with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
            session = stack.enter_context(self._open())
            stack.callback(pool.shutdown, wait=False, cancel_futures=True)
            yield session, self._target(session), stack

    def _slice(
        self, stack: ExitStack, held: Held, position: Position | None, last: Position | None, origin: str = ""
    ) -> Slice:
        """Take the rows off the source."""
        spool = held.spool = stack.enter_context(closing(TextSpool([c.name for c in held.target.columns])))
        rest = f"FROM {held.target.relation} src" + (f" WHERE {held.where}" if held.where else "")
        rest += f" ORDER BY {held.target.order}" if held.target.order else ""
        try:
            for batch in (*held.extra, *()):
                held.count += batch.num_rows
                spool.add(batch)
            for batch in held.session.stream(held.target.columns, rest):
                spool.add(batch)
        except OSError as error:
            raise failures.broken(self._origin, error) from None
        if not self.is_proving:
            held.session.close()
        mark = position.dump() if position else None
        return Slice(
            origin=origin or self._origin,
            digest=spool.digest(*([mark] if mark else [])),
            size=spool.size,
            position=mark,
            is_whole=mark is not None and last is None,
            held=held,
        )


def _prove(held: Held) -> dict[str, ColumnFigures]:
    """The figures of all columns by name."""
    session, columns = held.session, held.target.columns
    found: list[ColumnFigures] = []
    for start in range(0, len(columns), _PROVED_AT_ONCE):
        some = columns[start : start + _PROVED_AT_ONCE]
        row = session.one(_query(held, [a for c in some for a in session.figures(session.shown(c))]))
        found += [column_figures(c.name, *row[3 * n : 3 * n + 3]) for n, c in enumerate(some)]
    extra = [_figures_of(n, b.column(n).to_pylist()) for b in held.extra for n in b.schema.names]
    return {one.column: one for one in add([tuple(found), *((one,) for one in extra)])}


def _prove_key(held: Held, key: Sequence[str]) -> ColumnFigures:
    """The figures of several columns taken together."""
    session, name = held.session, key_name(key)
    by_name = {c.name: c for c in held.target.columns}
    together = session.joined([session.shown(by_name[k]) for k in key])
    found = column_figures(name, *session.one(_query(held, session.figures(together))))
    extra = []
    for batch in held.extra:
        parts = zip(*(batch.column(k).to_pylist() for k in key), strict=True)
        extra.append((_figures_of(name, [SEPARATOR.join(p or "" for p in row) for row in parts]),))
    return add([(found,), *extra])[0]


def _figures_of(name: str, values: Sequence[str | None]) -> ColumnFigures:
    texts = [v.encode() for v in values if v is not None]
    digest = sum(int(hashlib.md5(t, usedforsecurity=False).hexdigest()[:15], 16) for t in texts)
    return column_figures(name, len(texts), sum(map(len, texts)), digest)


def _query(held: Held, picks: Sequence[str]) -> str:
    return f"SELECT {', '.join(picks)} FROM {held.target.relation}" + (f" WHERE {held.where}" if held.where else "")
