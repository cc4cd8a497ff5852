"""Builds the example city 云澜市: the truth, and what seven departments know of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cityloom.engines.base import Engine
from cityloom.kernel.errors import UserError
from cityloom.kernel.files import write_whole
from cityloom.sample import firms as firm_sql
from cityloom.sample import people as people_sql
from cityloom.sample.sources import civil, health, housing, market, police, social
from cityloom.sample.sources.feed import Feed, Stretch
from cityloom.sample.writers import Writer

VERSION = 1
"""Changes whenever the same seed would give another city."""
INTERFACE_KEY = "demo-wj-key"
"""What the births interface wants to see in ``X-App-Key``."""
LEAST = 100
"""Fewest people a city can have."""

FEEDS: tuple[Feed, ...] = (
    *police.FEEDS, *civil.FEEDS, *health.FEEDS, *social.FEEDS, *market.FEEDS, *housing.FEEDS
)  # fmt: skip
_STRETCH = 25_000
_FIRM_STRETCH = 50_000
_BUILDING = ".building"
_PARTS = ("sources", "truth")

Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class CityManifest:
    """What a generated city consists of; ``city.json`` holds the same.

    ``rows`` counts records by file (``rs/shebao.db#insured`` for a table), relative to ``sources/`` or with
    ``truth/`` before it; ``records`` by feed; ``dirt`` by kind, ``dirt_by_feed`` by feed and kind. ``digest``
    is of the truth and does not depend on the order of rows.
    """

    version: int
    people: int
    firms: int
    seed: int
    digest: str
    rows: dict[str, int]
    records: dict[str, int]
    dirt: dict[str, int]
    dirt_by_feed: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def dirt_share(self) -> float:
        """Share of the records of all sources that carry dirt, 0 to 1."""
        return sum(self.dirt.values()) / sum(self.records.values())


def generate(
    folder: Path,
    *,
    people: int = 20_000,
    seed: int = 20260101,
    engine: Engine,
    progress: Progress | None = None,
) -> CityManifest:
    """Generate the example city into a folder, or leave it alone if it is there already.

    Args:
        folder: gets ``sources/``, ``truth/`` and at last ``city.json``.
        people: true people; firms are 15 % as many.
        seed: what chance follows from: the same seed gives the same city.
        engine: computes the sets.
        progress: told the step's name and the share done, 0 to 1.

    Raises:
        UserError: ``sample.people.few`` for fewer than 100 people; ``sample.folder.foreign`` for a folder
            whose ``sources`` or ``truth`` are not of a city generated here.
    """
    if people < LEAST:
        raise UserError(
            "sample.people.few", "A city needs at least {least} people.", hint="Ask for more.", least=LEAST
        )
    known = read_manifest(folder)
    if known is not None and _is_same(known, folder, people, seed):
        return known
    _clear(folder)
    build = folder / _BUILDING
    city = _City(build, people, people * 15 // 100, seed, engine, progress or (lambda step, share: None))
    manifest = city.build()
    for part in _PARTS:
        (build / part).rename(folder / part)
    write_whole(folder / "city.json", json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
    shutil.rmtree(build)
    return manifest


def read_manifest(folder: Path) -> CityManifest | None:
    """The manifest of a generated city; None if the folder holds no whole city."""
    try:
        return CityManifest(**json.loads((folder / "city.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def _is_same(known: CityManifest, folder: Path, people: int, seed: int) -> bool:
    paths = (p.partition("#")[0] for p in known.rows)
    places = (folder / p if p.startswith("truth/") else folder / "sources" / p for p in paths)
    return (known.version, known.people, known.seed) == (VERSION, people, seed) and all(
        p.is_file() for p in places
    )


def _clear(folder: Path) -> None:
    """Forget an earlier city, its manifest first, so that half a city never has one."""
    is_ours = (folder / "city.json").exists() or (folder / _BUILDING).exists()
    if not is_ours and any((folder / part).exists() for part in _PARTS):
        raise UserError(
            "sample.folder.foreign",
            "The folder {folder} holds other things named sources or truth.",
            hint="Choose an empty folder.",
            folder=folder.name,
        )
    (folder / _BUILDING).mkdir(parents=True, exist_ok=True)
    (folder / "city.json").unlink(missing_ok=True)
    for part in (*_PARTS, _BUILDING):
        if (folder / part).exists():
            shutil.rmtree(folder / part)



@dataclass
class _City:
    """The work of one generation, inside the building folder."""

    root: Path
    people: int
    firms: int
    seed: int
    engine: Engine
    progress: Progress
    rows: dict[str, int] = field(default_factory=dict)
    dirt: dict[str, Counter[str]] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)

    def build(self) -> CityManifest:
        """Do all of it, step by step."""
        (self.root / "sources").mkdir(parents=True)
        self.progress("identities", 0.0)
        self._basis()
        writers = {feed.name: feed.writer(self.root / "sources") for feed in FEEDS}
        self._walk_people(writers)
        self._walk_firms(writers)
        for writer in writers.values():
            self.rows |= writer.close()
        write_whole(self.root / "sources" / "wj" / "interface.key", INTERFACE_KEY)
        self.progress("done", 1.0)
        return self._manifest()

    def _relation(self, pattern: str) -> str:
        paths = sorted(self.root.glob(pattern))
        return self.engine.files(paths).sql(dialect=self.engine.dialect)

    def _basis(self) -> None:
        work = self.root / "work"
        self.engine.write_parquet(people_sql.identities(self.people, self.seed), work / "ids.parquet")
        self.engine.write_parquet(
            firm_sql.numbers(self.firms, self.people, self.seed), work / "codes.parquet"
        )

    def _walk_people(self, writers: dict[str, Writer]) -> None:
        clans = -(-self.people // people_sql.CLAN)
        ids, codes = self._relation("work/ids.parquet"), self._relation("work/codes.parquet")
        for first in range(0, clans, _STRETCH):
            last = min(first + _STRETCH, clans)
            self.progress("people", 0.05 + 0.75 * first / clans)
            name = f"work/people_{first:010d}.parquet"
            query = people_sql.population(
                first, last, people=self.people, firms=self.firms, seed=self.seed, ids=ids, codes=codes
            )
            self.engine.write_parquet(query, self.root / name)
            events = f"({people_sql.events(first, last, self.people, self.seed)})"
            self._feed(Stretch(people=self._relation(name), events=events), ("people", "events"), writers)
        self._truth_of_people()

    def _walk_firms(self, writers: dict[str, Writer]) -> None:
        self.progress("firms", 0.85)
        everyone = self._relation("work/people_*.parquet")
        query = firm_sql.register(self._relation("work/codes.parquet"), everyone)
        self.engine.write_parquet(query, self.root / "work" / "firms.parquet")
        firms, size = self._relation("work/firms.parquet"), _FIRM_STRETCH
        for first in range(0, self.firms, size):
            self.progress("firms", 0.87 + 0.12 * first / self.firms)
            part = f"(SELECT * FROM {firms} WHERE j >= {first} AND j < {first + size})"
            self._feed(Stretch(firms=part), ("firms",), writers)
        self._truth("legal_person", f"SELECT {firm_sql.LEGAL_PERSON} FROM {firms} ORDER BY j")

    def _feed(self, stretch: Stretch, over: tuple[str, ...], writers: dict[str, Writer]) -> None:
        for feed in FEEDS:
            if feed.over not in over:
                continue
            counts = self.dirt.setdefault(feed.name, Counter())
            for batch in self.engine.batches(feed.query(stretch)):
                self.records[feed.name] += batch.num_rows
                counts.update(k for k in batch.column("label").to_pylist() if k)
                for target, rows in _runs(batch):
                    writers[feed.name].write(target, rows)

    def _truth_of_people(self) -> None:
        """Everyone in order, stretch by stretch: sorting all of them at once would take memory that grows."""
        path = self.root / "truth" / "population.parquet"
        path.parent.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            writer: pq.ParquetWriter | None = None
            for stretch in sorted((self.root / "work").glob("people_*.parquet")):
                query = f"SELECT {people_sql.POPULATION} FROM {self._relation(f'work/{stretch.name}')} ORDER BY i"
                for batch in self.engine.batches(query):
                    writer = writer or stack.enter_context(pq.ParquetWriter(path, batch.schema, compression="zstd"))
                    writer.write_batch(batch)
        self.rows["truth/population.parquet"] = self.people

    def _truth(self, name: str, query: str) -> None:
        written = self.engine.write_parquet(query, self.root / "truth" / f"{name}.parquet")
        self.rows[f"truth/{name}.parquet"] = written.rows

    def _digest(self, name: str) -> str:
        table = self._relation(f"truth/{name}.parquet")
        columns = people_sql.POPULATION if name == "population" else firm_sql.LEGAL_PERSON
        (total,) = self.engine.rows(
            f"SELECT CAST(sum(CAST(hash({columns}) AS HUGEINT)) AS VARCHAR) FROM {table}"
        )[0]
        return f"{int(total):x}"

    def _manifest(self) -> CityManifest:
        total: Counter[str] = sum(self.dirt.values(), Counter())
        return CityManifest(
            version=VERSION,
            people=self.people,
            firms=self.firms,
            seed=self.seed,
            digest=f"{self._digest('population')}-{self._digest('legal_person')}",
            rows=dict(sorted(self.rows.items())),
            records=dict(sorted(self.records.items())),
            dirt=dict(sorted(total.items())),
            dirt_by_feed={name: dict(sorted(kinds.items())) for name, kinds in sorted(self.dirt.items())},
        )


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The batch cut where the target changes."""
    start = 0
    for target, run in itertools.groupby(batch.column("target").to_pylist()):
        length = sum(1 for _ in run)
        yield target, batch.slice(start, length)
        start += length
