"""Collecting: GB18030 text files and a SQLite table into the raw layer, with receipts.

Ours proves the encoding to the last byte, counts the records with a second reader, takes figures of every
column before and after, hashes each row, and records batch and audit event. The peers only copy.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cities import digest, engine, files, prepare, sources, workspace
from harness import Bench, Outcome, Timer, run

from cityloom.flows import chain
from cityloom.flows.runner import Runner

_CHUNK = 10_000


def collected(resource: str, folder: Path, timer: Timer) -> Outcome:
    """One resource by the platform."""
    with workspace(folder) as made:
        with timer:
            done = chain.collect(made, Runner(made), [resource])
        table = made.city.resources[resource].raw_table
    return _outcome(files(folder, table), done[0].result.written)


def hukou(folder: Path, people: int, timer: Timer) -> Outcome:
    """The household register."""
    return collected("hukou", folder, timer)


def insured(folder: Path, people: int, timer: Timer) -> Outcome:
    """The insured persons."""
    return collected("insured", folder, timer)


def prepare_texts(folder: Path, people: int) -> None:
    """The city, and its register once more in UTF-8 for those who can read nothing else."""
    prepare(folder, people)
    for path in (sources(folder) / "ga").glob("hukou_*.csv"):
        _recode(path, folder / path.name)


def copied(folder: Path, people: int, timer: Timer) -> Outcome:
    """DuckDB: UTF-8 text to Parquet."""
    return _copy(folder, timer, None)


def recoded(folder: Path, people: int, timer: Timer) -> Outcome:
    """The same, recoding from GB18030 first, a block at a time."""
    made = folder / "recoded"
    made.mkdir()
    return _copy(made, timer, sources(folder) / "ga")


def _copy(work: Path, timer: Timer, given: Path | None) -> Outcome:
    bare, target = engine(), work / "copied.parquet"
    with timer:
        for path in given.glob("hukou_*.csv") if given else ():
            _recode(path, work / path.name)
        texts = f"read_csv('{work}/hukou_*.csv', all_varchar = true, header = true, allow_quoted_nulls = false, nullstr = 'NO SUCH TEXT')"
        bare.execute(f"COPY (SELECT * FROM {texts}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return _outcome([str(target)])


def _recode(path: Path, target: Path) -> None:
    with path.open(encoding="gb18030", newline="") as given, target.open("w", encoding="utf-8", newline="") as taken:
        while block := given.read(1 << 20):
            taken.write(block)


def fetched(folder: Path, people: int, timer: Timer) -> Outcome:
    """Python's sqlite3: fetchmany to Parquet."""
    target = folder / "fetched.parquet"
    with timer:
        cursor = sqlite3.connect(sources(folder) / "rs" / "shebao.db").execute("SELECT * FROM insured ORDER BY rowid")
        schema = pa.schema([(d[0], pa.string()) for d in cursor.description])
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(_CHUNK):
                columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return _outcome([str(target)])


def _outcome(paths: list[str], rows: int = 0) -> Outcome:
    names = [n for n in pq.read_schema(paths[0]).names if not n.startswith("_")]
    return Outcome(rows, digest(engine(), f"read_parquet({paths})", names))


if __name__ == "__main__":
    run(
        Bench(
            name="collect",
            base=40_000,
            unit="people",
            prepare=prepare_texts,
            ours=hukou,
            peers={"duckdb copy of UTF-8": copied, "recode, duckdb copy": recoded},
        ),
        Bench(
            name="collect_sqlite",
            base=40_000,
            unit="people",
            prepare=prepare,
            ours=insured,
            peers={"sqlite3 fetchmany to parquet": fetched},
        ),
    )
