"""The records of a file as exact text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cityloom.collect.dbase.header import Field, Header, damaged
from cityloom.collect.dbase.memo import Memo, find_memo, no_memos
from cityloom.collect.dbase.values import FieldError, plain
from cityloom.kernel.i18n import _

_DELETED = ord("*")
_BINARY_MEMOS = frozenset("GPBW")


class Records:
    """The records of a file, one after another.

    Args:
        path: of the file; its memos stand beside it.
        name: what to call it in errors.
        header: as ``read_header`` gives it.
        encoding: of its texts.
        needs_memos: whether its memos must be there; else they are NULL where the file with them is missing.

    Raises:
        DataError: ``collect.dbf.memo``.
    """

    def __init__(self, path: Path, name: str, header: Header, encoding: str, *, needs_memos: bool = True) -> None:
        self.path, self.name, self.header, self.encoding = path, name, header, encoding
        self._memo: Memo | None = None
        if header.has_memos:
            self._memo = find_memo(path, header.version)
            if self._memo is None and needs_memos:
                raise no_memos(name)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *error: object) -> None:
        if self._memo:
            self._memo.close()

    def live(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each record that is not deleted.

        Raises:
            DataError: ``collect.dbf.damaged`` when there are fewer or more records than the header says.
        """
        with self.path.open("rb") as file:
            file.seek(self.header.start)
            for number in range(1, self.header.count + 1):
                record = file.read(self.header.width)
                if len(record) < self.header.width:
                    text = _("it ends in record {number} of {count}")
                    raise damaged(self.name, text.format(number=number, count=self.header.count))
                if record[0] != _DELETED:
                    yield number, record
            self._require_end(file)

    def texts(self, record: bytes) -> list[str | None]:
        """The fields of a record; ``None`` for blank ones.

        Raises:
            FieldError: where a field is not what the header says.
        """
        flags = self._flags(record)
        found = []
        for field in self.header.fields:
            try:
                found.append(self._text(field, record, flags))
            except UnicodeDecodeError:
                error = FieldError(f"the bytes are no text in {self.encoding}")
                error.column = field.name
                raise error from None
            except FieldError as error:
                error.column = field.name
                raise
        return found

    def rough(self, record: bytes) -> dict[str, str | None]:
        """The fields of a record that cannot be taken, as they stand; bytes that are no text as ``\\xNN``."""
        pieces = {f.name: record[f.at : f.at + f.size] for f in self.header.fields}
        return {name: raw.strip(b" \0").decode(self.encoding, "backslashreplace") for name, raw in pieces.items()}

    def words(self, record: bytes) -> Iterator[bytes]:
        """The bytes of a record that are text of people, memos included."""
        for field in self.header.fields:
            data = record[field.at : field.at + field.size]
            if field.kind in "CV":
                yield data
            elif field.kind == "M" and self._memo:
                yield self._memo.get(data) or b""

    def _text(self, field: Field, record: bytes, flags: int) -> str | None:
        data = record[field.at : field.at + field.size]
        if field.null_bit >= 0 and flags >> field.null_bit & 1:
            return None
        if field.size_bit >= 0 and flags >> field.size_bit & 1:
            data = data[: data[-1]]
        if field.is_memo:
            memo = self._memo.get(data) if self._memo else None
            if memo is None:
                return None
            return memo.hex() if field.kind in _BINARY_MEMOS else memo.decode(self.encoding)
        if field.kind in "CV":
            return data.rstrip(b" \0").decode(self.encoding) or None
        return plain(field.kind, data)

    def _flags(self, record: bytes) -> int:
        flags = self.header.flags
        return int.from_bytes(record[flags.at : flags.at + flags.size], "little") if flags else 0

    def _require_end(self, file: IO[bytes]) -> None:
        if file.read(1) not in (b"\x1a", b"\0", b""):
            text = _("it holds more than the {count} records that its header names")
            raise damaged(self.name, text.format(count=self.header.count))


def live_count(path: Path, header: Header) -> int:
    """The records not marked as deleted, by their marks alone."""
    count = 0
    with path.open("rb") as file:
        for number in range(header.count):
            file.seek(header.start + number * header.width)
            count += file.read(1) not in (b"*", b"")
    return count
