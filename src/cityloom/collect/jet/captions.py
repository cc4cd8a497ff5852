"""What people wrote about a table and its columns in Access: captions, descriptions, whether a value is required."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from cityloom.collect.jet.pages import BrokenError

_NAMES = 0x80
_TEXTS = (10, 12)
_TRUE = 1


def properties(blob: bytes, encoding: str) -> Mapping[str, Mapping[str, str]]:
    """By column (``""`` for the table itself) its properties that are text or yes/no, by name.

    Args:
        blob: the field ``LvProp`` of a table in the catalog.
        encoding: of texts in Jet 3; empty in later versions.

    Raises:
        BrokenError: where the bytes are not such a field.
    """
    if blob[:4] not in (b"MR2\0", b"KKD\0"):
        raise BrokenError("the properties have an unknown form")
    known: list[str] = []
    found: dict[str, dict[str, str]] = {}
    try:
        for kind, chunk in _chunks(blob, 4):
            if kind == _NAMES:
                known = list(_names(chunk, encoding))
            else:
                size = struct.unpack_from("<I", chunk)[0]
                length = struct.unpack_from("<H", chunk, 4)[0]
                owner = _decode(chunk[6 : 6 + length], encoding)
                found.setdefault(owner, {}).update(_values(chunk[size:], known, encoding))
    except (struct.error, IndexError, UnicodeDecodeError):
        raise BrokenError("the properties are cut off") from None
    return found


def _chunks(blob: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 6 <= len(blob):
        size, kind = struct.unpack_from("<IH", blob, at)
        if size < 6:
            raise BrokenError("the properties are cut off")
        yield kind, blob[at + 6 : at + size]
        at += size


def _names(chunk: bytes, encoding: str) -> Iterator[str]:
    at = 0
    while at + 2 <= len(chunk):
        size = struct.unpack_from("<H", chunk, at)[0]
        yield _decode(chunk[at + 2 : at + 2 + size], encoding)
        at += 2 + size


def _values(chunk: bytes, known: list[str], encoding: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at + 8 <= len(chunk):
        size, kind, name, length = struct.unpack_from("<HxBHH", chunk, at)
        raw = chunk[at + 8 : at + 8 + length]
        if kind in _TEXTS:
            yield known[name], _decode(raw, encoding)
        elif kind == _TRUE:
            yield known[name], "1" if raw[:1] != b"\0" else "0"
        at += max(size, 8)


def _decode(raw: bytes, encoding: str) -> str:
    return raw.decode(encoding or "utf-16-le")
