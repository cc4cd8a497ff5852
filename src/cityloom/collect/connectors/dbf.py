"""Tables of dBase and FoxPro."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa

from cityloom.collect.base import ColumnShape, RejectSink, Slice, TableShape
from cityloom.collect.chunks import Chunk
from cityloom.collect.dbase.header import Field, Header, read_header
from cityloom.collect.dbase.records import Records, live_count
from cityloom.collect.dbase.values import FieldError
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.table import require_header
from cityloom.collect.tables import literal_glob
from cityloom.kernel.errors import CityLoomError, ConfigError
from cityloom.model.text import STRICT, Title

_AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Dbf:
    """Tables of dBase III to 7 and FoxPro, one batch a file; memos from the file beside it (.dbt, .fpt).

    Records marked as deleted are none. ``_row`` is the record's number. Numbers keep the digits they are written
    with, dates become ISO, logical values ``1`` and ``0``, binary data hexadecimal digits; blank fields are NULL.
    A record with a field that is not what its column says is set apart.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob.
        encoding: of the texts; ``auto`` takes what a file .cpg or the header says, else UTF-8 or GB 18030, whichever
            all texts are in. Name it where the header is wrong.
        memos: ``require`` the file with the memos, or ``leave`` them NULL where it is lost.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "dbf"
    title: ClassVar[Title] = Title("dBase/FoxPro 数据表（dbf）", "dBase and FoxPro tables (dbf)")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"folder": "sources/sw", "pattern": "纳税人.dbf", "encoding": "gb18030"},
    )

    folder: str
    pattern: str = "*.[dD][bB][fF]"
    encoding: str = _AUTO
    memos: Literal["require", "leave"] = "require"
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The records that are not deleted."""
        with self._open(piece) as records:
            names = [f.name for f in records.header.fields]
            require_header(names, records.name)
            chunk = Chunk(names)
            for number, record in records.live():
                try:
                    chunk.add(number, records.texts(record))
                except FieldError as error:
                    sink(number, error.column, "collect.dbf.field", str(error), records.rough(record))
                if chunk.is_full:
                    yield chunk.take()
            yield chunk.take()
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """The records that bear no mark of deletion, by their marks alone."""
        return live_count(held_file(piece).path, self._header(piece))

    def tables(self) -> Iterator[TableShape]:
        """Each file of the folder as a table."""
        for piece in self.slices({}):
            name = Path(piece.origin).stem
            what = {"pattern": literal_glob(piece.origin)}
            try:
                header = self._header(piece)
                rows = live_count(held_file(piece).path, header)
            except CityLoomError as error:
                yield TableShape(name=name, what=what, error=error)
                continue
            columns = tuple(ColumnShape(name=f.name, kind=_kind(f)) for f in header.fields)
            yield TableShape(name=name, what=what, columns=columns, rows=rows, size=piece.size)

    def _header(self, piece: Slice) -> Header:
        if piece.error:
            raise piece.error
        held = held_file(piece)
        return read_header(held.path, held.name, "" if self.encoding == _AUTO else _codec(self.encoding))

    def _open(self, piece: Slice) -> Records:
        header = self._header(piece)
        held = held_file(piece)
        needs = self.memos == "require"
        encoding = header.encoding if self.encoding == _AUTO else _codec(self.encoding)
        encoding = encoding or _proven(held.path, held.name, header, needs)
        return Records(held.path, held.name, header, encoding, needs_memos=needs)


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ConfigError(
            "collect.encoding.unknown",
            "There is no encoding {encoding}.",
            hint="Use auto, utf-8, gb18030, gbk, big5 or utf-16.",
            encoding=name,
        ) from None


def _proven(path: Path, name: str, header: Header, needs_memos: bool) -> str:
    """UTF-8 where all texts are in it, else GB 18030."""
    with Records(path, name, header, "utf-8", needs_memos=needs_memos) as records:
        for _, record in records.live():
            try:
                for words in records.words(record):
                    words.decode("utf-8")
            except UnicodeDecodeError:
                return "gb18030"
            except FieldError:
                continue
    return "utf-8"


def _kind(one: Field) -> str:
    size = f"{one.size},{one.decimals}" if one.decimals else str(one.size)
    return f"{one.kind}({size})" if one.kind in "CNFV" else one.kind
