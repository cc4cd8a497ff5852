"""The course of following a table: a snapshot is planned, made and landed; then come the changes, slice by slice.

Each of these is a slice with a position, so that whatever ends the process, the next one goes on from what is in
the lake. A plan that was not carried out is carried out anew; a new generation begins with a plan again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from cityloom.collect.base import OPERATION, POSITION, ROW, Remark, Slice
from cityloom.collect.changes.journal import Cut, Cutter, Filled, Reader, ReshapedError, RewrittenError
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.patience import Patience
from cityloom.collect.changes.snapshot import Snapshot
from cityloom.collect.changes.state import OPEN, PLANNED, RESET, START, State, newest, position_before
from cityloom.kernel.errors import DataError, SourceError
from cityloom.kernel.ids import stable_id

_PREFIX = "log:"
_PASSING = ("collect.source.unreachable", "collect.source.cut", "collect.source.busy", "collect.log.busy")
"""What may pass by itself while a table is followed."""


class Side(Protocol):
    """What a kind of database brings to it."""

    @property
    def table(self) -> TableName:
        """Name of the table."""
        ...

    def plan(self, before: State | None) -> tuple[dict[str, Any], Sequence[str]]:
        """Facts of a new snapshot that is to be made, and the columns of the table."""
        ...

    def snapshot(self, planned: State) -> AbstractContextManager[Snapshot]:
        """Make the snapshot."""
        ...

    def reader(self, state: State) -> AbstractContextManager[tuple[Reader, int]]:
        """A reader of the log from a place on, and where the log ends now.

        Raises:
            SourceError: ``collect.log.lost``.
        """
        ...


@dataclass(frozen=True)
class Planned:
    """What a slice without rows holds: the columns, and why the table is taken anew, if it is."""

    columns: Sequence[str]
    reason: str = ""


class _Way:
    """How far the course has come: ``is_new`` where a new generation is to begin, for a ``reason`` if it was rewritten."""

    def __init__(self, course: Course, known: State | None, is_new: bool) -> None:
        self._course, self.is_new = course, is_new
        self.state = known or State(generation=0, phase=PLANNED)
        self.reason = ""

    def plan(self) -> Slice:
        """The slice that says what is about to be made."""
        facts, columns = self._course.side.plan(self.state if self.state.generation else None)
        self.state = State(generation=self.state.generation + 1, phase=PLANNED, facts=facts)
        self.is_new = False
        return self._slice(Planned(columns, self.reason))

    def snapshot(self, found: Snapshot) -> Slice:
        """The slice of the rows."""
        self.state = replace(self.state, phase=OPEN, place=found.place, facts=found.facts)
        return self._slice(found)

    def _slice(self, held: Any) -> Slice:
        text = self.state.text()
        return Slice(origin=self._course.origin, digest=f"{self.state.phase}:{stable_id('s', text)}", position=text, held=held)


@dataclass(frozen=True, kw_only=True)
class Course:
    """Follows one table.

    Args:
        side: the database's.
        cut: when a slice of changes ends.
        is_strict: whether rows that changed beside the log stop it; else they begin a new generation.
    """

    side: Side
    cut: Cut
    is_strict: bool

    def run(
        self, done: Mapping[str, str], stop: Callable[[], bool] | None = None, *, again: bool = False
    ) -> Iterator[Slice]:
        """The slices that come next, up to the end of the log or until ``stop()``.

        Args:
            done: positions of what landed.
            stop: says when to end.
            again: begin with a new snapshot.
        """
        known = self._known(done, again)
        way = _Way(self, known, again or known is None)
        patience = Patience()
        while True:
            try:
                yield from self._go(way, stop, patience)
                return
            except ReshapedError:
                continue
            except RewrittenError as change:
                if self.is_strict:
                    raise _rewritten(self.side.table, change.what) from None
                way.is_new, way.reason = True, change.what
            except SourceError as error:
                if stop is None or error.code not in _PASSING:
                    raise
                if not patience.wait(stop):
                    if stop():
                        return
                    raise

    def _go(self, way: _Way, stop: Callable[[], bool] | None, patience: Patience) -> Iterator[Slice]:
        """Go on from where the way is, as far as the link holds."""
        if way.is_new:
            yield way.plan()
        if way.state.phase == PLANNED:
            with self.side.snapshot(way.state) as found:
                yield way.snapshot(found)
        with self.side.reader(way.state) as (reader, target):
            patience.begin()
            cutter = Cutter(reader, self.origin, way.state, self.cut)
            try:
                yield from cutter.run(target, stop)
            finally:
                way.state = cutter.state

    @property
    def origin(self) -> str:
        """Of its slices."""
        return f"{_PREFIX}{self.side.table}"

    def _known(self, done: Mapping[str, str], again: bool) -> State | None:
        found = newest({o: p for o, p in done.items() if o.startswith(_PREFIX)})
        if found is None:
            return None
        origin, state = found
        if origin != self.origin and not again:
            raise SourceError(
                "collect.log.other",
                "The resource has followed {before}, and its task now names {table}.",
                hint="If this is meant, take the table anew: `cityloom collect renew` and its name.",
                before=origin.removeprefix(_PREFIX),
                table=str(self.side.table),
            )
        return state


def read(piece: Slice) -> Iterator[pa.RecordBatch]:
    """The rows of a slice of a course."""
    held = piece.held
    if isinstance(held, Planned):
        yield _placed(_nothing(held.columns, 0), RESET, "", 1)
    elif isinstance(held, Filled):
        yield from held.journal.spool.batches(held.reader.columns)
    else:
        yield from _snapshot(held, State.of(piece.position or ""))


def count(piece: Slice) -> int:
    """How many rows a slice of a course has, as the database counts them."""
    held = piece.held
    if isinstance(held, Planned):
        return 0
    if isinstance(held, Filled):
        return held.journal.changes
    return int(held.count()) + 1


def settle(piece: Slice) -> None:
    """Tell the reader that a slice is in the lake."""
    if isinstance(piece.held, Filled):
        piece.held.reader.settle(State.of(piece.position or "").place)


def remarks(piece: Slice) -> list[Remark]:
    """What stood out in a slice: why the table is taken anew."""
    held = piece.held
    if isinstance(held, Planned) and held.reason:
        return [Remark("collect.log.rewritten", f"The table is taken anew: {held.reason}, and its log does not tell the rows.")]
    return []


def _snapshot(found: Snapshot, state: State) -> Iterator[pa.RecordBatch]:
    """A row that resets the table, then its rows."""
    before = position_before(state.generation, found.place - 1)
    yield _placed(_nothing(found.names, 1), RESET, before, 1)
    row = 2
    for batch in found.rows():
        yield _placed(batch, START, before, row)
        row += batch.num_rows


def _nothing(names: Sequence[str], rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(rows, pa.string()) for _ in names], names=list(names))


def _placed(batch: pa.RecordBatch, operation: str, prefix: str, row: int) -> pa.RecordBatch:
    """Rows with operation, position and number."""
    count = batch.num_rows
    numbers = pa.array(range(row, row + count), pa.int64())
    padded = pc.utf8_lpad(pc.cast(numbers, pa.string()), 10, "0")
    places = pc.binary_join_element_wise(pa.scalar(prefix), padded, pa.scalar(""))
    arrays = [*batch.columns, pa.repeat(pa.scalar(operation), count), places, numbers]
    return pa.RecordBatch.from_arrays(arrays, names=[*batch.schema.names, OPERATION, POSITION, ROW])


def _rewritten(table: TableName, what: str) -> DataError:
    return DataError(
        "collect.log.rewritten",
        "{table}: {what}, and the log does not tell the rows that this changed.",
        hint="Adapt the resource's items, then take the table anew: `cityloom collect renew` and its name. With the drift policy accept or quarantine this happens by itself.",
        table=str(table),
        what=what,
    )
