"""Changes of whole transactions, cut into slices by number and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cityloom.collect.base import Slice
from cityloom.collect.changes.spool import ChangeSpool, Value
from cityloom.collect.changes.state import State, position_before
from cityloom.collect.databases import failures

_WAIT = 0.2
"""Seconds that a reader waits at most before it looks whether it shall stop."""
_BYTES = 64 << 20
"""A slice ends also with the transaction that brings it to so many bytes."""
HEARTBEAT = 64 << 20
"""So much log without a change of the table, and the place is kept by a slice without rows."""


class Journal:
    """The slice that is being filled: whole transactions, and at its end perhaps the beginning of one.

    ``changes`` is the log's own number of changes, ``place`` the end of the last whole transaction.
    """

    def __init__(self, generation: int, place: int) -> None:
        self.spool = ChangeSpool()
        self.generation = generation
        self.place = place
        self.changes = 0
        self.is_open = False
        self._began = (0, 0)
        self._prefix = ""
        self._number = 0

    def begin(self, commit: int) -> None:
        """A transaction begins, whose commit stands at this place of the log."""
        self.is_open = True
        self._began = (self.spool.count, self.changes)
        self._prefix = position_before(self.generation, commit)
        self._number = 0

    def add(self, operation: str, values: Sequence[Value], size: int) -> None:
        """One row of it: its values by the columns in use; ``size`` in bytes, roughly."""
        self._number += 1
        self.spool.add(operation, f"{self._prefix}{self._number:010d}", values, size)

    def end(self, place: int) -> None:
        """The transaction is whole; the next one stands at this place or behind it."""
        self.is_open = False
        self.place = place

    @property
    def began(self) -> int:
        """Rows there were before it."""
        return self._began[0]

    def reshape(self, names: Sequence[str]) -> None:
        """Rows have these columns from now on.

        Raises:
            ReshapedError: whole transactions with other columns stand before this one.
        """
        if self.began and tuple(names) != tuple(self.spool.columns):
            raise ReshapedError
        self.spool.use(names)

    def undo(self) -> None:
        """Forget the transaction that has begun."""
        rows, self.changes = self._began
        self.spool.drop(rows)
        self.is_open = False


class Reader(Protocol):
    """Reads a log from a place on."""

    @property
    def reached(self) -> int:
        """So far the log was read: all transactions whose commit stands before were given to the journal."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """What the next reader must find as it is now."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """Columns of the table as it is known now."""
        ...

    def settle(self, place: int) -> None:
        """Take note that the log before a place is in the lake; never raises."""
        ...

    def step(self, journal: Journal, seconds: float) -> bool:
        """Read to the end of the next transaction; false when nothing came for so many seconds.

        Raises:
            SourceError: the link broke, or ``collect.log.lost``.
            RewrittenError: rows changed without being in the log.
        """
        ...

    def look(self) -> None:
        """Look, now that nothing comes, whether the table is still the one that is followed.

        Raises:
            SourceError: ``collect.log.lost``.
            RewrittenError: rows changed without being in the log.
        """
        ...


class RewrittenError(Exception):
    """Rows of the table changed without a change in the log: only a new snapshot shows them. ``what`` happened."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class ReshapedError(Exception):
    """The table has other columns from this transaction on: what came before is a slice of its own."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A slice ends with the transaction that brings it to so many rows, or after so many seconds."""

    rows: int
    seconds: float


@dataclass(frozen=True)
class Filled:
    """What a slice of changes holds: for ``read``, ``count`` and ``settle``."""

    journal: Journal
    reader: Reader


class Cutter:
    """Cuts what a reader reads into slices. ``state`` is how far the slices went.

    Args:
        reader: of the log, from ``state.place`` on.
        origin: of the slices.
        state: how far earlier slices went.
        cut: when a slice ends.
    """

    def __init__(self, reader: Reader, origin: str, state: State, cut: Cut) -> None:
        self.reader, self.origin, self.state, self.cut = reader, origin, state, cut
        self._cut_at = 0.0

    def run(self, target: int, stop: Callable[[], bool] | None) -> Iterator[Slice]:
        """Slices up to the place ``target``, or until ``stop()`` where it is given."""
        is_over = False
        fault: RewrittenError | ReshapedError | None = None
        while not is_over and fault is None:
            journal = Journal(self.state.generation, self.state.place)
            try:
                try:
                    is_over = self._fill(journal, target, stop)
                except OSError as error:
                    raise failures.broken(self.origin, error) from None
                except (RewrittenError, ReshapedError) as error:
                    fault = error
                    if journal.is_open:
                        journal.undo()
                if journal.spool.count or (fault is None and self._is_far(journal)):
                    yield self._slice(journal)
            finally:
                journal.spool.close()
        if fault is not None:
            raise fault

    def _fill(self, journal: Journal, target: int, stop: Callable[[], bool] | None) -> bool:
        """Take in until the slice is due; true when it is the last one."""
        while True:
            if stop is None and not journal.is_open and self.reader.reached >= target:
                self.reader.look()
                return True
            is_waiting = stop is None or not journal.spool.count or not self._is_late(1)
            came = self.reader.step(journal, _WAIT if is_waiting else 0.0)
            if stop is not None and stop():
                if journal.is_open:
                    journal.undo()
                return True
            if journal.is_open:
                continue
            if journal.spool.count >= self.cut.rows or journal.spool.size >= _BYTES:
                return False
            if stop is not None and self._is_due(journal, came):
                return False

    def _is_due(self, journal: Journal, came: bool) -> bool:
        """Whether what is there has waited long enough, more so while more is coming."""
        if journal.spool.count:
            return self._is_late(2 if came else 1)
        if not came:
            self.reader.look()
            return self._is_far(journal)
        return False

    def _is_late(self, times: int) -> bool:
        return time.monotonic() - self._cut_at >= times * self.cut.seconds

    def _is_far(self, journal: Journal) -> bool:
        return not journal.is_open and self.reader.reached - self.state.place >= HEARTBEAT

    def _slice(self, journal: Journal) -> Slice:
        self._cut_at = time.monotonic()
        place = journal.place if journal.spool.count else self.reader.reached
        self.state = replace(self.state, place=place, facts=self.reader.facts)
        digest = journal.spool.digest if journal.spool.count else f"{place:016X}"
        held = Filled(journal, self.reader)
        return Slice(origin=self.origin, digest=digest, position=self.state.text(), held=held)
