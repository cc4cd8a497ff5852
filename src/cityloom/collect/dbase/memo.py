"""Memo files: long texts and binary data that records only point to."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from cityloom.collect.dbase.values import FieldError
from cityloom.kernel.errors import DataError

_ENDINGS = (".fpt", ".FPT", ".dbt", ".DBT", ".Fpt", ".Dbt")
_DBASE3 = 0x83
_BLOCK = 512
_BLANK = b" \0"


class Memo:
    """An open memo file of FoxPro (.fpt), dBase III or dBase IV and later (.dbt).

    Args:
        path: of the file.
        version: first byte of the table's header.
    """

    def __init__(self, path: Path, version: int) -> None:
        self._file: IO[bytes] = path.open("rb")
        head = self._file.read(_BLOCK)
        self._is_foxpro = path.suffix.casefold() == ".fpt"
        self._is_three = version == _DBASE3
        if self._is_foxpro:
            self._block = struct.unpack_from(">H", head, 6)[0] or 1
        else:
            self._block = _BLOCK if self._is_three else struct.unpack_from("<H", head, 20)[0] or _BLOCK

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def get(self, pointer: bytes) -> bytes | None:
        """The memo that a record's field points to; ``None`` where it points to none.

        Raises:
            FieldError: where there is no such memo.
        """
        number = self._number(pointer)
        if number <= 0:
            return None
        self._file.seek(number * self._block)
        if self._is_three:
            return self._until_end()
        head = self._file.read(8)
        if len(head) < 8:
            raise FieldError("its memo is not in the memo file")
        size = struct.unpack_from(">I", head, 4)[0] if self._is_foxpro else struct.unpack_from("<I", head, 4)[0] - 8
        if size < 0 or (not self._is_foxpro and head[:2] != b"\xff\xff"):
            raise FieldError("its memo is not in the memo file")
        found = self._file.read(size)
        if len(found) < size:
            raise FieldError("its memo is cut off")
        return found

    @staticmethod
    def _number(pointer: bytes) -> int:
        if len(pointer) == 4:
            return int(struct.unpack("<I", pointer)[0])
        words = pointer.strip(_BLANK)
        if not words.isdigit() and words:
            raise FieldError("it points to no memo")
        return int(words or 0)

    def _until_end(self) -> bytes:
        found = b""
        while block := self._file.read(_BLOCK):
            end = (found + block).find(b"\x1a", max(len(found) - 1, 0))
            found += block
            if end >= 0:
                return found[:end]
        raise FieldError("its memo is cut off")


def find_memo(path: Path, version: int) -> Memo | None:
    """The memo file beside a table."""
    for ending in _ENDINGS:
        beside = path.with_suffix(ending)
        if beside.is_file():
            return Memo(beside, version)
    return None


def no_memos(name: str) -> DataError:
    """The error for a table whose memos are not there."""
    return DataError(
        "collect.dbf.memo",
        "{file} has memo columns, and no memo file stands beside it.",
        hint="Deliver the file with the same name ending in .dbt or .fpt with it, into the same folder; where it is lost, set the option memos to leave.",
        file=name,
    )
