"""Reads the changes of one table from MariaDB's log into a journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cityloom.collect.changes import binlog, mytable
from cityloom.collect.changes.binlog import Binlog, Event
from cityloom.collect.changes.binlog_rows import (
    Reading,
    Row,
    TableMap,
    UnreadableError,
    inflated,
    row_at,
    rows,
    table_id,
    table_map,
    table_name,
)
from cityloom.collect.changes.journal import Journal, RewrittenError
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.state import RESET, State
from cityloom.collect.changes.statements import Fold, Meaning, meaning
from cityloom.collect.changes.walsender import lost
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _

_LOOK_SECONDS = 5.0
_STANDALONE, _PREPARED = 0x01, 0x40
_QUERY_HEAD = 13


@dataclass
class BinlogReader:
    """Gives whole transactions of one table to a journal.

    Args:
        log: from the state's place on.
        inspect: looks at the table as it is now.
        table: its name.
        key: its key columns.
        state: how far the slices went.
        reading: what the log does not tell of the table.
        fold: how names of tables are compared.
    """

    log: Binlog
    inspect: Callable[[], mytable.Table]
    table: TableName
    key: Sequence[str]
    state: State
    reading: Reading
    fold: Fold
    facts: dict[str, Any] = field(init=False)
    reached: int = field(init=False)
    _file: int = field(init=False)
    _map: TableMap | None = None
    _ids: dict[int, bool] = field(default_factory=dict)
    _map_body: bytes = b""
    _keys: set[int] = field(default_factory=set)
    _last_key: int = 0
    _is_alone: bool = False
    _looked: float = 0.0

    def __post_init__(self) -> None:
        self.facts = dict(self.state.facts)
        self.reached = self.state.place
        self._file = self.state.place >> 32

    @property
    def columns(self) -> list[str]:
        """Columns of the table as it is known now."""
        return [name for name, _ in self.facts["columns"]]

    def settle(self, place: int) -> None:
        """Nothing: the server keeps its log for as long as it was told."""

    def step(self, journal: Journal, seconds: float) -> bool:
        """Read to the end of the next transaction."""
        while True:
            event = self.log.next(seconds)
            if event is None:
                return False
            try:
                is_end = self._take(event, journal)
            except UnreadableError as error:
                raise lost(error.what) from None
            except UnicodeDecodeError:
                raise lost(_("a text of {table} is none in its column's encoding").format(table=self.table)) from None
            if event.kind == binlog.HEARTBEAT and journal.is_open and journal.spool.count == journal.began:
                journal.undo()
            if event.end and event.kind != binlog.ROTATE and not journal.is_open:
                self.reached = max(self.reached, self._file << 32 | event.end)
            if is_end or event.kind == binlog.HEARTBEAT:
                return is_end

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
        mytable.compare(self.facts, now)
        self.facts = self.facts | now.facts()
        widths, scales = now.forms
        self.reading = replace(self.reading, widths=widths, scales=scales)

    def _take(self, event: Event, journal: Journal) -> bool:
        """One event; true at the end of a transaction."""
        kind = event.kind
        if kind == binlog.TABLE_MAP:
            self._describe(event.body, journal)
        elif kind in binlog.ROWS or kind in binlog.ROWS_COMPRESSED:
            self._rows(event, journal)
        elif kind in (binlog.GTID, binlog.MYSQL_GTID, binlog.MYSQL_ANONYMOUS):
            self._begin(event, journal)
        elif kind == binlog.XID:
            return self._end(event, journal)
        elif kind in (binlog.QUERY, binlog.QUERY_COMPRESSED):
            return self._query(event, journal)
        else:
            self._other(event, journal)
        return False

    def _other(self, event: Event, journal: Journal) -> None:
        if event.kind == binlog.ROTATE:
            name = bytes(event.body[8:]).decode()
            place = binlog.place_of(name, int.from_bytes(event.body[:8], "little"))
            self._file = place >> 32
            self.reached = max(self.reached, place)
        elif event.kind == binlog.FORMAT:
            self._check_file(event)
        elif event.kind == binlog.XA_PREPARE:
            if journal.spool.count > journal.began:
                raise lost(_("{table} was changed in a distributed transaction (XA)").format(table=self.table))
            journal.undo()
        elif event.kind == binlog.INCIDENT:
            raise lost(_("the server says that changes are missing in its log"))
        elif event.kind in binlog.UNKNOWN:
            raise lost(_("the log holds an event that cannot be read ({kind})").format(kind=event.kind))

    def _check_file(self, event: Event) -> None:
        """A file is known by the second it was begun: after a reset of the log another has its name."""
        known = self.facts["file"]
        if known[0] == self._file and known[1] != event.at:
            raise lost(_("the server's log was begun anew"))
        self.facts = self.facts | {"file": [self._file, event.at]}

    def _begin(self, event: Event, journal: Journal) -> None:
        self._ids.clear()
        journal.begin(self._file << 32 | (event.end - event.size))
        if self._map:
            journal.spool.use(self._map.columns)
        self._is_alone = event.kind == binlog.GTID and bool(event.body[12] & _STANDALONE)

    def _end(self, event: Event, journal: Journal) -> bool:
        journal.end(self._file << 32 | event.end)
        self.reached = journal.place
        return True

    def _describe(self, body: memoryview, journal: Journal) -> None:
        number = table_id(body)
        is_ours = self._is_ours(*table_name(body))
        self._ids[number] = is_ours
        if not is_ours or (self._map and bytes(body) == self._map_body):
            return
        found = table_map(body, self.reading)
        if list(found.columns) != self.columns:
            self._compare()
            found = table_map(body, self.reading)
        missing = [k for k in self.key if k not in found.columns]
        if missing:
            raise lost(_("the key column {column} of {table} was removed or renamed").format(column=missing[0], table=self.table))
        self._map, self._map_body = found, bytes(body)
        self._keys = {found.columns.index(k) for k in self.key}
        self._last_key = max(self._keys)
        journal.reshape(found.columns)

    def _rows(self, event: Event, journal: Journal) -> None:
        if not self._ids.get(table_id(event.body)) or self._map is None:
            return
        is_compressed = event.kind in binlog.ROWS_COMPRESSED
        kind, version = (binlog.ROWS_COMPRESSED if is_compressed else binlog.ROWS)[event.kind]
        fields = self._map.fields
        count, size = 0, event.size // 10
        for before, data, row in rows(kind, version, event.body, self._map, is_compressed=is_compressed):
            count += 1
            if before is not None and not self._is_same(data, before, row):
                journal.changes += 1
                journal.add("d", row_at(data, before, fields)[0], size)
                journal.add("c", row, size)
            else:
                journal.add(kind, row, size)
        journal.changes += count

    def _is_same(self, data: memoryview, at: int, row: Row) -> bool:
        """Whether a row before an update had the key that it has now."""
        assert self._map is not None
        size = (len(self._map.fields) + 7) // 8
        nulls = int.from_bytes(data[at : at + size], "little")
        at += size
        for number, (decode, width) in enumerate(self._map.fields[: self._last_key + 1]):
            if nulls >> number & 1:
                continue
            if number in self._keys:
                value, at = decode(data, at)
                if value != row[number]:
                    return False
            else:
                at += width if width >= 0 else int.from_bytes(data[at : at - width], "little") - width
        return True

    def _query(self, event: Event, journal: Journal) -> bool:
        text, database = _statement(event)
        found = meaning(text, database, self.table, self.fold)
        if found is Meaning.COMMIT:
            return self._end(event, journal)
        if found is Meaning.ROLLBACK:
            journal.undo()
            return self._end(event, journal)
        if found is not Meaning.NOTHING:
            self._statement(found, journal)
        return self._end(event, journal) if self._is_alone else False

    def _statement(self, found: Meaning, journal: Journal) -> None:
        if found is Meaning.EMPTIED:
            journal.changes += 1
            journal.spool.use(self.columns)
            journal.add(RESET, [None] * len(self.columns), 0)
        elif found is Meaning.GONE:
            raise lost(_("the table {table} was dropped, or made anew").format(table=self.table))
        elif found is Meaning.REPLACED:
            raise RewrittenError(_("another table took its name, or rows came or went with a partition"))
        elif found is Meaning.ALTERED:
            self._compare()
        elif found is Meaning.HIDDEN:
            raise lost(_("{table} was changed by a statement that the log does not tell as rows").format(table=self.table))
        elif found is Meaning.PARTLY and journal.spool.count > journal.began:
            raise lost(_("a transaction on {table} was taken back in part, which the log does not tell as rows").format(table=self.table))

    def _is_ours(self, schema: str, table: str) -> bool:
        return (self.fold(schema), self.fold(table)) == (self.fold(self.table.schema), self.fold(self.table.table))


def _statement(event: Event) -> tuple[str, str]:
    """A statement and the database in which it ran."""
    body = event.body
    size, status = body[8], int.from_bytes(body[11:13], "little")
    at = _QUERY_HEAD + status
    database = bytes(body[at : at + size]).decode(errors="replace")
    rest = body[at + size + 1 :]
    text = inflated(rest) if event.kind == binlog.QUERY_COMPRESSED else bytes(rest)
    return text.decode(errors="replace"), database
