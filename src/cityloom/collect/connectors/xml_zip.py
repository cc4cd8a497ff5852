"""Records in XML files, zipped or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from xml.parsers import expat

import pyarrow as pa

from cityloom.collect.archives import Limits, members
from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.markup import doctype, elements, flatten, located, malformed
from cityloom.collect.spool import Spool
from cityloom.model.text import STRICT, Title

_BLOCK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class XmlZip:
    """Files ``.xml``, or ``.zip`` with XML members; one batch a file, all members together.

    ``_row`` is the record's number in the file. Children are dotted (``legalRep.name``), attributes have an
    ``@`` (``legalRep.@type``), repeated children a number (``phone[2]``); namespaces are left away. An empty
    element is an empty text. Document types and entities are refused; nothing is fetched from outside.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        record: name of the element that is one record.
        total_limit_mb: what a file may unpack to, MiB.
        ratio_limit: how many times its packed size a member of more than 10 MiB may unpack to.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "xml_zip"
    title: ClassVar[Title] = Title("XML 文件（可压缩）", "XML files, zipped or not")
    standard: ClassVar[str] = "W3C XML 1.0"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"folder": "sources/sj", "pattern": "firms_*.zip", "record": "firm"},
    )

    folder: str
    pattern: str = "*.zip"
    record: str
    total_limit_mb: int = 4096
    ratio_limit: int = 200
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The records."""
        with closing(Spool()) as spool:
            for name, file in self._members(piece):
                with located(name):
                    for element in elements(file, self.record, name):
                        record: dict[str, str | None] = {}
                        flatten("", element, record)
                        spool.add(spool.count + 1, record)
            yield from spool.batches()
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Start tags of the record's element, counted by a second parser."""
        return sum(_count(file, self.record, name) for name, file in self._members(piece))

    def _members(self, piece: Slice) -> Iterator[tuple[str, Any]]:
        held = held_file(piece)
        if held.path.suffix.lower() != ".zip":
            with held.path.open("rb") as plain:
                yield held.name, plain
            return
        limits = Limits(self.total_limit_mb, self.ratio_limit)
        for _, file in members(held.path, held.name, limits, _is_xml):
            yield file.name, file


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")


def _count(file: Any, record: str, name: str) -> int:
    parser = expat.ParserCreate(namespace_separator="}")
    found = depth = 0

    def start(tag: str, _attributes: Any) -> None:
        nonlocal found, depth
        if tag.rpartition("}")[2] == record:
            found += depth == 0
            depth += 1

    def end(tag: str) -> None:
        nonlocal depth
        depth -= tag.rpartition("}")[2] == record

    def refuse(*_: Any) -> None:
        raise doctype(name)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        while block := file.read(_BLOCK):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise malformed(name, error.lineno, error.offset + 1) from None
    return found
