"""Rows gathered to batches that are bounded in number and in size."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from cityloom.collect.base import text_batch

_ROWS = 10_000
_CHARACTERS = 4 << 20


class Chunk:
    """Rows with one text a column.

    Args:
        names: of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._numbers: list[int] = []
        self._rows: list[Sequence[str | None]] = []
        self._size = 0

    def add(self, number: int, texts: Sequence[str | None]) -> None:
        """Take a row in."""
        self._numbers.append(number)
        self._rows.append(texts)
        self._size += sum(map(len, filter(None, texts)))

    @property
    def is_full(self) -> bool:
        """Whether it is time to take the batch."""
        return len(self._rows) >= _ROWS or self._size >= _CHARACTERS

    def take(self) -> pa.RecordBatch:
        """The rows as a batch; the chunk is empty afterwards."""
        columns = list(zip(*self._rows, strict=True)) if self._rows else [()] * len(self._names)
        batch = text_batch(dict(zip(self._names, columns, strict=True)), self._numbers)
        self._numbers, self._rows, self._size = [], [], 0
        return batch
