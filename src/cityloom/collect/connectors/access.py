"""Tables of Access databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import ColumnShape, RejectSink, Slice, TableShape
from cityloom.collect.chunks import Chunk
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.jet import table as jet
from cityloom.collect.jet.catalog import Entry, entries
from cityloom.collect.jet.pages import BrokenError, JetFile, damaged
from cityloom.collect.jet.values import KINDS
from cityloom.collect.table import require_header
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.model.text import STRICT, Title

_SIZED = (9, 10)


@dataclass(frozen=True, kw_only=True)
class Access:
    """A table of Access databases (.mdb and .accdb, from Access 97 on), one batch a file.

    The files are read by their pages: no program of Access or ODBC is needed. ``_row`` is the row's number in the
    order of the pages. Yes/No becomes ``1`` and ``0``, dates ISO with time, currency and decimals keep their places,
    binary data and OLE objects become hexadecimal digits. A file that a password encrypts is refused.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        table: which table.
        encoding: of texts in files of Access 97, which hold none in Unicode (for example ``cp936``); empty takes the
            one that the file names.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "access"
    title: ClassVar[Title] = Title("Access 数据库", "Access database")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"folder": "sources/zj", "pattern": "房产.mdb", "table": "权属"},)

    folder: str
    pattern: str = "*.mdb"
    table: str = ""
    encoding: str = ""
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows of the table."""
        with self._open(piece) as file:
            found = self._definition(file)
            names = [c.name for c in found.columns]
            require_header(names, f"{file.name}, {self.table}")
            chunk = Chunk(names)
            for number, row in enumerate(_sound(file, found), 1):
                if isinstance(row, BrokenError):
                    sink(number, "", "collect.access.row", str(row), {"": row.raw.hex()})
                else:
                    chunk.add(number, row)
                if chunk.is_full:
                    yield chunk.take()
            yield chunk.take()
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """The figure that Access itself keeps in the table's definition."""
        with self._open(piece) as file:
            return self._definition(file).rows

    def tables(self) -> Iterator[TableShape]:
        """The tables of the first file that matches."""
        for piece in self.slices({}):
            with self._open(piece) as file:
                yield from (_shape(file, entry) for entry in _entries(file))
            return

    def _open(self, piece: Slice) -> JetFile:
        if piece.error:
            raise piece.error
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError:
            raise ConfigError(
                "collect.encoding.unknown",
                "There is no encoding {encoding}.",
                hint="Use auto, utf-8, gb18030, gbk, big5 or utf-16.",
                encoding=self.encoding,
            ) from None
        return JetFile(held_file(piece).path, held_file(piece).name, self.encoding)

    def _definition(self, file: JetFile) -> jet.Definition:
        known = _entries(file)
        entry = next((e for e in known if e.name == self.table), None)
        if entry is None:
            raise DataError(
                "collect.table.missing",
                "{path} holds no table {table}.",
                hint="There are: {known}.",
                path=file.name,
                table=self.table or "-",
                known=", ".join(e.name for e in known) or "-",
            )
        if not entry.page:
            raise _linked(file, entry)
        try:
            return jet.read_definition(file, entry.page)
        except BrokenError as broken:
            raise damaged(f"{file.name}, {self.table}", str(broken)) from None


def _entries(file: JetFile) -> list[Entry]:
    try:
        return list(entries(file))
    except BrokenError as broken:
        raise damaged(file.name, str(broken)) from None


def _sound(file: JetFile, found: jet.Definition) -> Iterator[list[str | None] | BrokenError]:
    """The rows, while the table's pages are sound."""
    try:
        yield from jet.rows(file, found, file.encoding)
    except BrokenError as broken:
        raise damaged(file.name, str(broken)) from None


def _shape(file: JetFile, entry: Entry) -> TableShape:
    what = {"table": entry.name}
    if not entry.page:
        return TableShape(name=entry.name, what=what, error=_linked(file, entry))
    try:
        found = jet.read_definition(file, entry.page)
    except BrokenError as broken:
        return TableShape(name=entry.name, what=what, error=damaged(f"{file.name}, {entry.name}", str(broken)))
    return TableShape(
        name=entry.name,
        what=what,
        columns=tuple(_column(c, entry.properties.get(c.name, {}), file.is_jet3) for c in found.columns),
        key=found.key,
        rows=found.rows,
        title=entry.properties.get("", {}).get("Description", ""),
    )


def _column(column: jet.Column, properties: Mapping[str, str], is_jet3: bool) -> ColumnShape:
    kind = KINDS.get(column.kind, str(column.kind))
    if column.kind in _SIZED:
        kind = f"{kind}({column.size if is_jet3 or column.kind == _SIZED[0] else column.size // 2})"
    return ColumnShape(
        name=column.name,
        kind=kind,
        is_required=properties.get("Required") == "1",
        title=properties.get("Caption") or properties.get("Description", ""),
    )


def _linked(file: JetFile, entry: Entry) -> DataError:
    return DataError(
        "collect.table.linked",
        "{file} only refers to the table {table}; its rows are in another database.",
        hint="Collect it from that database.",
        file=file.name,
        table=entry.name,
    )
