"""What following a table needs of a MariaDB server: a snapshot with its place in the log, and the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from cityloom.collect.changes import binlog, mytable
from cityloom.collect.changes.binlog import Binlog, broken, connect
from cityloom.collect.changes.binlogreader import BinlogReader
from cityloom.collect.changes.state import State
from cityloom.collect.changes.walsender import lost
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.kernel.extras import require

_CHUNK = 8192
_CHARACTERS = 8 << 20
_TRIES = 5
_CHANGED = 1412
"""The server's error for a table that was altered since the snapshot."""
_DENIED = (1044, 1045, 1142, 1143, 1227)
_COLLATIONS = (
    "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID IS NOT NULL",
    "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL",
)
_CODECS = {
    "utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "ascii": "ascii", "binary": "", "latin1": "cp1252",
    "gbk": "gbk", "gb2312": "gb2312", "gb18030": "gb18030", "big5": "big5", "ucs2": "utf-16-be", "utf16": "utf-16-be",
    "utf16le": "utf-16-le", "utf32": "utf-32-be", "sjis": "shift_jis", "cp932": "cp932", "ujis": "euc_jp",
    "eucjpms": "euc_jp", "euckr": "euc_kr", "tis620": "tis_620", "latin2": "iso8859_2", "latin5": "iso8859_9",
    "latin7": "iso8859_13", "greek": "iso8859_7", "hebrew": "iso8859_8", "cp1250": "cp1250", "cp1251": "cp1251",
    "cp1256": "cp1256", "cp1257": "cp1257", "koi8r": "koi8_r", "koi8u": "koi8_u", "cp850": "cp850", "cp852": "cp852",
    "cp866": "cp866",
}  # fmt: skip
"""By character set Python's name of it; empty for bytes."""


class MariadbSnapshot:
    """One transaction that sees the table as of ``place``."""

    def __init__(self, connection: Any, name: str, found: mytable.Table, place: int, facts: dict[str, Any]) -> None:
        self._connection = connection
        self._from = name
        self._found = found
        self.place = place
        self.facts = facts
        self.columns: Sequence[str] = [c.name for c in found.columns]

    def count(self) -> int:
        """``SELECT count(*)``."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self._from}")
            return int(cursor.fetchall()[0][0])

    def rows(self) -> Iterator[Sequence[Sequence[str | None]]]:
        """The rows in the order of the primary key."""
        picks = ", ".join(c.term for c in self._found.columns)
        pymysql = require("pymysql", extra="changes")
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SELECT {picks} FROM {self._from}")
                held: list[tuple[str | None, ...]] = []
                size = 0
                while row := cursor.fetchone():
                    held.append(row)
                    size += sum(len(v) for v in row if v)
                    if len(held) >= _CHUNK or size >= _CHARACTERS:
                        yield list(zip(*held, strict=True))
                        held, size = [], 0
                if held:
                    yield list(zip(*held, strict=True))
        except pymysql.MySQLError as error:
            raise broken(error) from None


@dataclass(frozen=True, kw_only=True)
class MariadbSide:
    """A table of a MariaDB database.

    Args:
        address: an ``sa.URL``.
        table: ``schema.table``.
        key: columns that name a row.
    """

    address: Any
    table: str
    key: Sequence[str]

    def check(self) -> None:
        """Show that the table can be followed.

        Raises:
            SourceError: the server does not answer, or does not let its log be followed.
            ConfigError: see :func:`mytable.inspect`.
        """
        with self._connected() as connection, connection.cursor() as cursor:
            mytable.require_log(cursor, self.table)
            mytable.inspect(cursor, *self._name, self.key)
            place, base = _end(cursor)
        self._begun(base, place).close()

    def plan(self, before: State | None) -> tuple[dict[str, Any], Sequence[str]]:
        """Nothing is made at the server."""
        with self._connected() as connection, connection.cursor() as cursor:
            mytable.require_log(cursor, self.table)
            found = mytable.inspect(cursor, *self._name, self.key)
        return {}, [c.name for c in found.columns]

    @contextmanager
    def snapshot(self, planned: State) -> Iterator[MariadbSnapshot]:
        """Read the table as it is at one place of the log."""
        with self._connected(is_streaming=True) as connection:
            for _ in range(_TRIES):
                with connection.cursor() as cursor:
                    mytable.require_log(cursor, self.table)
                    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                    place, base = _snapshot_place(cursor, self.table)
                    if not _holds(cursor, self._quoted):
                        continue
                    found = mytable.inspect(cursor, *self._name, self.key)
                    facts = {"system": _system(cursor), "log": base, "file": self._file(base, place), **found.facts()}
                yield MariadbSnapshot(connection, self._quoted, found, place, facts)
                return
        raise _unsteady(self.table)

    @contextmanager
    def reader(self, state: State) -> Iterator[tuple[BinlogReader, int]]:
        """The log from the state's place on."""
        with self._connected() as connection, connection.cursor() as cursor:
            mytable.require_log(cursor, self.table)
            if _system(cursor) != state.facts["system"]:
                raise lost("the server is another one than before")
            target, base = _end(cursor)
            _require_file(cursor, base, state)
            inspect = partial(mytable.inspect, cursor, *self._name, self.key)
            with closing(self._begun(base, state.place)) as log:
                codecs, widths = _codecs(cursor), _widths(inspect)
                yield BinlogReader(log, inspect, *self._name, self.key, state, codecs, widths), target

    @contextmanager
    def _connected(self, *, is_streaming: bool = False) -> Iterator[Any]:
        pymysql = require("pymysql", extra="changes")
        with closing(connect(self.address, is_streaming=is_streaming)) as connection:
            try:
                yield connection
            except pymysql.MySQLError as error:
                raise _failure(error, self.table) from None

    def _begun(self, base: str, place: int) -> Binlog:
        return Binlog(self.address, binlog.file_name(base, place), place & 0xFFFFFFFF)

    def _file(self, base: str, place: int) -> list[int]:
        """Number of a file and the second in which it was begun."""
        with closing(self._begun(base, place)) as log:
            while (event := log.next(10.0)) is not None:
                if event.kind == binlog.FORMAT:
                    return [place >> 32, event.at]
        raise lost("the server does not send its log")

    @property
    def _name(self) -> tuple[str, str]:
        schema, dot, name = self.table.rpartition(".")
        if dot:
            return schema, name
        if not self.address.database:
            raise ConfigError(
                "collect.table.missing",
                "The database holds no table {table}.",
                hint="Correct the task's table: schema.table, written as in the database.",
                table=self.table,
            )
        return str(self.address.database), name

    @property
    def _quoted(self) -> str:
        return ".".join(mytable.quoted(part) for part in self._name)


