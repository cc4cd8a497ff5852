"""Collecting: tables of databases and files into the raw layer, with receipts, beside dlt and bare copies.

Ours counts at the source, reads in one snapshot, takes the figures of every column on both sides (by default the
database computes its own), hashes each row, and records batch and audit event; values are exact text. The peers
only copy: dlt to Parquet in a folder, with each of its backends; others as they are named.

A way is a row of :data:`WAYS`; ``--only postgresql`` measures one. Servers are those of ``make servers``; a way
whose server is not there is left out.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt_peer
import people
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from cities import digest, engine, files, prepare, sources, workspace
from harness import Bench, Outcome, Part, Timer, run

from cityloom.collect import run as collect_stage
from cityloom.collect.base import build
from cityloom.flows import chain
from cityloom.flows.runner import Runner
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title

_CHUNK = 10_000
_ANY = Title("例", "example")
_ROWS = 250_000


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way in: how its source is made, the connector with its options, and who else goes it."""

    name: str
    connector: str
    options: dict[str, Any]
    load: Callable[[Path, int], None]
    peers: dict[str, Part] = field(default_factory=dict)
    server: str = ""
    base: int = _ROWS

    def bench(self) -> Bench:
        """The way as a benchmark."""
        return Bench(
            name=f"collect_{self.name}", base=self.base, unit="rows", prepare=self.load, ours=self.collect, peers=self.peers
        )

    def collect(self, folder: Path, rows: int, timer: Timer) -> Outcome:
        """The rows into a workspace."""
        if self.server:
            os.environ["BENCH_URL"] = address(self.server)
        items = tuple(Item(name=n, column=n, title=_ANY) for n in people.COLUMNS)
        resource = Resource(
            name="people",
            department="ga",
            title=_ANY,
            abstract=_ANY,
            category="x",
            key=("id",),
            items=items,
            collect=CollectionTask(source="s"),
        )
        source = Source(name="s", title=_ANY, department="ga", connector=self.connector, options=self.options)
        with workspace(folder) as made:
            given = {"lake": made.lake, "store": made.store, "clock": made.clock, "base": folder}
            build(resource, source, folder)  # imports all connectors, which is not the work
            with timer:
                done = collect_stage.run(resource, source, **given)
        if done.written != rows or not done.summary["reconciled"]:
            raise SystemExit(f"{self.name}: {done.written} of {rows} rows came in")
        return Outcome(done.written)


def address(kind: str) -> str:
    """The address of the server's database, as text."""
    url = people.address(kind)
    return url.render_as_string(hide_password=False) if url else ""


def dlt(source: Callable[[Path], str], *backends: str) -> dict[str, Part]:
    """dlt with its backends; the first one, its default, is called ``dlt``."""

    def part(backend: str) -> Part:
        def measured(folder: Path, rows: int, timer: Timer) -> Outcome:
            found = dlt_peer.run(source(folder), backend)
            if found is None:
                return Outcome(0)
            if found["rows"] != rows:
                raise SystemExit(f"dlt: {found['rows']} of {rows} rows came in")
            timer.seconds, timer.cpu_seconds, timer.peak_mb = found["seconds"], found["cpu_seconds"], found["peak_mb"]
            return Outcome(rows)

        return measured

    return {"dlt" if n == 0 else f"dlt {backend}": part(backend) for n, backend in enumerate(backends)}


