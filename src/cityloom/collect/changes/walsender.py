"""A connection to PostgreSQL that streams its log: the replication protocol, over libpq."""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cityloom.collect.databases import failures
from cityloom.kernel.errors import SourceError
from cityloom.kernel.extras import require

_SETTINGS = {
    "datestyle": "ISO,YMD",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "wal_sender_timeout": "600000",
}
"""So that the log shows values as a query does that casts them to text; and patience while a slice lands."""
_CONNECT_SECONDS = 20
_CREATE_SECONDS = 600
_SILENCE_SECONDS = 600
_BUSY_SECONDS = 30
_END_SECONDS = 2
_LOST, _BUSY = ("42704", "55000", "58P01"), "55006"
"""What the server answers where a slot is gone or no longer keeps what it should; where it is in use."""
_status = struct.Struct(">cQQQqB").pack


@dataclass(frozen=True)
class Made:
    """A slot that was made: changes from ``place`` on are kept, and ``snapshot`` shows the rows as they are there."""

    place: int
    snapshot: str


def place_name(url: sa.URL) -> str:
    """How the server is called in errors."""
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def connect(url: sa.URL, *, timezone: str = "", is_replication: bool = False) -> Any:
    """A connection; one of replication shows values as a cast to text does.

    Raises:
        SourceError: ``collect.source.unreachable``, ``collect.source.denied``.
    """
    psycopg = require("psycopg", extra="changes")
    settings = _SETTINGS | ({"timezone": timezone} if timezone else {}) if is_replication else {}
    given: dict[str, Any] = {
        **{k: str(v) for k, v in url.query.items()},
        "host": url.host,
        "port": url.port or 5432,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        "connect_timeout": _CONNECT_SECONDS,
        "client_encoding": "utf8",
        "application_name": "cityloom",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 6,
    }
    if is_replication:
        given["replication"] = "database"
        given["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
    try:
        return psycopg.connect(autocommit=True, **{k: v for k, v in given.items() if v is not None})
    except psycopg.Error as error:
        words = str(error)
        if "replication role" in words or "WAL sender" in words:
            raise refused(_first_line(words.rpartition("FATAL:")[2])) from None
        if any(word in words for word in ("password", "authentication", "role")):
            raise failures.denied(place_name(url)) from None
        raise unreachable(place_name(url), error) from None


def unreachable(place: str, error: Exception) -> SourceError:
    """The error for a server that does not answer, or no longer."""
    return failures.unreachable(place, _first_line(str(error)) or type(error).__name__)


def lost(problem: str) -> SourceError:
    """The error for a log in which changes are missing for good."""
    return SourceError(
        "collect.log.lost",
        "The log cannot be followed on without a gap: {problem}.",
        hint="Nothing was skipped, and what landed stands. Remove the reason, then take the table anew: `cityloom collect renew` and the name of the resource.",
        problem=problem,
    )


def refused(problem: str) -> SourceError:
    """The error for a server that does not let this user follow its log."""
    return SourceError(
        "collect.log.refused",
        "The server refuses to have its log followed: {problem}.",
        hint="The server needs wal_level = logical and a free replication slot; the user needs the attribute REPLICATION.",
        problem=problem,
    )


def busy(slot: str) -> SourceError:
    """The error for a slot that another follows."""
    return SourceError(
        "collect.log.busy",
        "Another program follows the slot {slot}.",
        hint="End it, or wait until it has ended; two must not follow one slot.",
        slot=slot,
    )


class Walsender:
    """One replication connection.

    Raises (each method):
        SourceError: ``collect.source.unreachable``; others as told.
    """

    def __init__(self, url: sa.URL, timezone: str = "") -> None:
        self.place = place_name(url)
        self._connection = connect(url, timezone=timezone, is_replication=True)
        self._pg = self._connection.pgconn
        self._pq = require("psycopg", extra="changes").pq
        self._heard = time.monotonic()
        self._is_streaming = False

    def close(self) -> None:
        """Let go of it, and of its slot before it returns, where the server answers at once."""
        if self._is_streaming:
            with suppress(Exception):
                self._end()
        self._connection.close()

    def _end(self) -> None:
        self._pg.put_copy_end()
        until = time.monotonic() + _END_SECONDS
        while time.monotonic() < until:
            self._flush()
            count, _ = self._pg.get_copy_data(1)
            if count < 0:
                return
            if count == 0 and select.select([self._pg.socket], [], [], 0.1)[0]:
                self._pg.consume_input()

    def identify(self) -> tuple[str, int]:
        """The server's own number, and where its log ends."""
        row = self._ask("IDENTIFY_SYSTEM")
        return row["systemid"], place_of(row["xlogpos"])

    def create(self, slot: str, *, is_temporary: bool = False) -> Made:
        """Make a slot; waits for transactions that are under way.

        Raises:
            SourceError: ``collect.log.refused``, ``collect.log.waiting``.
        """
        kind = "TEMPORARY LOGICAL" if is_temporary else "LOGICAL"
        row = self._ask(f"CREATE_REPLICATION_SLOT {_quoted(slot)} {kind} pgoutput EXPORT_SNAPSHOT", _CREATE_SECONDS)
        return Made(place_of(row["consistent_point"]), row["snapshot_name"])

    def start(self, slot: str, place: int, publication: str) -> None:
        """Have the changes sent whose transactions were committed at this place or behind it.

        Raises:
            SourceError: ``collect.log.lost``; ``collect.log.busy`` when another follows this slot.
        """
        names = _quoted(publication).replace("'", "''")
        command = (
            f"START_REPLICATION SLOT {_quoted(slot)} LOGICAL {lsn(place)} (proto_version '1', publication_names '{names}')"
        )
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            result = self._pg.exec_(command.encode())
            if result.status == self._pq.ExecStatus.COPY_BOTH:
                self._heard = time.monotonic()
                self._is_streaming = True
                return
            if _state(result, self._pq) in _LOST:
                raise lost(_words(result))
            if _state(result, self._pq) != _BUSY:
                raise refused(_words(result))
            if time.monotonic() > deadline:
                raise busy(slot)
            time.sleep(0.2)

    def next(self, seconds: float) -> bytes | None:
        """The next message of the stream; none when none came for so many seconds."""
        while True:
            try:
                count, data = self._pg.get_copy_data(1)
            except Exception as error:
                raise unreachable(self.place, error) from None
            if count > 0:
                self._heard = time.monotonic()
                return bytes(data)
            if count < 0:
                raise unreachable(self.place, RuntimeError(self._ending()))
            if time.monotonic() - self._heard > _SILENCE_SECONDS:
                raise unreachable(self.place, TimeoutError("it is silent"))
            if not select.select([self._pg.socket], [], [], seconds)[0]:
                return None
            seconds = 0.0
            try:
                self._pg.consume_input()
            except Exception as error:
                raise unreachable(self.place, error) from None

    def tell(self, place: int, *, is_asking: bool = False) -> None:
        """Say that the log before a place is no longer needed; asking, to be told how far it was read."""
        message = _status(b"r", place, place, place, 0, is_asking)
        try:
            self._pg.put_copy_data(message)
            self._flush()
        except Exception as error:
            raise unreachable(self.place, error) from None

    def _flush(self) -> None:
        while self._pg.flush():
            readable, _, _ = select.select([self._pg.socket], [self._pg.socket], [], _CONNECT_SECONDS)
            if readable:
                self._pg.consume_input()

    def _ask(self, command: str, seconds: float = 60) -> dict[str, str]:
        self._pg.send_query(command.encode())
        self._wait(lambda: not self._pg.is_busy(), seconds)
        result = self._pg.get_result()
        while self._pg.get_result() is not None:
            pass
        if result.status != self._pq.ExecStatus.TUPLES_OK:
            raise refused(_words(result))
        values = [result.get_value(0, i) for i in range(result.nfields)]
        return {result.fname(i).decode(): (v or b"").decode() for i, v in enumerate(values)}

    def _wait(self, is_done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            self._flush()
            if select.select([self._pg.socket], [], [], 0.5)[0]:
                try:
                    self._pg.consume_input()
                except Exception as error:
                    raise unreachable(self.place, error) from None
            if is_done():
                return
            if time.monotonic() > deadline:
                self._connection.close()
                raise SourceError(
                    "collect.log.waiting",
                    "The server did not give a place in its log within {seconds} s: transactions are under way for so long.",
                    hint="See pg_stat_activity for the oldest transaction, end it, and run the task again.",
                    seconds=int(seconds),
                )

    def _ending(self) -> str:
        result = self._pg.get_result()
        return (result.error_message or b"").decode(errors="replace") if result else "the link broke"


def place_of(text: str) -> int:
    """A place of the log, of its text: ``16/B374D848``."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def lsn(place: int) -> str:
    """A place of the log as PostgreSQL writes it."""
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _state(result: Any, pq: Any) -> str:
    return (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()


def _words(result: Any) -> str:
    text = (result.error_message or b"").decode(errors="replace")
    return _first_line(text).removeprefix("ERROR:").strip()


def _first_line(text: str) -> str:
    found = text.strip().splitlines()
    return found[0].rstrip(".") if found else ""
