"""MariaDB's binary log as a stream of events, over the replication protocol."""

from __future__ import annotations

import secrets
import select
import struct
import time
import zlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cityloom.collect.changes.walsender import lost, unreachable
from cityloom.collect.databases import failures
from cityloom.kernel.errors import SourceError
from cityloom.kernel.extras import require

QUERY, ROTATE, FORMAT, XID, TABLE_MAP, INCIDENT, HEARTBEAT, XA_PREPARE = 2, 4, 15, 16, 19, 26, 27, 38
GTID, MYSQL_GTID, MYSQL_ANONYMOUS = 162, 33, 34
QUERY_COMPRESSED = 165
WRITE, UPDATE, DELETE = "c", "u", "d"
ROWS = {23: (WRITE, 1), 24: (UPDATE, 1), 25: (DELETE, 1), 30: (WRITE, 2), 31: (UPDATE, 2), 32: (DELETE, 2)}
"""Events of rows: what they do, and the version of their head."""
ROWS_COMPRESSED = {166: (WRITE, 1), 167: (UPDATE, 1), 168: (DELETE, 1), 169: (WRITE, 2), 170: (UPDATE, 2), 171: (DELETE, 2)}
UNKNOWN = (39, 40)
"""Events that hold changes and cannot be read: partial updates, packed transactions of MySQL."""
HEAD = 19
_CONNECT_SECONDS = 20
_SILENCE_SECONDS = 30
_HEARTBEAT_SECONDS = 1
_BLOCK = 1 << 18
_WHOLE = 0xFFFFFF
_GONE = 1236
"""The server's error for a place that is not in its log."""
_REFUSED, _DENIED = (1045, 1698), (1044, 1142, 1143, 1227)
_COM_BINLOG_DUMP = 0x12
_SUM, _CRC32 = 4, 1
_header = struct.Struct("<IBIIIH").unpack_from


@dataclass(frozen=True)
class Event:
    """One event: ``at`` seconds since 1970, ``size`` with its head, ``end`` where the next one stands in the file."""

    at: int
    kind: int
    size: int
    end: int
    body: memoryview


def place_name(url: sa.URL) -> str:
    """How the server is called in errors."""
    return f"{url.host or 'localhost'}:{url.port or 3306}/{url.database or ''}"


def connect(url: sa.URL) -> Any:
    """A connection that commits each statement, and is patient while a slice lands.

    Raises:
        SourceError: ``collect.source.unreachable``, ``collect.source.denied``.
    """
    pymysql = require("pymysql", extra="changes")
    encoders = require("pymysql.converters", extra="changes").encoders
    try:
        return pymysql.connect(
            **{k: str(v) for k, v in url.query.items()},
            host=url.host or "localhost",
            port=url.port or 3306,
            user=url.username,
            password=str(url.password or ""),
            database=url.database,
            charset="utf8mb4",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=600,
            write_timeout=60,
            autocommit=True,
            init_command="SET SESSION net_write_timeout = 3600",
            program_name="cityloom",
            conv=dict(encoders),
        )
    except pymysql.MySQLError as error:
        raise broken(place_name(url), error) from None


