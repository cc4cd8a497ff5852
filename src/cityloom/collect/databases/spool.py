"""Text rows on their way: taken off the source at once, digested, kept on disk until they have landed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from cityloom.collect.base import text_batch
from cityloom.collect.databases.base import CHUNK_BYTES, CHUNK_ROWS

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class TextSpool:
    """A temporary file of batches of text columns; memory holds one of them. Gone when it is closed or let go of.

    ``digest`` is of names and values in order, however they were cut into batches.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._schema = pa.schema([(n, pa.string()) for n in names])
        self._file = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as the spool
        self._writer: Any = pa.ipc.new_stream(self._file, self._schema, options=_OPTIONS)
        self._hashes = [(hashlib.sha256(), hashlib.sha256()) for _ in names]
        self._waiting: list[pa.RecordBatch] = []
        self.count = 0
        self.size = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep a batch of columns with these names, in this order."""
        if not batch.num_rows:
            return
        for column, (values, lengths) in zip(batch.columns, self._hashes, strict=True):
            self.size += _digest(column, values, lengths)
        self._waiting.append(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))
        self.count += batch.num_rows
        if sum(b.num_rows for b in self._waiting) >= CHUNK_ROWS or sum(b.nbytes for b in self._waiting) >= CHUNK_BYTES:
            self._flush()

    def digest(self, *more: str) -> str:
        """sha256 of all rows so far, and of what else decides."""
        whole = hashlib.sha256(repr((self._names, self.count, more)).encode("utf-8", "surrogatepass"))
        for values, lengths in self._hashes:
            whole.update(values.digest() + lengths.digest())
        return whole.hexdigest()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows with their numbers from 1; at least one batch. To be called when no more is added."""
        self._flush()
        self._writer.close()
        self._file.seek(0)
        row = 1
        if not self.count:
            yield text_batch({n: [] for n in self._names}, [])
        with pa.ipc.open_stream(self._file) as reader:
            for batch in reader:
                texts = dict(zip(self._names, batch.columns, strict=True))
                yield text_batch(texts, pa.arange(row, row + batch.num_rows))
                row += batch.num_rows

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            whole = self._waiting[0] if len(self._waiting) == 1 else pa.concat_batches(self._waiting)
            self._waiting = []
            self._writer.write_batch(whole)


def _digest(column: pa.Array, values: Any, lengths: Any) -> int:
    """Add a column's values and their lengths (-1 for NULL) to two digests; returns their bytes."""
    lengths.update(memoryview(pc.fill_null(pc.binary_length(column), -1).buffers()[1])[: 4 * len(column)])
    if column.null_count:
        column = column.drop_null()
    _, marks, data = column.buffers()
    if data is None or not len(column):
        return 0
    offsets = memoryview(marks).cast("i")
    first, last = offsets[column.offset], offsets[column.offset + len(column)]
    values.update(memoryview(data)[first:last])
    return int(last - first)
