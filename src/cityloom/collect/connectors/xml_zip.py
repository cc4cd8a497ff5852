"""Records in XML files, zipped or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from xml.parsers import expat

import pyarrow as pa
from lxml import etree

from cityloom.collect.archives import Limits, members
from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.spool import Spool
from cityloom.kernel.errors import DataError
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
                with _located(name):
                    for element in _elements(file, self.record, name):
                        record: dict[str, str | None] = {}
                        _flatten("", element, record)
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


def _elements(file: Any, record: str, name: str) -> Iterator[Any]:
    """Record elements one by one; what was passed is let go of."""
    events = etree.iterparse(
        file, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    depth = 0
    for event, element in events:
        if event == "start":
            if element.getparent() is None and element.getroottree().docinfo.doctype:
                raise _doctype(name)
            depth += _local(element.tag) == record
            continue
        if _local(element.tag) != record:
            continue
        depth -= 1
        if depth == 0:
            yield element
            element.clear(keep_tail=False)
            while element.getprevious() is not None:
                del element.getparent()[0]


def _flatten(prefix: str, element: Any, record: dict[str, str | None]) -> None:
    for key, value in element.attrib.items():
        record[f"{prefix}@{_local(key)}"] = value
    seen: dict[str, int] = {}
    for child in element:
        name = f"{prefix}{_local(child.tag)}"
        seen[name] = number = seen.get(name, 0) + 1
        name = name if number == 1 else f"{name}[{number}]"
        if len(child):
            _flatten(f"{name}.", child, record)
            if (child.text or "").strip():
                record[name] = child.text
        else:
            record[name] = child.text or ""
            for key, value in child.attrib.items():
                record[f"{name}.@{_local(key)}"] = value


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
        raise _doctype(name)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        while block := file.read(_BLOCK):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _malformed(name, error.lineno, error.offset + 1) from None
    return found


@contextmanager
def _located(name: str) -> Iterator[None]:
    try:
        yield
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise _malformed(name, line or 1, column) from None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _malformed(name: str, line: int, column: int) -> DataError:
    return DataError(
        "collect.xml.malformed",
        "{file}, line {line}, column {column}: this is no well-formed XML.",
        hint="Have the file delivered anew, or corrected at that place.",
        file=name,
        line=line,
        column=column,
    )


def _doctype(name: str) -> DataError:
    return DataError(
        "collect.xml.doctype",
        "{file} declares a document type, and such files are refused.",
        hint="Have it delivered without DOCTYPE and entities.",
        file=name,
    )
