"""Assessing citizens with 15-20 % dirt by twenty rules: beside the best query by hand, and beside what others use.

Ours reads a lake table, counts for every rule the rows that it applies to and those that break it, keeps every broken
row with its reasons, scores dimensions and records it all. The query by hand only counts broken rows, in one aggregate in layers
(and one more for repeated keys). Both must find the same. The peers (see ``quality_peers``) run in environments of their own
under ``.bench/``, made at the first run, and read the same Parquet file. ``quality_rules`` doubles the rules on the same
columns; ``quality_profile`` profiles the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import duckdb
from cities import engine
from harness import Bench, Outcome, Part, Timer, run
from quality_rules import COLUMNS, MORE, RULES, Rule, citizens, name_of

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.terms import column
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import Settings
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import Code, CodeTable, RuleUse
from cityloom.model.text import Title
from cityloom.quality import run as stage
from cityloom.quality.base import BLANKS, STAND_INS
from cityloom.quality.profile import Subject, profile
from cityloom.store.database import Store, metadata

PEERS = {
    "great_expectations": (("great_expectations", "pandas", "pyarrow"), 1_000_000),
    "soda": (("soda-core-duckdb",), 10_000_000),
    "cuallee": (("cuallee", "duckdb", "numpy", "pandas", "polars", "pyarrow"), 10_000_000),
    "pointblank": (("pointblank", "polars", "pyarrow"), 10_000_000),
    "pandera": (("pandera[polars]", "pyarrow"), 10_000_000),
    "ydata_profiling": (("ydata-profiling", "pyarrow", "setuptools<81"), 250_000),
}
"""What each peer needs, and the rows that it bears in the memory and the minutes that there are."""
ENVIRONMENTS = Path(__file__).parents[2] / ".bench"
T = Title("市民", "Citizens")
ROWS = 1_000_000
"""Rows under the benchmark of the number of rules."""


def before(folder: Path, rows: int) -> None:
    """The table as one Parquet file, and in the lake in ten batches as they are usually collected."""
    with duckdb.connect(config={"preserve_insertion_order": False, "memory_limit": "2GiB"}) as made:
        made.execute(f"COPY ({citizens(rows)}) TO '{folder}/citizens.parquet' (FORMAT parquet, COMPRESSION zstd)")
    lake = _lake(folder)
    for number in range(10):
        batch = f"b{number:04}"
        query = f"SELECT * FROM read_parquet('{folder}/citizens.parquet') WHERE _batch = '{batch}'"
        lake.append(_resource(RULES).raw_table, query, part=batch)


def ours(folder: Path, rows: int, timer: Timer) -> Outcome:
    """The stage, with its records."""
    return _assessed(folder, RULES, timer)


def by_hand(folder: Path, rows: int, timer: Timer) -> Outcome:
    """One aggregate, and one query for repeated keys."""
    return _counted(folder, RULES, timer)


def _assessed(folder: Path, rules: tuple[Rule, ...], timer: Timer) -> Outcome:
    store = Store(f"sqlite:///{folder / 'control.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
    lake = _lake(folder)
    with timer:
        done = stage.run(
            _resource(rules),
            phase="before",
            elements={},
            codes=_codes(rules),
            lake=lake,
            store=store,
            clock=SystemClock(),
            manner=stage.Manner(is_full=True),
        )
    store.close()
    return Outcome(done.read, dict(sorted(done.summary["broken"].items())))


def _counted(folder: Path, rules: tuple[Rule, ...], timer: Timer) -> Outcome:
    bare = engine()
    paths = [str(path) for path in sorted((folder / "lake").rglob("b0*.parquet"))]
    with timer:
        answer = bare.execute(aggregate(paths, rules))
        names = [d[0] for d in answer.description]
        counts = dict(zip(names, answer.fetchone() or (), strict=True))
        for rule in rules:
            if rule[0] == "duplicate":
                query = f"SELECT count({rule[1][0]}) - count(DISTINCT {rule[1][0]}) FROM read_parquet({paths})"
                counts[name_of(rule)] = (bare.execute(query).fetchone() or (0,))[0]
    return Outcome(0, {name: int(count) for name, count in sorted(counts.items()) if count})


def aggregate(paths: list[str], rules: tuple[Rule, ...]) -> str:
    """All rules on rows in one scan; what several rules need is computed once below them."""
    blanks = BLANKS.replace("'", "''")
    seen = f"CASE WHEN :x >= '\u3001' THEN true WHEN :x >= '!' AND :x < '~' THEN true WHEN :x IS NULL THEN false ELSE regexp_matches(:x, '[^{blanks}]') END"
    there = ", ".join(f"{seen.replace(':x', x)} AS t_{x}" for x in COLUMNS)
    shape = "regexp_matches(citizen_id, '^[1-9][0-9]{16}[0-9X]\\z')"
    named = labelled(rules)
    flags = ", ".join(f'count_if({_broken(rule)}) AS "{label}"' for label, rule in named if rule[0] != "duplicate")
    return f"""
        WITH there AS (SELECT {", ".join(COLUMNS)}, {there}, {shape} AS is_id FROM read_parquet({paths}))
        SELECT {flags} FROM there"""


def labelled(rules: tuple[Rule, ...]) -> list[tuple[str, Rule]]:
    """Rules with a name for each, where two of one kind look at the same columns."""
    seen: dict[str, int] = {}
    found = []
    for rule in rules:
        name = name_of(rule)
        seen[name] = seen.get(name, 0) + 1
        found.append((name if seen[name] == 1 else f"{name}_{seen[name]}", rule))
    return found


def _broken(rule: Rule) -> str:
    kind, columns, o = rule
    x = columns[0]
    if kind == "missing":
        return f"NOT t_{x} OR {x} IN ({', '.join(repr(text) for text in STAND_INS)})"
    codes = ", ".join(repr(code) for code in o.get("codes", ()))
    sex = "sex NOT IN ('0', '9') AND sex <> CASE WHEN substr(citizen_id, 17, 1) IN ('1', '3', '5', '7', '9') THEN '1' ELSE '2' END"
    birth = "replace(birth_date, '-', '') <> substr(citizen_id, 7, 8)"
    terms = {
        "format": "NOT is_id" if "[0-9X]" in o.get("pattern", "") else f"NOT regexp_matches({x}, '^(?:{o.get('pattern')})\\z')",
        "code": f"{x} NOT IN ({codes})",
        "length": f"length({x}) NOT BETWEEN {o.get('least')} AND {o.get('most')}",
        "number_range": f"coalesce(TRY_CAST({x} AS DOUBLE) NOT BETWEEN {o.get('least')} AND {o.get('most')}, true)",
        "date_range": f"NOT (regexp_matches({x}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') AND TRY_CAST({x} AS DATE) IS NOT NULL"
        f" AND {x} BETWEEN '{o.get('first')}' AND CAST(today() AS VARCHAR))",
        "consistent": f"t_{columns[-1]} AND is_id AND {sex if o.get('kind') == 'sex' else birth}",
    }
    return f"t_{x} AND {terms[kind]}"


def peer(name: str) -> Part:
    """A peer, in its own environment, where it bears the rows."""

    def part(folder: Path, rows: int, timer: Timer) -> Outcome:
        needs, most = PEERS[name]
        if rows > most:
            print(f"{name}: left out at {rows:,} rows, it bears {most:,}", file=sys.stderr)
            return Outcome(0)
        script = Path(__file__).with_name("quality_peers.py")
        command = [str(_environment(name, needs)), str(script), name, str(folder / "citizens.parquet")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["nothing"]
            print(f"{name}: failed at {rows:,} rows ({done.returncode}): {said[-1]}", file=sys.stderr)
            return Outcome(0)
        found = json.loads(done.stdout.splitlines()[-1])
        timer.seconds, timer.cpu_seconds, timer.peak_mb = found["seconds"], found["cpu_seconds"], found["peak_mb"]
        return Outcome(0, None)

    return part


def _environment(name: str, needs: tuple[str, ...]) -> Path:
    """The Python of a peer's environment, made when it is not there."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *needs], check=True, timeout=900)
        (folder / ".ready").touch()
    return python


