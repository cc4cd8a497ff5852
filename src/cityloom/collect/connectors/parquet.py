"""Parquet files of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from cityloom.collect.base import RejectSink, Slice, text_batch
from cityloom.collect.columns import BinaryError, column_text
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.collect.table import require_header
from cityloom.kernel.errors import DataError
from cityloom.model.text import STRICT, Title

_CHUNK = 20_000


@dataclass(frozen=True, kw_only=True)
class Parquet:
    """Parquet files, one batch a file. ``_row`` is the row's number.

    Numbers come with all digits, decimals with their places, dates and times in ISO form and moments with their zone
    where they have one, lengths of time like ``PT90.5S``, lists, structs and maps as JSON text.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        binary: what becomes of binary data: ``refuse`` the file, or ``hex`` digits.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "parquet"
    title: ClassVar[Title] = Title("Parquet 文件", "Parquet files")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"folder": "sources/jt", "pattern": "*.parquet"},)

    folder: str
    pattern: str = "*.parquet"
    binary: Literal["refuse", "hex"] = "refuse"
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows as text: numbers in full, dates and times ISO."""
        with _open(piece) as file:
            names = list(file.schema_arrow.names)
            require_header(names, piece.origin)
            row = 1
            yield text_batch({n: [] for n in names}, [])
            for batch in _batches(file, piece):
                texts = {n: self._text(c, n, piece) for n, c in zip(names, batch.columns, strict=True)}
                yield text_batch(texts, range(row, row + batch.num_rows))
                row += batch.num_rows
        require_unchanged(piece)

    def _text(self, column: pa.Array, name: str, piece: Slice) -> pa.Array:
        try:
            return column_text(column, is_hex=self.binary == "hex")
        except BinaryError:
            raise _binary(name, piece.origin) from None

    def count(self, piece: Slice) -> int:
        """The file's own figure."""
        with _open(piece) as file:
            return int(file.metadata.num_rows)


def _open(piece: Slice) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(held_file(piece).path)
    except (pa.ArrowException, OSError):
        raise _damaged(piece) from None


def _batches(file: pq.ParquetFile, piece: Slice) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(batch_size=_CHUNK)
    except (pa.ArrowException, OSError):
        raise _damaged(piece) from None


def _damaged(piece: Slice) -> DataError:
    return DataError(
        "collect.parquet.damaged",
        "{file} is no readable Parquet file; it may be cut off.",
        hint="Have the file delivered anew.",
        file=piece.origin,
    )


def _binary(column: str, file: str) -> DataError:
    return DataError(
        "collect.column.binary",
        "{file}: column {column} holds binary data.",
        hint="Have it delivered as text, or set the option binary to hex.",
        file=file,
        column=column,
    )
