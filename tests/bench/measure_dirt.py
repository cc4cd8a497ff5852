"""Finding and correcting errors in real dirty tables: what the suggested rules find, what declared constraints find.

One JSON line a figure: ``{"name": "dirt", "set": ..., "metric": ..., "value": ..., "published": {...}}``. Each table is
laid into a lake, rules are suggested and accepted as a person would accept them all, the resource is assessed, the kept
broken rows are blamed on cells and corrections are proposed: the product's own path, with the defaults for every table.
A cell is wrong where the dirty and the clean file differ. No label is used.

Sets: ``raha/…``, ``noise/…`` (variants of hospital and beers), ``missdc/…`` (blanked cells only) and ``dgov/…`` (48 real
tables for each kind of error). The defaults were set while looking at raha/hospital, raha/beers and every third table
of dgov (``dgov/…/tuned``); ``dgov/…/unseen`` are the others.

``--sets raha,dgov`` chooses; without the real data beside the repository nothing is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import SystemClock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.repair import Proposal, Suspect, propose, suspects
from cityloom.quality.run import run
from cityloom.quality.suggest import suggest
from cityloom.store import quality as _quality  # noqa: F401  its tables are made
from cityloom.store.database import Store, metadata

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.real_data import REAL  # noqa: E402

_BOTH = ("business", "technical")
_T = Title("脏数据", "dirt")
_EQUAL = re.compile(r"EQ\(t1\.(\w+),t2\.\w+\)")
_UNEQUAL = re.compile(r"IQ\(t1\.(\w+),t2\.\w+\)")
DETECTION = {
    "raha/hospital": {"NADEEF": 0.09, "KATARA": 0.06, "dBoost": 0.49, "Raha, 20 labels": 0.72, "ETSB-RNN": 0.965},
    "raha/beers": {"NADEEF": 0.08, "KATARA": 0.12, "dBoost": 0.55, "Raha, 20 labels": 0.99, "ETSB-RNN": 0.978},
}
GIVEN = {
    "raha/hospital": {"HoloClean": 0.83, "Baran, 20 labels": 0.87},
    "raha/beers": {"HoloClean": 0.01, "Baran, 20 labels": 0.90},
}
WHOLE = {"raha/hospital": {"Raha+Baran": 0.66}, "raha/beers": {"Raha+Baran": 0.90}}
Cell = tuple[int, str]


@dataclass(frozen=True)
class Table:
    """One dirty table with its truth: by cell the dirty and the right value; ``skipped`` cells are not scored."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    right: Mapping[Cell, str]
    skipped: frozenset[Cell] = frozenset()
    declared: tuple[RuleUse, ...] = ()


@dataclass
class Score:
    """Cells found, wrong and right."""

    out: int = 0
    wrong: int = 0
    hits: int = 0

    def add(self, other: Score) -> None:
        """Together with another one."""
        self.out, self.wrong, self.hits = self.out + other.out, self.wrong + other.wrong, self.hits + other.hits

    @property
    def figures(self) -> dict[str, float]:
        """Precision, recall, F1."""
        precision = self.hits / self.out if self.out else 0.0
        recall = self.hits / self.wrong if self.wrong else 0.0
        both = precision + recall
        return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / both if both else 0.0}


class Bench:
    """A lake and a store in a folder, and what is done in them with each table."""

    def __init__(self, folder: Path) -> None:
        self.engine = DuckDBEngine(folder / "spill", memory_mb=1024, threads=2)
        self.lake = Lake(folder / "lake", self.engine)
        self.store = Store(f"sqlite:///{folder / 'control.db'}")
        self.clock = SystemClock()
        self.number = 0
        with self.store.write() as connection:
            _make_tables(connection)

    def land(self, table: Table) -> Resource:
        """The table as raw rows of a resource."""
        self.number += 1
        items = tuple(Item(name=c, column=c, title=_T) for c in table.columns)
        resource = Resource(
            name=f"t{self.number}", department="dirt", title=_T, abstract=_T, category="c", items=items,
            collect=CollectionTask(source="files"),
        )  # fmt: skip
        rows = pa.table(
            {
                **{c: pa.array([r[i] or None for r in table.rows], pa.string()) for i, c in enumerate(table.columns)},
                "_batch": ["b"] * len(table.rows),
                "_row": pa.array(range(len(table.rows)), pa.int64()),
            }
        )
        self.lake.append(resource.raw_table, rows.to_batches(), part="b", schema=rows.schema)
        return resource

    def suggested(self, resource: Resource) -> tuple[RuleUse, ...]:
        """All rules that are suggested, accepted."""
        found = suggest(resource, phase="before", lake=self.lake, clock=self.clock)
        return tuple(replace(one.use, approved_by=_BOTH) for one in found)

    def found(self, resource: Resource) -> list[Suspect]:
        """The cells that an assessment blames."""
        given: dict[str, Any] = {"phase": "before", "elements": {}, "codes": {}, "lake": self.lake, "clock": self.clock}
        run(resource, store=self.store, **given)
        return list(suspects(resource, **given))

    def corrected(self, resource: Resource, cells: Sequence[Suspect]) -> list[Proposal]:
        """What is proposed for cells."""
        given: dict[str, Any] = {"phase": "before", "elements": {}, "codes": {}, "lake": self.lake, "clock": self.clock}
        return list(propose(resource, cells=iter(cells), **given))


