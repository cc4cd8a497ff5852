"""Records whose fields are known only after all of them were seen, kept on disk in between."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, cast

import pyarrow as pa

from cityloom.collect.base import ROW, text_batch

_CHUNK = 8192


class Spool:
    """A temporary file of records; memory holds one chunk of them. Gone when it is closed or let go of.

    ``columns`` are in the order in which they were first seen; ``digest`` is of all records in order, unless the
    source's own is known.
    """

    def __init__(self, *, is_digested: bool = True) -> None:
        self._is_digested = is_digested
        self._file = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as the spool
        self._records: list[Mapping[str, str | None]] = []
        self._rows: list[int] = []
        self._starts: list[int] = []
        self._digest = hashlib.sha256()
        self._seen: dict[str, None] = {}
        self.count = 0

    def add(self, row: int, record: Mapping[str, str | None]) -> None:
        """Keep one record."""
        self._records.append(record)
        self._rows.append(row)
        self._seen.update(dict.fromkeys(record))
        self.count += 1
        if len(self._records) >= _CHUNK:
            self._flush()

    @property
    def columns(self) -> list[str]:
        """Names of all fields seen."""
        return list(self._seen)

    @property
    def digest(self) -> str:
        """sha256 of the records kept so far."""
        self._flush()
        return self._digest.hexdigest()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All records with all columns, NULL where a record has no such field; at least one batch."""
        self._flush()
        if not self._starts:
            yield text_batch({}, [])
        for start in self._starts:
            self._file.seek(start)
            with pa.ipc.open_stream(self._file) as reader:
                batch = reader.read_next_batch()
            known = set(batch.schema.names)
            nothing = pa.nulls(batch.num_rows, pa.string())
            texts = {n: batch.column(n) if n in known else nothing for n in self._seen}
            yield text_batch(texts, batch.column(ROW))

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _flush(self) -> None:
        if not self._records:
            return
        if self._is_digested:
            self._digest.update(repr([sorted(r.items()) for r in self._records]).encode("utf-8", "surrogatepass"))
        names = dict.fromkeys(n for r in self._records for n in r)
        batch = text_batch({n: [r.get(n) for r in self._records] for n in names}, self._rows)
        self._file.seek(0, 2)
        self._starts.append(self._file.tell())
        with pa.ipc.new_stream(self._file, batch.schema) as writer:
            writer.write_batch(batch)
        self._records, self._rows = [], []
