"""Changes kept on disk between the log and the lake: memory holds one chunk, however large a transaction is."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, cast

import pyarrow as pa

from cityloom.collect.base import OPERATION, POSITION, ROW

_CHUNK = 8192
_BYTES = 8 << 20
Value = str | None


class ChangeSpool:
    """A temporary file of changes, gone when it is closed or let go of.

    Columns may change between two changes; all columns seen are those of the whole, in the order first seen.
    """

    def __init__(self) -> None:
        self._file = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as the spool
        self._digest = hashlib.sha256()
        self._starts: list[int] = []
        self._names: tuple[str, ...] = ()
        self._seen: dict[str, None] = {}
        self._gone: list[tuple[int, int]] = []
        self._hidden = 0
        self._clear()
        self.count = self.size = 0

    def use(self, names: Sequence[str]) -> None:
        """Name the columns of what is added from now on."""
        if tuple(names) != self._names:
            self._flush()
            self._names = tuple(names)
            self._seen.update(dict.fromkeys(names))

    def add(self, operation: str, position: str, values: Sequence[Value], size: int) -> None:
        """Keep one change: its values by the columns in use; ``size`` in bytes, roughly."""
        self._operations.append(operation)
        self._positions.append(position)
        self._values.append(values)
        self._size += size
        self.size += size
        self.count += 1
        if len(self._operations) >= _CHUNK or self._size >= _BYTES:
            self._flush()

    def drop(self, count: int) -> None:
        """Forget all changes but the first ``count`` ones."""
        total = self.count + self._hidden
        first = count
        for start, end in self._gone:
            first += end - start if start <= first else 0
        self._gone = [one for one in self._gone if one[0] < first] + [(first, total)]
        self.count, self._hidden = count, total - count

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return list(self._seen)

    @property
    def digest(self) -> str:
        """sha256 of the changes kept so far."""
        self._flush()
        digest = self._digest.copy()
        digest.update(repr(self._gone).encode())
        return digest.hexdigest()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All changes with all columns, ``_op``, ``_position`` and ``_row`` from 1; at least one batch.

        Args:
            columns: those of a spool without changes.
        """
        self._flush()
        self._seen = self._seen or dict.fromkeys(columns)
        row, at = 1, 0
        if not self._starts:
            yield self._whole(None, row)
        for start in self._starts:
            self._file.seek(start)
            with pa.ipc.open_stream(self._file) as reader:
                batch = reader.read_next_batch()
            kept = self._kept(batch, at)
            yield self._whole(kept, row)
            at += batch.num_rows
            row += kept.num_rows

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _kept(self, batch: pa.RecordBatch, at: int) -> pa.RecordBatch:
        if not self._gone:
            return batch
        numbers = range(at, at + batch.num_rows)
        mask = [not any(first <= n < last for first, last in self._gone) for n in numbers]
        return batch.filter(pa.array(mask, pa.bool_()))

    def _whole(self, batch: pa.RecordBatch | None, row: int) -> pa.RecordBatch:
        count = batch.num_rows if batch is not None else 0
        known = {n: batch.column(i) for i, n in enumerate(batch.schema.names)} if batch is not None else {}
        nothing = pa.nulls(count, pa.string())
        names = [*self._seen, OPERATION, POSITION]
        arrays = [known.get(n, nothing) for n in names]
        return pa.RecordBatch.from_arrays([*arrays, pa.array(range(row, row + count), pa.int64())], names=[*names, ROW])

    def _flush(self) -> None:
        if not self._operations:
            return
        columns = list(zip(*self._values, strict=True)) if self._names else []
        arrays = [pa.array(c, pa.string()) for c in (*columns, self._operations, self._positions)]
        batch = pa.RecordBatch.from_arrays(arrays, names=[*self._names, OPERATION, POSITION])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue()
        self._digest.update(content)
        self._file.seek(0, 2)
        self._starts.append(self._file.tell())
        self._file.write(content)
        self._clear()

    def _clear(self) -> None:
        self._operations: list[str] = []
        self._positions: list[str] = []
        self._size = 0
        self._values: list[Sequence[Value]] = []
