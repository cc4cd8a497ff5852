"""Reads the changes of one table from PostgreSQL's stream into a journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cityloom.collect.changes import pgoutput, pgtable
from cityloom.collect.changes.journal import Journal
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.state import RESET, State
from cityloom.collect.changes.walsender import Walsender, lost, unreachable
from cityloom.kernel.errors import CityLoomError, ConfigError
from cityloom.kernel.i18n import _

_LOOK_SECONDS = 5.0
_ASK_SECONDS = 1.0
_PINGS = 3
_DATA, _ALIVE = ord("w"), ord("k")
_BODY = 25
"""Bytes before a message of the plug-in."""
_BASES = """
WITH RECURSIVE t(oid, base) AS (
    SELECT oid, oid FROM pg_type WHERE oid = ANY(%s)
    UNION ALL SELECT t.oid, p.typbasetype FROM t JOIN pg_type p ON p.oid = t.base WHERE p.typbasetype <> 0
) SELECT t.oid::bigint, t.base::bigint FROM t JOIN pg_type p ON p.oid = t.base WHERE p.typbasetype = 0
"""
Fix = Callable[[str], str]
FIXES: Mapping[int, Fix] = {
    pgtable.BOOL: lambda v: "true" if v == "t" else "false",
    pgtable.BPCHAR: lambda v: v.rstrip(" "),
    pgtable.INET: lambda v: v if "/" in v else f"{v}/{128 if ':' in v else 32}",
    pgtable.BYTEA: lambda v: v[2:],
    pgtable.MONEY: lambda v: v.replace("$", "").replace(",", ""),
}
"""Types that the log writes otherwise than a cast to text does."""


@dataclass
class WalReader:
    """Gives whole transactions of one table to a journal.

    Args:
        stream: already sending.
        catalog: an ordinary connection to the same database.
        inspect: looks at the table as it is now.
        table: its name.
        key: its key columns.
        state: how far the slices went.
    """

    stream: Walsender
    catalog: Any
    inspect: Callable[[], pgtable.Table]
    table: TableName
    key: Sequence[str]
    state: State
    facts: dict[str, Any] = field(init=False)
    reached: int = field(init=False)
    _settled: int = field(init=False)
    _oid: int = field(init=False)
    _fixes: list[tuple[int, Fix]] = field(default_factory=list)
    _keys: list[int] = field(default_factory=list)
    _names: tuple[str, ...] = ()
    _looked: float = 0.0
    _asked: float = 0.0
    _pings: int = 0
    _bases: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.facts = dict(self.state.facts)
        self.reached = self._settled = self.state.place
        self._oid = int(self.facts["table"])

    @property
    def columns(self) -> list[str]:
        """Columns of the table as it is known now."""
        return [c.split(" ", 4)[4] for c in self.facts["columns"]]

    def settle(self, place: int) -> None:
        """The log before a place is in the lake; a link that is broken is told at the next one."""
        self._settled = max(self._settled, place)
        try:
            self.stream.tell(self._settled)
        except CityLoomError:
            return

    def step(self, journal: Journal, seconds: float) -> bool:
        """Read to the end of the next transaction."""
        while True:
            message = self.stream.next(seconds)
            if message is None:
                self._ask(seconds)
                return False
            if message[0] == _DATA:
                self._pings = 0
                if self._take(message[_BODY:], journal):
                    return True
            elif message[0] == _ALIVE:
                if not journal.is_open:
                    self.reached = max(self.reached, int.from_bytes(message[1:9], "big"))
                if message[17]:
                    self._answer()
                return False

    def _ask(self, seconds: float) -> None:
        """Ask how far the server has read, now and then."""
        self._pings = 0
        if seconds and time.monotonic() - self._asked >= _ASK_SECONDS:
            self._asked = time.monotonic()
            self.stream.tell(self._settled, is_asking=True)

    def _answer(self) -> None:
        """Answer a server that asks. One that asks at once again is waiting for this link to end, so that it can stop."""
        self._pings += 1
        if self._pings > _PINGS:
            raise unreachable(self.stream.place, ConnectionError("it is being stopped"))
        self.stream.tell(self._settled)

    def look(self) -> None:
        """Compare the table with what is known of it, every few seconds."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._compare()
            self._looked = time.monotonic()

    def _compare(self) -> None:
        try:
            now = self.inspect()
        except ConfigError as error:
            if error.code == "collect.table.missing":
                raise lost(_("the table {table} is not there any more").format(table=self.table)) from None
            raise
        pgtable.compare(self.facts, now, self.table)
        self.facts = self.facts | now.facts()

    def _take(self, message: bytes, journal: Journal) -> bool:
        """One message; true at the end of a transaction."""
        kind = message[0]
        if kind == pgoutput.BEGIN:
            journal.begin(pgoutput.commit_place(message))
            journal.spool.use(self._names)
        elif kind == pgoutput.COMMIT:
            journal.end(pgoutput.end_place(message))
            self.reached = journal.place
            return True
        elif kind == pgoutput.RELATION:
            self._relation(message, journal)
        elif kind == pgoutput.TRUNCATE:
            if self._oid in pgoutput.truncated(message):
                journal.changes += 1
                journal.add(RESET, [None] * len(self._names), 0)
        elif kind in (pgoutput.INSERT, pgoutput.UPDATE, pgoutput.DELETE) and pgoutput.relation_of(message) == self._oid:
            self._change(kind, message, journal)
        return False

    def _change(self, kind: int, message: bytes, journal: Journal) -> None:
        journal.changes += 1
        size = len(message)
        if kind == pgoutput.INSERT:
            journal.add("c", self._fixed(pgoutput.inserted(message)), size)
        elif kind == pgoutput.DELETE:
            journal.add("d", self._fixed(pgoutput.deleted(message)), size)
        else:
            self._update(message, journal, size)

    def _update(self, message: bytes, journal: Journal, size: int) -> None:
        try:
            old, new = pgoutput.updated(message)
        except pgoutput.AbsentError:
            raise lost(_("an update of {table} left out a value that did not change; set REPLICA IDENTITY FULL").format(table=self.table)) from None
        if old is not None and any(old[i] != new[i] for i in self._keys):
            journal.changes += 1
            journal.add("d", self._fixed(old), size)
            journal.add("c", self._fixed(new), size)
        else:
            journal.add("u", self._fixed(new), size)

    def _fixed(self, values: list[str | None]) -> list[str | None]:
        for number, fix in self._fixes:
            value = values[number]
            if value is not None:
                values[number] = fix(value)
        return values

    def _relation(self, message: bytes, journal: Journal) -> None:
        found = pgoutput.relation(message)
        if found.oid != self._oid:
            if (found.schema, found.name) == self.table:
                raise lost(_("the table {table} was dropped and made anew").format(table=self.table))
            return
        known = [(c.split(" ", 4)[4], int(c.split(" ", 4)[1])) for c in self.facts["columns"]]
        if known != list(zip(found.columns, found.types, strict=True)):
            self._compare()
        missing = [k for k in self.key if k not in found.columns]
        if missing:
            raise lost(_("the key column {column} of {table} was removed or renamed").format(column=missing[0], table=self.table))
        self._names = found.columns
        self._keys = [found.columns.index(k) for k in self.key]
        self._fixes = self._fixes_of(found.types)
        journal.reshape(found.columns)

    def _fixes_of(self, types: Sequence[int]) -> list[tuple[int, Fix]]:
        unknown = [t for t in types if t not in self._bases]
        if unknown:
            self._bases |= dict(self.catalog.execute(_BASES, (unknown,)).fetchall())
        bases = [self._bases.get(t, t) for t in types]
        return [(i, FIXES[b]) for i, b in enumerate(bases) if b in FIXES]
