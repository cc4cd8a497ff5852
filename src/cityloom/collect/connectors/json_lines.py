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
from cityloom.collect.delimited.recode import Utf8, open_text
from cityloom.collect.delimited.records import read_line
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.nested import at_path, flatten, parse
from cityloom.collect.spool import Spool
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """JSON Lines files, one batch a file.

    ``_row`` is the line. Lines that are no JSON object are set apart with line, column and text.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        encoding: ``auto`` or an encoding's name.
        records_path: dotted path of the record in a line's object (``payload.record``); empty for the object itself.
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
        with closing(Spool(is_digested=False)) as spool:
            for number, raw in self._lines(piece):
                line = read_line(raw)
                text = line.text.removeprefix("\ufeff").rstrip("\r\n")
                if line.problem:
                    sink(number, "", line.problem, line.reason, {"": text})
                else:
                    self._take(number, text, spool, sink)
            yield from spool.batches()
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Lines that are not blank."""
        return sum(1 for _ in self._lines(piece))

    def _lines(self, piece: Slice) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, as UTF-8, with their numbers."""
        held = held_file(piece)
        with closing(open_text(held.path, held.name, self.encoding)[1]) as text:
            yield from ((number, line) for number, line in enumerate(_from(text), 1) if line.strip(b" \t\r\n\xef\xbb\xbf"))

    def _take(self, number: int, text: str, spool: Spool, sink: RejectSink) -> None:
        try:
            record = at_path(parse(text), self.records_path)
            if isinstance(record, dict):
                spool.add(number, flatten(record))
                return
            code, problem = "collect.json.record", "not a JSON object"
        except KeyError as error:
            code, problem = "collect.json.path", f"nothing at {error.args[0]} of {self.records_path}"
        except json.JSONDecodeError as error:
            code, problem = "collect.json.malformed", f"no JSON at column {error.colno}"
        except ValueError as error:
            code, problem = "collect.json.ambiguous", str(error)
        sink(number, "", code, problem, {"": text})


def _from(text: Utf8) -> Iterator[bytes]:
    text.file.seek(text.start)
    return iter(text.file)
