"""Going on from a marker, so that ties and rows that come late are not lost.

A position is the highest marker seen. Rows above it are new. Rows near it, from ``low`` up to the position, are
read again each time, and those that were not there before are taken too: rows with the same marker as the last
one, and rows that came late within ``overlap``. Rows below ``low`` are counted: more of them than before means
that some came later still, which is an error until someone acts. Fewer are rows deleted or moved up since.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from cityloom.collect.databases.base import MOMENTS, NUMBERS, Column, Session
from cityloom.kernel.errors import ConfigError, DataError

LIMIT = 50_000
"""Rows near the position that are known one by one."""
_DIGITS = 15


@dataclass(frozen=True)
class Position:
    """What the next run goes on from.

    ``last`` the highest marker that landed, ``low`` where the rows known one by one begin, both as text; ``seen``
    15 hex digits for each of these rows, ``None`` when they were too many to be known: then ``before`` counts
    all rows up to ``last``, otherwise those below ``low``.
    """

    last: str
    low: str
    before: int
    seen: str | None = ""

    def dump(self) -> str:
        """As text."""
        return json.dumps(asdict(self))


def load(text: str | None) -> Position | None:
    """A position from its text."""
    return Position(**json.loads(text)) if text else None


@dataclass(frozen=True, kw_only=True)
class Window:
    """What one run takes, in one snapshot.

    ``fresh`` rows lie above the position (``where`` says so, empty for all); ``near`` selects the rows known one by
    one, ``known`` holds them, empty for none; ``late`` rows came too late; ``next`` is where the next run goes on.
    """

    fresh: int
    where: str
    near: str = ""
    known: str = ""
    late: int = 0
    next: Position | None = None


@dataclass(frozen=True, kw_only=True)
class Marker:
    """The column that decides what is new, of one relation in one session."""

    session: Session
    relation: str
    column: Column
    columns: Sequence[Column]
    overlap: float = 0.0

    def open(self, last: Position | None) -> Window:
        """What is there above, near and below the last position.

        Raises:
            DataError: ``collect.marker.empty`` or ``collect.marker.crowded``.
            ConfigError: ``collect.marker.overlap``.
        """
        self._check()
        if last is None:
            top = self._top()
            fresh = self._count("")
            return Window(fresh=fresh, where="", next=self._next(top, None, 0) if top is not None else None)
        above = f"{self._name} > {self._literal(last.last)}"
        fresh = self._count(above)
        top = self._top() if fresh else last.last
        late = max(0, self._count(self._below(last)) - last.before)
        near = ""
        if last.seen is not None:
            near = f"{self._name} >= {self._literal(last.low)} AND {self._name} <= {self._literal(last.last)}"
        return Window(
            fresh=fresh,
            where=above,
            near=near,
            known=last.seen or "",
            late=late,
            next=self._next(top if top is not None else last.last, last, late),
        )

    def left_over(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Rows near the last position that were not there before."""
        known = Counter(_pieces(window.known))
        for batch in self._rows(window.near):
            taken = []
            for number, digest in enumerate(digests(batch)):
                if known[digest]:
                    known[digest] -= 1
                else:
                    taken.append(number)
            if taken:
                yield batch.take(pa.array(taken, pa.int64()))

    def _next(self, top: str, last: Position | None, late: int) -> Position:
        low = self._low(top, last)
        near = f"{self._name} >= {self._literal(low)}"
        if self._count(near) > LIMIT:
            if self.overlap:
                raise DataError(
                    "collect.marker.crowded",
                    "{place}: the overlap of the marker {column} holds more than {limit} rows.",
                    hint="Make the option overlap smaller, or choose a marker that rises with each row.",
                    place=self.session.place,
                    column=self.column.name,
                    limit=LIMIT,
                )
            upto = f"{self._name} <= {self._literal(top)}"
            return Position(top, top, max(0, self._count(upto) - late), None)
        seen = "".join(d for batch in self._rows(near) for d in digests(batch))
        below = Position(top, low, 0)
        return Position(top, low, max(0, self._count(self._below(below)) - late), seen)

    def _low(self, top: str, last: Position | None) -> str:
        """Where the rows to be known one by one begin; never below where they began before."""
        if not self.overlap:
            return top
        if self.column.kind not in (*NUMBERS, *MOMENTS):
            raise ConfigError(
                "collect.marker.overlap",
                "{place}: the marker {column} is of type {type}, which has no distances.",
                hint="Take the option overlap out, or choose a number, a date or a time as the marker.",
                place=self.session.place,
                column=self.column.name,
                type=self.column.type,
            )
        value = self.session.less(self.column, self._literal(top), self.overlap)
        low = str(self.session.one(self.session.scalar(self.session.text(self.column, value)))[0])
        if last is None:
            return low
        is_lower = f"CASE WHEN {self._literal(low)} < {self._literal(last.low)} THEN 1 ELSE 0 END"
        return last.low if int(self.session.one(self.session.scalar(is_lower))[0]) else low

    def _check(self) -> None:
        if self.column.is_required:
            return
        empty = self._count(f"{self._name} IS NULL")
        if empty:
            raise DataError(
                "collect.marker.empty",
                "{place}: the marker {column} is empty or no text or number in {count} rows; they would never be collected.",
                hint="Choose a column that is always filled and only rises.",
                place=self.session.place,
                column=self.column.name,
                count=empty,
            )

    def _below(self, last: Position) -> str:
        sign, value = ("<=", last.last) if last.seen is None else ("<", last.low)
        return f"{self._name} {sign} {self._literal(value)}"

    def _top(self) -> str | None:
        found = self.session.one(self.session.top(self.column, self.relation))[0]
        return None if found is None else str(found)

    def _count(self, where: str) -> int:
        return count(self.session, self.relation, where)

    def _rows(self, where: str) -> Iterator[pa.RecordBatch]:
        return self.session.stream(self.columns, f"FROM {self.relation} src WHERE {where}")

    def _literal(self, text: str) -> str:
        return self.session.literal(self.column, text)

    @property
    def _name(self) -> str:
        return f"src.{self.session.quote(self.column.name)}"


def count(session: Session, relation: str, where: str) -> int:
    """Rows of a relation, counted by the database."""
    return int(session.one(f"SELECT count(*) FROM {relation} src" + (f" WHERE {where}" if where else ""))[0])


def digests(batch: pa.RecordBatch) -> Iterator[str]:
    """15 hex digits for each row: of all its values."""
    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield hashlib.md5(repr(row).encode(), usedforsecurity=False).hexdigest()[:_DIGITS]


def late_rows(place: str, column: str, number: int) -> DataError:
    """The error for rows that came below what is looked at again."""
    return DataError(
        "collect.marker.late",
        "{place}: {count} rows came late, their marker {column} below what was taken before: they are not collected.",
        hint="Take the table anew: cityloom collect renew RESOURCE; then set the option overlap so wide that late rows lie in it.",
        place=place,
        count=number,
        column=column,
    )


def _pieces(text: str) -> Iterator[str]:
    return (text[i : i + _DIGITS] for i in range(0, len(text), _DIGITS))
