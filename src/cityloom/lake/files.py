"""Files of the lake's tables: written batch by batch, named by the log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction

from cityloom.engines.base import WrittenFile
from cityloom.kernel.behind import Behind


def ever_named(logs: Iterable[Path]) -> set[str]:
    """The files that any version names."""
    entries = (json.loads(line) for log in logs for line in log.read_text(encoding="utf-8").splitlines())
    return {unquote(entry["add"]["path"]) for entry in entries if entry.get("add")}


def write_batches(batches: Iterable[pa.RecordBatch], path: Path, schema: pa.Schema) -> int:
    """One row group a batch, written while the next one is made."""
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer, Behind(writer.write_batch) as write:
        for batch in batches:
            write(batch)
            count += batch.num_rows
    return count


def add_action(file: WrittenFile) -> AddAction:
    """The log's entry for a new file."""
    modified = int(file.path.stat().st_mtime * 1000)
    return AddAction(file.path.name, file.size, {}, modified, True, json.dumps({"numRecords": file.rows}))


def remove_action(path: Path) -> RemoveAction:
    """The log's entry for a file that leaves."""
    at = int(path.stat().st_mtime * 1000) if path.exists() else 0
    return RemoveAction(path.name, deletion_timestamp=at, data_change=True)