def _make_tables(connection: Connection) -> None:
    metadata.create_all(connection)


def detection(table: Table, found: Sequence[Suspect]) -> Score:
    """Cells blamed against cells wrong."""
    out = {(one.row, one.item) for one in found} - table.skipped
    return Score(len(out), len(table.right), len(out & table.right.keys()))


def correction(table: Table, proposed: Sequence[Proposal]) -> Score:
    """Cells changed to the right value."""
    counted = [one for one in proposed if (one.row, one.item) not in table.skipped]
    hits = sum(table.right.get((one.row, one.item)) == (one.value or "") for one in counted)
    return Score(len(counted), len(table.right), hits)


def given(table: Table, resource: Resource) -> list[Suspect]:
    """The wrong cells as if somebody had marked them, with the rules on their columns."""
    rules: dict[str, list[str]] = defaultdict(list)
    for use in resource.rules:
        names = use.columns if use.rule == "merged" else use.columns[-1:]
        for name in names:
            rules[name].append(use.name or f"{'+'.join(use.columns)}.{use.rule}")
    return [Suspect(batch="b", row=r, item=c, rules=tuple(rules[c])) for r, c in sorted(table.right)]


def measure(bench: Bench, table: Table) -> dict[str, Score]:
    """All scores of one table by what was done."""
    resource = bench.land(table)
    own = bench.suggested(resource)
    ways = {"suggested": own}
    if table.declared:
        ways |= {"declared": table.declared, "both": (*own, *(d for d in table.declared if d.name not in {o.name for o in own}))}
    scores: dict[str, Score] = {}
    for way, rules in ways.items():
        ruled = replace(resource, rules=rules)
        found = bench.found(ruled)
        scores[f"detection.{way}"] = detection(table, found)
        scores[f"correction.{way}"] = correction(table, bench.corrected(ruled, found))
        scores[f"correction_given.{way}"] = correction(table, bench.corrected(ruled, given(table, ruled)))
    return scores