def rules_before(folder: Path, rules: int) -> None:
    """The same table for every number of rules."""
    before(folder, ROWS)


def rules_ours(folder: Path, rules: int, timer: Timer) -> Outcome:
    """So many rules."""
    done = _assessed(folder, _some(rules), timer)
    return Outcome(rules, done.figure)


def rules_by_hand(folder: Path, rules: int, timer: Timer) -> Outcome:
    """So many rules in one aggregate."""
    done = _counted(folder, _some(rules), timer)
    return Outcome(rules, done.figure)


def _some(count: int) -> tuple[Rule, ...]:
    """The first rules, one for each column before there are two of any; without the one on the table: its cost is that of
    the table, not of the rules."""
    simple = {"missing", "format", "code", "length", "number_range", "date_range", "consistent"}
    rules = [rule for rule in (*RULES, *MORE) if rule[0] in simple]
    rules += [("length", (x,), {"least": 1, "most": most}) for most in (300, 400) for x in COLUMNS]
    first = {rule[1][0]: rule for rule in reversed(rules)}
    leading = [first[x] for x in COLUMNS]
    return (*leading, *(rule for rule in rules if rule not in leading))[:count]


def profile_ours(folder: Path, rows: int, timer: Timer) -> Outcome:
    """The full profile."""
    lake = _lake(folder)
    with timer:
        subject = Subject(table="citizens", version=0, at="", relation=lake.relation(_resource(RULES).raw_table))
        found = profile(lake.engine, subject, {name: column(name) for name in COLUMNS})
    return Outcome(found.records, {one.name: one.missing for one in found.fields})