def write_excel(folder: Path, rows: int) -> None:
    """A workbook with one sheet."""
    with xlsxwriter.Workbook(folder / "people.xlsx", {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, list(people.COLUMNS))
        fetch, number = people.read(rows), 0
        while some := fetch(_CHUNK):
            for row in some:
                number += 1
                page.write_row(number, 0, ["" if v is None else v if isinstance(v, int) else str(v) for v in row])


def copied_text(folder: Path, rows: int, timer: Timer) -> Outcome:
    """DuckDB: UTF-8 text to Parquet."""
    target = folder / "copied.parquet"
    with timer:
        texts = f"read_csv('{folder}/people.csv', all_varchar = true, header = true)"
        engine().execute(f"COPY (SELECT * FROM {texts}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return Outcome(rows)


def copied_database(folder: Path, rows: int, timer: Timer) -> Outcome:
    """DuckDB: its own file to Parquet."""
    target, bare = folder / "copied.parquet", engine()
    with timer:
        bare.execute(f"ATTACH '{folder}/people.duckdb' AS given (READ_ONLY)")
        bare.execute(f"COPY (SELECT * FROM given.person) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return Outcome(rows)


def fetched(folder: Path, rows: int, timer: Timer) -> Outcome:
    """Python's sqlite3: fetchmany to Parquet."""
    with timer:
        cursor = sqlite3.connect(folder / "people.db").execute("SELECT * FROM person ORDER BY rowid")
        schema = pa.schema([(d[0], pa.string()) for d in cursor.description])
        with pq.ParquetWriter(folder / "fetched.parquet", schema, compression="zstd") as writer:
            while some := cursor.fetchmany(_CHUNK):
                texts = ([None if v is None else str(v) for v in column] for column in zip(*some, strict=True))
                writer.write_batch(pa.RecordBatch.from_arrays([pa.array(t, pa.string()) for t in texts], schema=schema))
    return Outcome(rows)


def prepare_texts(folder: Path, size: int) -> None:
    """The example city, and its register once more in UTF-8 for those who can read nothing else."""
    prepare(folder, size)
    for path in (sources(folder) / "ga").glob("hukou_*.csv"):
        _recode(path, folder / path.name)


def register(folder: Path, size: int, timer: Timer) -> Outcome:
    """The household register of the example city, in GB18030."""
    with workspace(folder) as made:
        with timer:
            done = chain.collect(made, Runner(made), ["hukou"])
        table = made.city.resources["hukou"].raw_table
    return _outcome(files(folder, table), done[0].result.written)


def copied_register(folder: Path, size: int, timer: Timer) -> Outcome:
    """DuckDB: the same in UTF-8 to Parquet."""
    return _copy(folder, timer, None)


def recoded_register(folder: Path, size: int, timer: Timer) -> Outcome:
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


def _outcome(paths: list[str], rows: int = 0) -> Outcome:
    names = [n for n in pq.read_schema(paths[0]).names if not n.startswith("_")]
    return Outcome(rows, digest(engine(), f"read_parquet({paths})", names))


_SERVED: dict[str, Any] = {"url": "env:BENCH_URL", "table": people.TABLE}
WAYS = (
    Way(
        name="postgresql",
        connector="postgresql",
        options=_SERVED,
        load=people.load_postgresql,
        server="postgresql",
        peers=dlt(lambda _: address("postgresql"), *dlt_peer.BACKENDS),
    ),
    Way(
        name="postgresql_stream",
        connector="postgresql",
        options={**_SERVED, "proof": "stream"},
        load=people.load_postgresql,
        server="postgresql",
    ),
    Way(
        name="mariadb",
        connector="mysql",
        options=_SERVED,
        load=people.load_mariadb,
        server="mariadb",
        peers=dlt(lambda _: address("mariadb"), *dlt_peer.BACKENDS),
    ),
    Way(
        name="mariadb_stream",
        connector="mysql",
        options={**_SERVED, "proof": "stream"},
        load=people.load_mariadb,
        server="mariadb",
    ),
    Way(
        name="sqlite",
        connector="sqlite",
        options={"path": "people.db", "table": people.TABLE},
        load=people.load_sqlite,
        peers={**dlt(lambda folder: f"sqlite:///{folder}/people.db", "sqlalchemy", "pyarrow"), "sqlite3 fetchmany to parquet": fetched},
    ),
    Way(
        name="duckdb",
        connector="duckdb_file",
        options={"path": "people.duckdb", "table": people.TABLE},
        load=people.load_duckdb,
        peers={"duckdb copy": copied_database},
    ),
    Way(
        name="csv",
        connector="csv_files",
        options={"folder": ".", "pattern": "people.csv"},
        load=lambda folder, rows: people.write_text(folder / "people.csv", rows),
        peers={**dlt(lambda folder: f"{folder}/people.csv", "csv"), "duckdb copy": copied_text},
    ),
    Way(
        name="xlsx",
        connector="excel",
        options={"folder": ".", "pattern": "people.xlsx"},
        load=write_excel,
        base=25_000,
    ),
)


def main() -> None:
    """Measure the ways whose sources are there."""
    there = [way for way in WAYS if not way.server or people.address(way.server)]
    for way in WAYS:
        if way not in there and "--part" not in sys.argv:
            print(f"{way.name} is left out: start its server with `make servers`.", file=sys.stderr)
    run(
        *(way.bench() for way in there),
        Bench(
            name="collect_gb18030",
            base=40_000,
            unit="people",
            prepare=prepare_texts,
            ours=register,
            peers={"duckdb copy of UTF-8": copied_register, "recode, duckdb copy": recoded_register},
        ),
    )


if __name__ == "__main__":
    main()
