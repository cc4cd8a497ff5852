"""How often a planted root cause is found first, and how often one is told where errors fell at random.

Each trial makes a table with categories of different widths, plants a cause (one to three conditions, a set, a span of
batches) with its own rate over a background of errors, and looks at the first cause told: it is right when it holds
for the planted rows and no others (``rows``: at least 98 % of both). ``false_alarms`` is the share of trials without a
planted cause in which something was told.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.terms import column
from cityloom.model.cause import Cause
from cityloom.quality.cause.features import features
from cityloom.quality.cause.population import Population, explain

Row = dict[str, str]
WIDTHS = {"district": 12, "channel": 3, "kind": 20, "operator": 40, "level": 5}
BATCHES = [f"b{i:02}" for i in range(12)]


def town(count: int, chance: random.Random) -> list[Row]:
    """Rows of a made-up table."""
    return [
        {name: f"{name[0]}{int(width * chance.random() ** 1.3)}" for name, width in WIDTHS.items()} | {"_batch": BATCHES[i * len(BATCHES) // count]}
        for i in range(count)
    ]


def plant(chance: random.Random) -> Callable[[Row], bool]:
    """A condition on rows, of a random shape."""
    names = chance.sample([n for n in WIDTHS if n != "operator"], chance.choice([1, 1, 2, 2, 3]))
    wanted = {n: {f"{n[0]}{v}" for v in chance.sample(range(WIDTHS[n] // 2 + 1), chance.choice([1, 1, 2]))} for n in names}
    first = chance.choice(BATCHES[4:-1]) if chance.random() < 0.2 else ""
    return lambda row: all(row[n] in some for n, some in wanted.items()) and row["_batch"] >= first


def told(engine: DuckDBEngine, rows: list[Row], broken: list[int]) -> tuple[Cause, ...]:
    """The causes of these rows."""
    names = [*WIDTHS, "_batch"]
    table = pa.table({**{n: [r[n] for r in rows] for n in names}, "_row": list(range(len(rows)))})
    places = pa.table({"_batch": pa.array([rows[i]["_batch"] for i in broken], pa.string()), "_row": pa.array(broken, pa.int64())})
    with engine.bound(table) as whole, engine.bound(places) as some:
        looked = features({n: column(n) for n in WIDTHS}, {}, ())
        return explain(engine, Population(rows=whole, broken=some, features=looked, batches=BATCHES), most=1)[0]


def is_same(cause: Cause, rows: list[Row], planted: set[int]) -> bool:
    """Whether a cause holds for the planted rows and for no others."""
    found = {i for i, row in enumerate(rows) if all(_holds(c.kind, c.values, row.get(c.column, "")) for c in cause.conditions)}
    return len(found & planted) >= 0.98 * len(found | planted)


def _holds(kind: str, values: tuple[str, ...], text: str) -> bool:
    if kind == "range":
        return values[0] <= text <= values[1]
    return (str(len(text)) if kind == "length" else text) in values


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--rows", type=int, default=12_000)
    given = parser.parse_args()
    right = made = alarms = 0
    with TemporaryDirectory() as folder:
        engine = DuckDBEngine(Path(folder), memory_mb=256)
        for seed in range(given.trials):
            chance = random.Random(seed)
            rows = town(given.rows, chance)
            is_planted = plant(chance)
            planted = {i for i, r in enumerate(rows) if is_planted(r)}
            rate, noise = chance.uniform(0.3, 1.0), chance.choice([0.002, 0.01, 0.03])
            broken = [i for i in range(len(rows)) if chance.random() < (rate if i in planted else noise)]
            if len(planted) >= 60 and len(planted & set(broken)) >= 0.3 * len(broken):
                made += 1
                found = told(engine, rows, broken)
                right += bool(found) and is_same(found[0], rows, planted)
            alarms += bool(told(engine, rows, [i for i in range(len(rows)) if chance.random() < noise]))
        engine.close()
    for metric, value in (("found_first", right / max(1, made)), ("false_alarms", alarms / given.trials)):
        print(json.dumps({"name": "root_cause", "set": f"{made} planted, {given.trials} random, {given.rows} rows", "metric": metric, "value": round(value, 3)}))


if __name__ == "__main__":
    main()