def profile_by_hand(folder: Path, rows: int, timer: Timer) -> Outcome:
    """What the engine itself tells of a table."""
    bare = engine()
    paths = [str(path) for path in sorted((folder / "lake").rglob("b0*.parquet"))]
    with timer:
        found = bare.execute(f"SUMMARIZE SELECT {', '.join(COLUMNS)} FROM read_parquet({paths})").fetchall()
    assert len(found) == len(COLUMNS)
    return Outcome(0)


def _lake(folder: Path) -> Lake:
    return Lake(folder / "lake", DuckDBEngine(folder / "spill", memory_mb=Settings().memory_mb))


def _resource(rules: tuple[Rule, ...]) -> Resource:
    uses = []
    for label, (kind, columns, options) in labelled(rules):
        given = {**options, "codes": columns[0]} if kind == "code" else options
        uses.append(RuleUse(rule=kind, name=label, dimension="accuracy", columns=columns, options=given))
    return Resource(
        name="citizens",
        department="ga",
        title=T,
        abstract=T,
        category="people",
        items=tuple(Item(name=name, column=name, title=T) for name in COLUMNS),
        collect=CollectionTask(source="files", mode="incremental"),
        rules=tuple(uses),
    )


def _codes(rules: tuple[Rule, ...]) -> dict[str, CodeTable]:
    listed = {columns[0]: options["codes"] for kind, columns, options in rules if kind == "code"}
    return {
        name: CodeTable(name=name, title=T, standard="own", codes=tuple(Code(code=code, title=T) for code in codes))
        for name, codes in listed.items()
    }


CHECKED = {"one aggregate by hand": by_hand, **{name: peer(name) for name in PEERS if name != "ydata_profiling"}}
PROFILED = {"SUMMARIZE": profile_by_hand, "ydata_profiling": peer("ydata_profiling")}
COUNTED = {"one aggregate by hand": rules_by_hand}
if __name__ == "__main__":
    run(
        Bench(name="quality", base=250_000, unit="rows", prepare=before, ours=ours, peers=CHECKED),
        Bench(name="quality_rules", base=len(COLUMNS), unit="rules", prepare=rules_before, ours=rules_ours, peers=COUNTED),
        Bench(name="quality_profile", base=62_500, unit="rows", prepare=before, ours=profile_ours, peers=PROFILED),
    )