def _snapshot_place(cursor: Any, table: str) -> tuple[int, str]:
    cursor.execute("SHOW STATUS LIKE 'binlog_snapshot_%'")
    found = {name.lower(): value for name, value in cursor.fetchall()}
    file = found.get("binlog_snapshot_file", "")
    if not file:
        raise lost(f"the server does not tell the place of a snapshot of {table} in its log")
    return binlog.place_of(file, int(found["binlog_snapshot_position"])), file.rpartition(".")[0]


def _holds(cursor: Any, name: str) -> bool:
    """Whether the transaction sees the table as it was when it began."""
    pymysql = require("pymysql", extra="changes")
    try:
        cursor.execute(f"SELECT 1 FROM {name} LIMIT 1")
        cursor.fetchall()
    except pymysql.MySQLError as error:
        if error.args[0] != _CHANGED:
            raise
        cursor.execute("ROLLBACK")
        return False
    return True


def _end(cursor: Any) -> tuple[int, str]:
    """Where the log ends, and the name of its files."""
    cursor.execute("SHOW MASTER STATUS")
    file, position = cursor.fetchall()[0][:2]
    return binlog.place_of(file, int(position)), file.rpartition(".")[0]


def _system(cursor: Any) -> str:
    cursor.execute("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uid', 'server_uuid')")
    return " ".join(value for _, value in sorted(cursor.fetchall()))


def _require_file(cursor: Any, base: str, state: State) -> None:
    cursor.execute("SHOW BINARY LOGS")
    sizes = {name: int(size) for name, size, *_ in cursor.fetchall()}
    file = binlog.file_name(base, state.place)
    if base != state.facts["log"] or file not in sizes:
        raise lost(f"the server has removed the file {file} of its log")
    if sizes[file] < state.place & 0xFFFFFFFF:
        raise lost("the server's log ends before the place that was reached: it was set back to an earlier state")


def _codecs(cursor: Any) -> dict[int, str]:
    pymysql = require("pymysql", extra="changes")
    found: dict[int, str] = {}
    for query in _COLLATIONS:
        try:
            cursor.execute(query)
        except pymysql.MySQLError:
            continue
        found |= {int(number): _CODECS[name] for number, name in cursor.fetchall() if name in _CODECS}
    return found


def _widths(inspect: Any) -> dict[str, int]:
    try:
        return dict(inspect().widths)
    except ConfigError:
        return {}


def _failure(error: Exception, table: str) -> SourceError:
    code = error.args[0] if error.args else 0
    if code not in _DENIED:
        return broken(error)
    return SourceError(
        "collect.source.denied",
        "The source's user may not read {table}: {problem}.",
        hint="Grant it SELECT on the table, and REPLICATION SLAVE and REPLICATION CLIENT (BINLOG MONITOR) on *.*.",
        table=table,
        problem=str(error.args[1]) if len(error.args) > 1 else "-",
    )


def _unsteady(table: str) -> SourceError:
    return SourceError(
        "collect.log.unsteady",
        "{table} was rewritten or truncated each time that a snapshot was begun.",
        hint="Run the task again when the table is at rest.",
        table=table,
    )
