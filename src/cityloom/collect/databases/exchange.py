"""Table exchange: a table or a query of a database as one slice, read in one snapshot, proven by the source."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice, TableShape
from cityloom.collect.databases import failures, live
from cityloom.collect.databases.base import Column, Session
from cityloom.collect.databases.proof import Proven, prove, prove_key
from cityloom.collect.databases.spool import TextSpool
from cityloom.collect.databases.window import Marker, Position, count, late_rows, load
from cityloom.collect.periods import Span, no_days
from cityloom.collect.table import require_header
from cityloom.collect.virtual import Estimate, Question
from cityloom.kernel.behind import Behind
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.lake.receipts import key_name
from cityloom.model.batch import ColumnFigures


@dataclass(frozen=True)
class Target:
    """What is read: a relation for the FROM of a query (where it is called ``src``), its columns, and their order."""

    relation: str
    columns: list[Column]
    order: str


@dataclass(frozen=True)
class Reading:
    """A session on a task's rows, perhaps a twin of it that proves them meanwhile, and what ends with it."""

    session: Session
    twin: Session | None
    target: Target
    stack: ExitStack
    pool: ThreadPoolExecutor


@dataclass
class Held:
    """A slice between its description and its landing: the rows of ``where``, and beside them ``extra``."""

    reading: Reading
    where: str
    count: int
    extra: list[pa.RecordBatch] = field(default_factory=list)
    spool: TextSpool | None = None
    proof: Future[dict[str, ColumnFigures]] | None = None

    def proven(self, session: Session) -> Proven:
        """What the database is to prove."""
        target = self.reading.target
        return Proven(session, target.relation, target.columns, self.where, self.extra)


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

    def estimate(self, question: Question, seconds: float) -> Estimate:
        """What a live query would cost the database, by its own planner."""
        with self._asking(seconds) as (session, target):
            return live.estimate(session, target.relation, target.columns, question, seconds)

    def ask(self, question: Question, seconds: float) -> Iterator[pa.RecordBatch]:
        """The rows of a live query."""
        with self._asking(seconds) as (session, target):
            yield from live.ask(session, target.relation, target.columns, question, seconds)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice: all rows, or those that are new since the last position; none when there are none."""
        last = load(done.get(self._origin))
        with self._reading() as reading:
            session, relation = reading.session, reading.target.relation
            if not self.marker:
                yield self._slice(Held(reading, "", count(session, relation, "")))
                return
            marker = self._marker(reading)
            window = marker.open(last)
            if window.late:
                error = late_rows(session.place, self.marker, window.late)
                yield Slice(origin=self._origin, digest=f"late:{window.late}", error=error)
            extra = list(marker.left_over(window)) if window.near else []
            if last and not window.fresh and not extra and window.next == last:
                return
            held = Held(reading, window.where, window.fresh + sum(b.num_rows for b in extra), extra)
            yield self._slice(held, position=window.next, is_whole=last is None)

    def again(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """All rows, in the place of all that landed before; the next run goes on from them."""
        return self.slices({})

    def between(self, start: date, end: date) -> Iterator[Slice]:
        """The rows whose marker, a date, a time or ISO text, lies in the days from ``start`` up to and not including ``end``."""
        with self._reading() as reading:
            session, target = reading.session, reading.target
            column = next((c for c in target.columns if c.name == self.marker), None)
            first, after = (session.day(column, day, target.relation) if column else None for day in (start, end))
            if column is None or first is None or after is None:
                raise no_days(session.place, self.marker)
            name = f"src.{session.quote(column.name)}"
            where = f"{name} >= {first} AND {name} < {after}"
            held = Held(reading, where, count(session, target.relation, where))
            yield self._slice(held, origin=Span(start, end).origin(self._origin))

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows as they were taken off the source, while it computes their figures."""
        held: Held = piece.held
        if self.is_proving and held.proof is None:
            held.proof = held.reading.pool.submit(prove, held.proven(held.reading.session))
        yield from held.spool.batches() if held.spool else ()

    def count(self, piece: Slice) -> int:
        """The database's own count, in the snapshot that the rows are from."""
        held: Held = piece.held
        return held.count

    @property
    def is_proving(self) -> bool:
        """Whether the database computes the receipt's figures."""
        return False

    def prove(self, piece: Slice, columns: Sequence[str], key: Sequence[str]) -> tuple[ColumnFigures, ...]:
        """The figures that the database computed over what it has in the same snapshot."""
        held: Held = piece.held
        found = self._proof(held)
        figures = [found[name] for name in columns]
        if len(key) == 1:
            figures.append(ColumnFigures(**{**vars(found[key[0]]), "column": key_name(key)}))
        elif key:
            figures.append(prove_key(held.proven(held.reading.session), key))
        return tuple(figures)

    # -- inside ----------------------------------------------------------------------------------------

    @property
    def _schema(self) -> str:
        """Of the table; empty for the usual one."""
        return ""

    @property
    def _origin(self) -> str:
        return ".".join(n for n in (self._schema, self.table) if n) if self.table else "query"

    @contextmanager
    def _asking(self, seconds: float) -> Iterator[tuple[Session, Target]]:
        """A session for a live query; one on a server ends it by itself after so many seconds."""
        known = {f.name for f in fields(self)}
        limits: dict[str, Any] = {"timeout_seconds": seconds} if "timeout_seconds" in known else {}
        with live.limited(seconds), replace(self, **limits)._open() as session:
            yield session, self._target(session)

    @contextmanager
    def _reading(self) -> Iterator[Reading]:
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(1))
            session = stack.enter_context(self._open())
            twin = session.twin() if self.is_proving else None
            if twin:
                stack.enter_context(twin)
            yield Reading(session, twin, self._target(session), stack, pool)

    def _proof(self, held: Held) -> dict[str, ColumnFigures]:
        """What the database said, or says now when the twin was lost on the way."""
        if held.proof is not None:
            try:
                return held.proof.result()
            except SourceError:
                if held.reading.twin is None:
                    raise
        return prove(held.proven(held.reading.session))

    def _slice(
        self, held: Held, *, origin: str = "", position: Position | None = None, is_whole: bool = False
    ) -> Slice:
        """Take the rows off the source, and let it go where it need not prove them."""
        session, target = held.reading.session, held.reading.target
        spool = held.reading.stack.enter_context(closing(TextSpool([c.name for c in target.columns])))
        rest = f"FROM {target.relation} src" + (f" WHERE {held.where}" if held.where else "")
        rest += f" ORDER BY {target.order}" if target.order else ""
        if held.reading.twin:
            held.proof = held.reading.pool.submit(prove, held.proven(held.reading.twin))
        try:
            with Behind(spool.add) as add:
                for batch in chain(held.extra, session.stream(target.columns, rest)):
                    add(batch)
        except OSError as error:
            raise failures.broken(self._origin, error) from None
        if not self.is_proving:
            session.close()
        held.spool = spool
        mark = position.dump() if position else None
        return Slice(
            origin=origin or self._origin,
            digest=spool.digest(*([mark] if mark else [])),
            size=spool.size,
            position=mark,
            is_whole=mark is not None and is_whole,
            held=held,
        )

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
            relation = f"({self.query.strip().rstrip(';')})"
        columns = session.describe(relation)
        names = [c.name for c in columns]
        require_header(names, f"{session.place}, {self._origin}")
        blobs = [c.name for c in columns if c.kind == "binary"]
        if blobs and self.binary == "refuse":
            raise failures.binary(f"{session.place}, {self._origin}", blobs)
        return Target(relation, columns, self._order(session, relation, names))

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
            return ", ".join(f"src.{session.quote(name)}" for name in chosen)
        return session.physical_order(relation) if self.table else ""

    def _marker(self, reading: Reading) -> Marker:
        target = reading.target
        column = next(c for c in target.columns if c.name == self.marker)
        return Marker(
            session=reading.session,
            relation=target.relation,
            column=column,
            columns=target.columns,
            overlap=self.overlap,
        )
