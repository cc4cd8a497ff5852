"""Files with a list of JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.json_stream import Element, JsonStream
from cityloom.collect.nested import flatten
from cityloom.collect.spool import Spool
from cityloom.collect.text import resolve
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class JsonFiles:
    """JSON documents with a list of objects, one batch a file; the list may be longer than memory.

    ``_row`` is the object's number in the list. Elements that are no objects, or have a field twice, are set apart with
    their text. Nested fields are dotted, lists in them stay JSON text, numbers keep their digits.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        encoding: ``auto`` or an encoding's name.
        records_path: dotted path of the list in the document (``data.items``); empty where the document is the list.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "json_files"
    title: ClassVar[Title] = Title("JSON 文件", "JSON files")
    standard: ClassVar[str] = "RFC 8259"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"folder": "sources/wj", "pattern": "*.json", "records_path": "data.items"},
    )

    folder: str
    pattern: str = "*.json"
    encoding: str = "auto"
    records_path: str = ""
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The objects, nested fields dotted."""
        held = held_file(piece)
        with closing(Spool(is_digested=False)) as spool:
            with resolve(held.path, held.name, self.encoding).open(held.path) as text:
                for element in JsonStream(text, held.name).elements(self.records_path):
                    _take(element, spool, sink)
            yield from spool.batches()
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Elements of the list, told by brackets and commas alone."""
        held = held_file(piece)
        with resolve(held.path, held.name, self.encoding).open(held.path) as text:
            return JsonStream(text, held.name).count(self.records_path)


def _take(element: Element, spool: Spool, sink: RejectSink) -> None:
    problem = element.problem
    if not problem and not isinstance(element.value, dict):
        sink(element.number, "", "collect.json.record", "not a JSON object", {"": element.text})
        return
    try:
        if not problem:
            spool.add(element.number, flatten(element.value))
            return
    except ValueError as error:
        problem = str(error)
    sink(element.number, "", "collect.json.ambiguous", problem, {"": element.text})
