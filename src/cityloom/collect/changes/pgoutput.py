"""Messages of PostgreSQL's output plug-in ``pgoutput``, protocol version 1, values as text."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

Values = list[str | None]
BEGIN, COMMIT, RELATION, INSERT, UPDATE, DELETE, TRUNCATE = b"BCRIUDT"
_ABSENT: Final = ord("u")
_NULL: Final = ord("n")
_TEXT: Final = ord("t")
_NEW, _OLD, _KEY = b"NOK"
_length = struct.Struct(">i").unpack_from
_two = struct.Struct(">Q").unpack_from


class AbsentError(Exception):
    """A large value that did not change was left out, and there is no old row to take it from."""


@dataclass(frozen=True)
class Relation:
    """A table as the log describes it: columns with the number of their type; ``identity`` is f for whole old rows."""

    oid: int
    schema: str
    name: str
    identity: str
    columns: tuple[str, ...]
    types: tuple[int, ...]


def commit_place(message: bytes) -> int:
    """Of BEGIN: where the transaction's commit stands."""
    return int(_two(message, 1)[0])


def end_place(message: bytes) -> int:
    """Of COMMIT: behind the transaction."""
    return int(_two(message, 10)[0])


def relation_of(message: bytes) -> int:
    """Of INSERT, UPDATE, DELETE and RELATION: number of the table."""
    return int.from_bytes(message[1:5], "big")


def truncated(message: bytes) -> tuple[int, ...]:
    """Of TRUNCATE: numbers of the tables."""
    count = int.from_bytes(message[1:5], "big")
    return struct.unpack_from(f">{count}I", message, 6)


def relation(message: bytes) -> Relation:
    """Of RELATION: the table."""
    schema, name, rest = message[5:].split(b"\0", 2)
    count = int.from_bytes(rest[1:3], "big")
    names, types, at = [], [], 3
    for _ in range(count):
        end = rest.index(b"\0", at + 1)
        names.append(rest[at + 1 : end].decode())
        types.append(int.from_bytes(rest[end + 1 : end + 5], "big"))
        at = end + 9
    return Relation(relation_of(message), schema.decode(), name.decode(), chr(rest[0]), tuple(names), tuple(types))


def inserted(message: bytes) -> Values:
    """Of INSERT: the row."""
    return _row(message, 6, None)[0]


def updated(message: bytes) -> tuple[Values | None, Values]:
    """Of UPDATE: the old row (its key alone where the log keeps no more), if there is one, and the new row.

    Raises:
        AbsentError: a value is missing.
    """
    kind = message[5]
    if kind == _NEW:
        return None, _row(message, 6, None)[0]
    old, at = _row(message, 6, None)
    return old, _row(message, at + 1, old if kind == _OLD else None)[0]


def deleted(message: bytes) -> Values:
    """Of DELETE: the old row, or its key."""
    return _row(message, 6, None)[0]


def _row(message: bytes, at: int, old: Values | None) -> tuple[Values, int]:
    count = (message[at] << 8) | message[at + 1]
    at += 2
    values: Values = []
    for number in range(count):
        kind = message[at]
        at += 1
        if kind == _TEXT:
            (size,) = _length(message, at)
            at += 4
            values.append(message[at : at + size].decode())
            at += size
        elif kind == _NULL:
            values.append(None)
        elif old is not None:
            values.append(old[number])
        else:
            raise AbsentError
    return values, at
