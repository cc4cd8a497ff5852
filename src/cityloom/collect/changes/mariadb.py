"""What following a table needs of a MariaDB server: a snapshot with its place in the log, and the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta, timezone
from functools import partial
from typing import Any

import sqlalchemy as sa

from cityloom.collect.changes import binlog, mytable
from cityloom.collect.changes.binlog import Binlog, broken, connect, place_name
from cityloom.collect.changes.binlog_rows import Reading
from cityloom.collect.changes.binlogreader import BinlogReader
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.snapshot import Snapshot, chosen
from cityloom.collect.changes.state import State
from cityloom.collect.changes.statements import Fold
from cityloom.collect.changes.walsender import lost
from cityloom.collect.databases.base import Limits, Session
from cityloom.collect.databases.mysql import MySQL
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.kernel.extras import require
from cityloom.kernel.i18n import _

_TRIES = 5
_CHANGED = "error 1412"
"""The server's error for a table that was altered since the snapshot."""
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


@dataclass(frozen=True, kw_only=True)
class MariadbSide:
    """A table of a MariaDB database.

    Args:
        url: of the database.
        table: its name.
        key: columns that name a row.
        limits: to spare the database.
        timezone: in which values of type TIMESTAMP are shown (``+08:00``); empty for the server's present one.
    """

    url: sa.URL
    table: TableName
    key: Sequence[str]
    limits: Limits
    timezone: str = ""

    def check(self) -> None:
        """Show that the table can be followed.

        Raises:
            SourceError: the server does not answer, or does not let its log be followed.
            ConfigError: see :func:`mytable.inspect`.
        """
        with self._connected() as cursor:
            self._inspect(cursor)
            place, base = _end(cursor)
            self._file(base, place)

    def plan(self, before: State | None) -> tuple[dict[str, Any], Sequence[str]]:
        """Nothing is made at the server."""
        with self._connected() as cursor:
            found = self._inspect(cursor)
            return {"timezone": self.timezone or _timezone(cursor)}, [c.name for c in found.columns]

    @contextmanager
    def snapshot(self, planned: State) -> Iterator[Snapshot]:
        """Read the table as it is at one place of the log."""
        zone = str(planned.facts["timezone"])
        with self._connected() as cursor, self._seen(cursor, zone) as (session, place, base):
            found = self._inspect(cursor)
            facts = {"system": _system(cursor), "log": base, "file": self._file(base, place), "timezone": zone}
            yield self._shown(session, found, place, facts | found.facts())

    @contextmanager
    def passing(self) -> Iterator[Snapshot]:
        """A snapshot with its place, for one look at the table."""
        with self._connected() as cursor:
            zone = self.timezone or _timezone(cursor)
            with self._seen(cursor, zone) as (session, place, _):
                yield self._shown(session, self._inspect(cursor), place, {})

    @contextmanager
    def reader(self, state: State) -> Iterator[tuple[BinlogReader, int]]:
        """The log from the state's place on."""
        with self._connected() as cursor:
            mytable.require_log(cursor, self.table)
            if _system(cursor) != state.facts["system"]:
                raise lost(_("the server is another one than before"))
            target, base = _end(cursor)
            _require_file(cursor, base, state)
            inspect = partial(mytable.inspect, cursor, self.table, self.key)
            fold = _fold(cursor)
            reading = Reading(_codecs(cursor), _zone(str(state.facts["timezone"])), *_forms(inspect))
            with closing(self._begun(base, state.place)) as log:
                yield BinlogReader(log, inspect, self.table, self.key, state, reading, fold), target

    @contextmanager
    def _seen(self, cursor: Any, zone: str) -> Iterator[tuple[Session, int, str]]:
        """A session, the place of its snapshot, and the name of the log's files."""
        for _try in range(_TRIES):
            with MySQL(self.url, self.limits, zone) as session:
                status = {name.lower(): value for name, value in session.rows("SHOW STATUS LIKE 'binlog_snapshot_%'")}
                file = status.get("binlog_snapshot_file", "")
                if not file:
                    raise lost(_("the server does not tell the place of a snapshot in its log"))
                if self._holds(session):
                    yield session, binlog.place_of(file, int(status["binlog_snapshot_position"])), file.rpartition(".")[0]
                    return
        raise _unsteady(self.table)

    def _holds(self, session: Session) -> bool:
        """Whether the session sees the table as it was when its snapshot was made; from now on it stays so."""
        try:
            session.rows(f"SELECT 1 FROM {self._quoted} LIMIT 1")
        except SourceError as error:
            if error.details.get("problem") == _CHANGED:
                return False
            raise
        return True

    def _shown(self, session: Session, found: mytable.Table, place: int, facts: dict[str, Any]) -> Snapshot:
        columns = chosen(session, self._quoted, [c.name for c in found.columns])
        return Snapshot(session, self._quoted, columns, place, facts)

    def _inspect(self, cursor: Any) -> mytable.Table:
        mytable.require_log(cursor, self.table)
        return mytable.inspect(cursor, self.table, self.key)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        pymysql = require("pymysql", extra="changes")
        with closing(connect(self.url)) as connection:
            try:
                with connection.cursor() as cursor:
                    yield cursor
            except pymysql.MySQLError as error:
                raise broken(place_name(self.url), error) from None

    def _begun(self, base: str, place: int) -> Binlog:
        return Binlog(self.url, binlog.file_name(base, place), place & 0xFFFFFFFF)

    def _file(self, base: str, place: int) -> list[int]:
        """Number of a file and the second in which it was begun."""
        with closing(self._begun(base, place)) as log:
            while (event := log.next(10.0)) is not None:
                if event.kind == binlog.FORMAT:
                    return [place >> 32, event.at]
        raise lost(_("the server does not send its log"))

    @property
    def _quoted(self) -> str:
        return mytable.quoted_table(self.table)


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
        raise lost(_("the server has removed the file {file} of its log").format(file=file))
    if sizes[file] < state.place & 0xFFFFFFFF:
        raise lost(_("the server's log ends before the place that was reached: it was set back to an earlier state"))


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


def _fold(cursor: Any) -> Fold:
    """How names of tables are compared: exactly, unless the server makes no difference between small and capital letters."""
    cursor.execute("SELECT @@lower_case_table_names")
    return str if str(cursor.fetchall()[0][0]) == "0" else str.casefold


def _forms(inspect: Callable[[], mytable.Table]) -> tuple[dict[str, int], dict[str, int]]:
    try:
        return inspect().forms
    except ConfigError:
        return {}, {}


def _timezone(cursor: Any) -> str:
    """The server's zone at present, as hours and minutes before UTC."""
    cursor.execute("SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())")
    minutes = round(int(cursor.fetchall()[0][0]) / 15) * 15
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _zone(text: str) -> timezone:
    """A zone from its hours and minutes.

    Raises:
        ConfigError: ``collect.timezone.wrong``.
    """
    found = re.fullmatch(r"([+-])([0-9]{2}):([0-9]{2})", text)
    if not found:
        raise ConfigError(
            "collect.timezone.wrong",
            "{timezone} is no time zone of hours and minutes.",
            hint="Write +08:00, or leave the option timezone out for the server's own.",
            timezone=text,
        )
    minutes = int(found[2]) * 60 + int(found[3])
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))


def _unsteady(table: TableName) -> SourceError:
    return SourceError(
        "collect.log.unsteady",
        "{table} was rewritten or truncated each time that a snapshot was begun.",
        hint="Run the task again when the table is at rest.",
        table=str(table),
    )