def read(path: Path) -> list[list[str]]:
    """The rows of a CSV, header first."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return list(csv.reader(file))


def table_of(name: str, dirty: Path, clean: Path, declared: Sequence[RuleUse] = (), *, blanks: bool = False) -> Table:
    """A table with its truth; with ``blanks`` only cells that are blank in the dirty file are scored."""
    rows, truth = read(dirty), read(clean)
    columns: list[str] = []
    for i, title in enumerate(rows[0]):
        columns.append(title if title and title not in columns else f"{title}_{i}")
    wide = len(columns)
    body = [(row + [""] * wide)[:wide] for row in rows[1:]]
    right, skipped = {}, set()
    for r, (row, true) in enumerate(zip(body, truth[1:], strict=True)):
        for c, old, new in zip(columns, row, true, strict=False):
            if old != new:
                if blanks and old:
                    skipped.add((r, c))
                else:
                    right[r, c] = new
    return Table(name, tuple(columns), body, right, frozenset(skipped), tuple(declared))


def constraints(path: Path, columns: Mapping[str, str]) -> tuple[RuleUse, ...]:
    """Denial constraints of two rows as rules: equal columns determine the one that must not differ."""
    found = []
    for line in path.read_text(encoding="utf-8").split():
        left, right = _EQUAL.findall(line), _UNEQUAL.findall(line)
        if left and len(right) == 1 and {*left, *right} <= columns.keys():
            names = tuple(columns[c] for c in (*left, right[0]))
            name = f"{'+'.join(names[:-1])}->{names[-1]}.dependency"
            found.append(RuleUse(rule="dependency", dimension="consistency", name=name, columns=names, approved_by=_BOTH))
    return tuple({one.name: one for one in found}.values())


_HOSPITAL = {
    "ProviderNumber": "provider_number", "HospitalName": "name", "Address1": "address_1", "City": "city", "State": "state",
    "ZipCode": "zip", "CountyName": "county", "PhoneNumber": "phone", "HospitalType": "type", "HospitalOwner": "owner",
    "EmergencyService": "emergency_service", "Condition": "condition", "MeasureCode": "measure_code",
    "MeasureName": "measure_name", "Stateavg": "state_average",
}  # fmt: skip
_BEERS = {name: name for name in ("brewery_name", "brewery_id", "beer_name", "city", "state")}


def raha() -> Iterator[Table]:
    """The sets that others publish on."""
    for name, columns in (("hospital", _HOSPITAL), ("beers", _BEERS), ("toy", {})):
        rules = REAL / "adr_rules" / name / "dc_rules_holoclean.txt"
        declared = constraints(rules, columns) if rules.is_file() else ()
        folder = REAL / "raha" / name
        yield table_of(f"raha/{name}", folder / "dirty.csv", folder / "clean.csv", declared)


def noise() -> Iterator[Table]:
    """Variants of hospital and beers with more and more errors."""
    for name in ("hospital", "beers"):
        folder = REAL / "adr_rules" / name
        header = {c: c for c in read(folder / "clean.csv")[0]}
        declared = constraints(folder / "dc_rules_holoclean.txt", header)
        for path in sorted((folder / "noise").glob("*.csv")):
            if path.stem.rsplit("-", 1)[-1] in ("01", "10", "30", "50"):
                yield table_of(f"noise/{path.stem}", path, folder / "clean.csv", declared)


def missdc() -> Iterator[Table]:
    """Hospital with blanked cells."""
    folder = REAL / "missdc" / "hospital"
    yield table_of("missdc/hospital", folder / "dirty.csv", folder / "clean.csv", blanks=True)


def dgov() -> Iterator[Table]:
    """Real tables of a government with one kind of error each."""
    for kind in ("FD", "NO", "Typo"):
        for i, folder in enumerate(sorted((REAL / "matelda" / f"DGov_{kind}").iterdir())):
            part = "unseen" if i % 3 else "tuned"
            yield table_of(f"dgov/{kind}/{part}", folder / "dirty.csv", folder / "clean.csv")


def tell(name: str, scores: Mapping[str, Score]) -> None:
    """One line a figure."""
    known = {"detection.suggested": DETECTION, "correction_given.suggested": GIVEN, "correction.suggested": WHOLE}
    for what, score in scores.items():
        for metric, value in score.figures.items():
            line: dict[str, Any] = {"name": "dirt", "set": name, "metric": f"{what}.{metric}", "value": round(value, 3)}
            published = known.get(what, {}).get(name)
            if published and metric == "f1":
                line["published"] = published
            print(json.dumps(line), flush=True)


def sums(found: Sequence[tuple[str, Mapping[str, Score]]]) -> Iterator[tuple[str, dict[str, Score]]]:
    """The tables of a set together (micro), by kind and part and over all."""
    together: dict[str, dict[str, Score]] = defaultdict(lambda: defaultdict(Score))
    for name, scores in found:
        _set, kind, part = name.split("/")
        for group in (name, f"{_set}/{kind}", f"{_set}/all/{part}", f"{_set}/all"):
            for what, score in scores.items():
                together[group][what].add(score)
    yield from together.items()


def main() -> None:
    """Measure by the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", default="raha,noise,missdc,dgov", help="which, separated by commas")
    chosen = parser.parse_args().sets.split(",")
    if not REAL.is_dir():
        print(json.dumps({"name": "dirt", "set": "-", "metric": "skipped", "value": "no real data"}))
        return
    makers = {"raha": raha, "noise": noise, "missdc": missdc, "dgov": dgov}
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="cityloom-dirt-") as made:
        bench = Bench(Path(made))
        for name in chosen:
            begun, found = time.monotonic(), []
            for table in makers[name]():
                scores = measure(bench, table)
                found.append((table.name, scores))
                if name != "dgov":
                    tell(table.name, scores)
            if name == "dgov":
                for group, scores in sums(found):
                    tell(group, scores)
            seconds[name] = round(time.monotonic() - begun)
    for name, value in seconds.items():
        print(json.dumps({"name": "dirt", "set": name, "metric": "seconds", "value": value}))


if __name__ == "__main__":
    main()
