"""Files with one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.nested import flatten, parse
from cityloom.collect.spool import Spool
from cityloom.collect.text import resolve
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """JSON Lines files, one batch a file.

    ``_row`` is the line. Lines that are no JSON object are set apart with line and column.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        encoding: ``auto`` or an encoding's name.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "json_lines"
    title: ClassVar[Title] = Title("JSON 行文件", "JSON Lines files")
    standard: ClassVar[str] = "RFC 8259"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"folder": "sources/wj", "pattern": "*.jsonl"},)

    folder: str
    pattern: str = "*.jsonl"
    encoding: str = "auto"
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
        with closing(Spool()) as spool:
            with resolve(held.path, held.name, self.encoding).open(held.path) as text:
                for number, line in enumerate(text, 1):
                    if line.strip():
                        _take(number, line, spool, sink)
            yield from spool.batches()
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Lines that are not blank."""
        held = held_file(piece)
        with resolve(held.path, held.name, self.encoding).open(held.path) as text:
            return sum(1 for line in text if not line.isspace())


def _take(number: int, line: str, spool: Spool, sink: RejectSink) -> None:
    try:
        record = parse(line)
        if not isinstance(record, dict):
            sink(number, "", "collect.json.record", "not a JSON object")
            return
        spool.add(number, flatten(record))
    except json.JSONDecodeError as error:
        sink(number, "", "collect.json.malformed", f"no JSON at column {error.colno}")
    except ValueError as error:
        sink(number, "", "collect.json.ambiguous", str(error))
