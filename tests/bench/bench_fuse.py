"""Fusing the population: standard rows of all departments to one golden record a person.

The peer is one ``arg_max`` query written by hand for the same fourteen attributes and the same order of
departments, over rows with a key as it stands. It keeps no provenance, no conflicts and no judgements, puts
no key right, matches no row without a key and does not derive what follows from other people's records: so
it does less, and the ratio is what those cost.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from cities import engine, files, prepare, workspace
from harness import Bench, Outcome, Timer, run

from cityloom.flows import chain
from cityloom.flows.runner import Runner

LED = {
    "name": ("ga", "mz", "rs", "wj", "zj"),
    "sex": ("ga", "wj", "rs"),
    "birth_date": ("ga", "wj"),
    "people_code": ("ga",),
    "registered_address": ("ga",),
    "registered_division": ("ga",),
    "living": ("mz", "ga"),
    "death_date": ("mz",),
    "employer_uscc": ("rs",),
    "insured_state": ("rs",),
}
NEWEST = {"kind": (), "spouse_id": (), "current_address": ("zj", "rs", "wj"), "phone": ("rs", "wj")}
AT = 1 << 40


def before(folder: Path, people: int) -> None:
    """The standard layer of all departments."""
    prepare(folder, people, chain.STAGES[: chain.STAGES.index(chain.fuse)])


def ours(folder: Path, people: int, timer: Timer) -> Outcome:
    """The stage for the population, with its run recorded."""
    with workspace(folder) as made, timer:
        done = chain.fuse(made, Runner(made), ["population"])
    return Outcome(done[0].result.read)


def by_hand(folder: Path, people: int, timer: Timer) -> Outcome:
    """One query, written for these tables."""
    bare, target = engine(), folder / "golden.parquet"
    with timer:
        bare.execute(f"COPY ({query(folder)}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return Outcome(pq.read_metadata(target).num_rows)


def query(folder: Path) -> str:
    """The query by hand."""

    def rows(department: str, resource: str, key: str, at: str, picks: str, where: str = "true") -> str:
        table = f"read_parquet({files(folder, f'std_{department}__{resource}')})"
        since = f"coalesce(CAST(epoch(TRY_CAST({at} AS TIMESTAMP)) AS BIGINT), -62135596800) + 62135596800"
        return f"SELECT {key} AS key, '{department}' AS d, {since} AS moment, {picks} FROM {table} WHERE _current AND {key} IS NOT NULL AND {where}"

    wed = "CASE WHEN kind IN ('1', '3') THEN {} END AS spouse_id"
    union = " UNION ALL BY NAME ".join(
        (
            rows("ga", "hukou", "citizen_id", "changed_date", "name, sex, birth_date, people_code, registered_address, registered_division, registered_address AS current_address, CASE WHEN person_status = '1' THEN '1' END AS living"),
            rows("mz", "marriage", "male_id", "registered_date", f"male_name AS name, '1' AS sex, kind, {wed.format('female_id')}"),
            rows("mz", "marriage", "female_id", "registered_date", f"female_name AS name, '2' AS sex, kind, {wed.format('male_id')}"),
            rows("mz", "death", "citizen_id", "registered_date", "name, '0' AS living, death_date"),
            rows("wj", "birth", "citizen_id", "updated_at", "name, sex, birth_date"),
            rows("wj", "visit", "citizen_id", "visit_date", "name, phone, address AS current_address"),
            rows("rs", "insured", "citizen_id", "updated_at", "name, sex, phone, address AS current_address, employer_uscc, insured_state"),
            rows("zj", "housing", "citizen_id", "registered_date", "owner_name AS name, CASE WHEN self_occupied = '1' THEN address END AS current_address"),
        )
    )
    picks = [f"arg_max({name}, {_strength(order)} * {AT} + moment) AS {name}" for name, order in LED.items()]
    for name, order in NEWEST.items():
        voice = "CASE d WHEN 'ga' THEN 0 ELSE 1 END"
        picks.append(f"arg_max({name}, {voice} * {AT * 256} + moment * 128 + {_strength(order)}) AS {name}")
    return f"SELECT key, {', '.join(picks)} FROM ({union}) GROUP BY key"


def _strength(order: tuple[str, ...]) -> str:
    whens = " ".join(f"WHEN '{d}' THEN {len(order) - n}" for n, d in enumerate(order))
    return f"CASE d {whens} ELSE 0 END" if order else "0"


if __name__ == "__main__":
    run(Bench(name="fuse", base=20_000, unit="people", prepare=before, ours=ours, peers={"one arg_max by hand": by_hand}))
