"""Look-ups of a person under a grant: the right is checked twice, the answer masked, call and audit event durable.

The peers are what remains without all that: the same query on the same files in a bare DuckDB, and one
durable row in SQLite for each answer.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from cities import engine, files, prepare, workspace
from harness import Bench, Outcome, Timer, run

from cityloom.flows import chain
from cityloom.flows.use import obtain
from cityloom.protect.identity import principal_of_key
from cityloom.share.answer import answer

DEMAND = "housing_eligibility"
ANSWERS = 200
ITEMS = "citizen_id, name, marital_state, living, current_address, registered_division"
_KNOWN = "known.json"


def before(folder: Path, people: int) -> None:
    """Golden records, the service published, a grant with its key, and people who are asked about."""
    prepare(folder, people, chain.STAGES)
    with workspace(folder) as made:
        use = obtain(made, made.city.demands[DEMAND])
        query = "SELECT citizen_id, name FROM read_parquet({}) WHERE name IS NOT NULL ORDER BY hash(citizen_id) LIMIT {}"
        known = engine().execute(query.format(files(folder, "base_population"), ANSWERS)).fetchall()
    (folder / _KNOWN).write_text(json.dumps({"key": use.key, "people": known}), encoding="utf-8")


def ours(folder: Path, people: int, timer: Timer) -> Outcome:
    """Answers one after another."""
    known = json.loads((folder / _KNOWN).read_text(encoding="utf-8"))
    with workspace(folder) as made:
        with made.store.read() as connection:
            principal = principal_of_key(connection, known["key"], made.clock)
        service, secret = made.city.demands[DEMAND].service, made.keys.masking
        parts = {"store": made.store, "lake": made.lake, "clock": made.clock, "key": secret}
        with timer:
            for citizen_id, name in known["people"]:
                asked = {"citizen_id": citizen_id, "name": name}
                found = answer(service, asked, principal, DEMAND, **parts)
                if found.values is None:
                    raise SystemExit("A known person was not found.")
    return Outcome(len(known["people"]))


def bare_query(folder: Path, people: int, timer: Timer) -> Outcome:
    """The record alone."""
    known = json.loads((folder / _KNOWN).read_text(encoding="utf-8"))
    bare = engine()
    query = f"SELECT {ITEMS} FROM read_parquet({files(folder, 'base_population')}) WHERE citizen_id = ? AND name = ? LIMIT 1"
    with timer:
        for citizen_id, name in known["people"]:
            bare.execute(query, [citizen_id, name]).fetchall()
    return Outcome(len(known["people"]))


def bare_record(folder: Path, people: int, timer: Timer) -> Outcome:
    """One durable row alone."""
    link = sqlite3.connect(folder / "record.db", isolation_level=None)
    for line in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE event (leaf TEXT)"):
        link.execute(line)
    with timer:
        for number in range(ANSWERS):
            link.execute("BEGIN IMMEDIATE")
            link.execute("INSERT INTO event VALUES (?)", (f"{number:0400d}",))
            link.execute("COMMIT")
    return Outcome(ANSWERS)


if __name__ == "__main__":
    peers = {"bare query": bare_query, "one durable row": bare_record}
    run(Bench(name="share", base=20_000, unit="people", prepare=before, ours=ours, peers=peers))