def broken(place: str, error: Exception) -> SourceError:
    """The error for what the server said, or for a link that broke."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    if code == _GONE:
        return lost(text.rstrip("."))
    if code in _REFUSED:
        return failures.denied(place)
    if code in _DENIED:
        return failures.forbidden(place, text)
    return unreachable(place, RuntimeError(text))


class Binlog:
    """The events of the log from a place in a file on.

    Args:
        url: of the server.
        file: of the log.
        position: in it.
    """

    def __init__(self, url: sa.URL, file: str, position: int) -> None:
        self._place = place_name(url)
        self._connection = connect(url)
        self._buffer = bytearray()
        self._at = 0
        self._heard = time.monotonic()
        self._has_sums = False
        with self._connection.cursor() as cursor:
            cursor.execute("SET @master_binlog_checksum = @@global.binlog_checksum")
            cursor.execute("SET @mariadb_slave_capability = 4")
            cursor.execute(f"SET @master_heartbeat_period = {_HEARTBEAT_SECONDS * 10**9}")
        number = 1 << 30 | secrets.randbits(30)
        asked = struct.pack("<IHI", position, 0, number) + file.encode()
        try:
            self._connection._execute_command(_COM_BINLOG_DUMP, asked)  # noqa: SLF001 - the driver has no call for it
        except Exception as error:
            raise broken(self._place, error) from None
        self._socket = self._connection._sock  # noqa: SLF001
        self._socket.settimeout(_SILENCE_SECONDS)

    def close(self) -> None:
        """Let go of it: closing tells the server to end the stream."""
        self._connection._force_close()  # noqa: SLF001

    def next(self, seconds: float) -> Event | None:
        """The next event; none when none came for so many seconds."""
        packet = self._packet()
        while packet is None:
            if time.monotonic() - self._heard > _SILENCE_SECONDS:
                raise unreachable(self._place, TimeoutError("it is silent"))
            if not self._is_readable(seconds):
                return None
            self._receive()
            seconds = 0.0
            packet = self._packet()
        return self._event(packet)

    def _event(self, packet: memoryview) -> Event:
        if packet[0] == 0xFF:
            code = int.from_bytes(packet[1:3], "little")
            text = bytes(packet[3:]).decode(errors="replace")
            raise broken(self._place, RuntimeError(code, text[6:] if text.startswith("#") else text))
        if packet[0] == 0xFE and len(packet) < 9:
            raise unreachable(self._place, ConnectionError("it ended the log"))
        at, kind, _, size, end, _ = _header(packet, 1)
        return Event(at, kind, size, end, self._body(kind, packet[1:]))

    def _body(self, kind: int, event: memoryview) -> memoryview:
        """What an event holds, without its checksum, which must be right."""
        if kind == FORMAT:
            self._has_sums = event[-_SUM - 1] == _CRC32
        elif kind == ROTATE:
            return event[HEAD : -_SUM if _is_sound(event) else None]
        elif self._has_sums:
            if not _is_sound(event):
                raise unreachable(self._place, ConnectionError("an event was damaged on its way"))
            return event[HEAD:-_SUM]
        return event[HEAD:]

    def _is_readable(self, seconds: float) -> bool:
        pending = getattr(self._socket, "pending", None)
        return bool(pending and pending()) or bool(select.select([self._socket], [], [], seconds)[0])

    def _receive(self) -> None:
        try:
            block = self._socket.recv(_BLOCK)
        except OSError as error:
            raise unreachable(self._place, error) from None
        if not block:
            raise unreachable(self._place, ConnectionError("the link broke"))
        self._heard = time.monotonic()
        if self._at:
            self._buffer = self._buffer[self._at :]
            self._at = 0
        self._buffer += block

    def _packet(self) -> memoryview | None:
        """The next whole packet of the buffer: one of 16 MB and more comes in pieces."""
        at, parts = self._at, []
        while True:
            if len(self._buffer) - at < 4:
                return None
            size = int.from_bytes(self._buffer[at : at + 3], "little")
            if len(self._buffer) - at < 4 + size:
                return None
            parts.append(bytes(self._buffer[at + 4 : at + 4 + size]))
            at += 4 + size
            if size < _WHOLE:
                self._at = at
                return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))


def _is_sound(event: memoryview) -> bool:
    return zlib.crc32(event[:-_SUM]) == int.from_bytes(event[-_SUM:], "little")


def file_name(base: str, place: int) -> str:
    """The file of a place: the name has six digits or more."""
    return f"{base}.{place >> 32:06d}"


def place_of(file: str, position: int) -> int:
    """A place as one number that rises: the file's number over the position in it."""
    return (int(file.rpartition(".")[2]) << 32) | position
