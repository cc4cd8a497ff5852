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

from cityloom.collect.base import OPERATION, POSITION, ROW, Slice
from cityloom.collect.changes.journal import Cutter, Filled, Limits, Reader, RewrittenError
from cityloom.collect.changes.patience import Patience
from cityloom.collect.changes.state import OPEN, PLANNED, RESET, State, newest
from cityloom.kernel.errors import DataError, SourceError
from cityloom.kernel.ids import stable_id

_PREFIX = "log:"
_PASSING = ("collect.source.unreachable", "collect.log.busy")
"""What may pass by itself while a table is followed."""


class Snapshot(Protocol):
    """The rows of a table as they are at one place of its log."""

    @property
    def place(self) -> int:
        """All changes before it are in the rows, all others in the log."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """What the reader of the log must find as it was."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        ...

    def count(self) -> int:
        """How many rows."""
        ...

    def rows(self) -> Iterator[Sequence[Sequence[str | None]]]:
        """The rows, some thousands at a time: for each column its values."""
        ...


class Side(Protocol):
    """What a kind of database brings to it."""

    @property
    def table(self) -> str:
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
        limits: of a slice of changes.
        is_strict: whether rows that changed beside the log stop it; else they begin a new generation.
    """

    side: Side
    limits: Limits
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
            cutter = Cutter(reader, self.origin, way.state, self.limits)
            try:
                yield from cutter.run(target, stop)
            finally:
                way.state = cutter.state

    @property
    def origin(self) -> str:
        """Of its slices."""
        return _PREFIX + self.side.table

    def _known(self, done: Mapping[str, str], again: bool) -> State | None:
        found = newest({o: p for o, p in done.items() if o.startswith(_PREFIX)})
        if found is None:
            return None
        origin, state = found
        if origin != self.origin and not again:
            raise SourceError(
                "collect.log.other",
                "The resource has followed {before}, and its task now names {table}.",
                hint="If this is meant, take the table anew: cityloom collect again RESOURCE.",
                before=origin.removeprefix(_PREFIX),
                table=self.side.table,
            )
        return state


def read(piece: Slice) -> Iterator[pa.RecordBatch]:
    """The rows of a slice of a course."""
    held = piece.held
    state = State.of(piece.position or "")
    if isinstance(held, Planned):
        yield _batch(held.columns, [()] * len(held.columns), "", "", 1)
    elif isinstance(held, Filled):
        yield from held.journal.spool.batches(held.reader.columns)
    else:
        yield from _snapshot(held, state)


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


def _snapshot(found: Snapshot, state: State) -> Iterator[pa.RecordBatch]:
    """A row that resets the table, then its rows."""
    before = f"{state.generation:04d}-{found.place - 1:016X}-"
    yield _batch(found.columns, [(None,)] * len(found.columns), RESET, before, 1)
    row = 2
    for values in found.rows():
        size = len(values[0])
        yield _batch(found.columns, values, "r", before, row, size)
        row += size


def _batch(
    columns: Sequence[str], values: Sequence[Sequence[str | None]], operation: str, prefix: str, row: int, size: int = -1
) -> pa.RecordBatch:
    size = len(values[0]) if size < 0 else size
    arrays = [pa.array(v, pa.string()) for v in values]
    arrays.append(pa.array([operation] * size, pa.string()))
    arrays.append(pa.array([f"{prefix}{n:010d}" for n in range(row, row + size)], pa.string()))
    arrays.append(pa.array(range(row, row + size), pa.int64()))
    return pa.RecordBatch.from_arrays(arrays, names=[*columns, OPERATION, POSITION, ROW])


def _rewritten(table: str, what: str) -> DataError:
    return DataError(
        "collect.log.rewritten",
        "{table}: {what}, and the log does not tell the rows that this changed.",
        hint="Adapt the resource's items, then take the table anew: cityloom collect again RESOURCE. With the drift policy accept or quarantine this happens by itself.",
        table=table,
        what=what,
    )
