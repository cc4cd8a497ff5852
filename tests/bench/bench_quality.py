"""Assessing the household register's raw rows: 26 rules.

The peer is one aggregate over the same rules in two layers, written by hand, and one query for repeated
keys. Both must find the same rows broken. Ours also counts the rows that each rule applies to, scores
dimensions, and records assessment and run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench_standard import CODES, ITEMS
from cities import REGISTER, engine, files, prepare, workspace
from harness import Bench, Outcome, Timer, run

from cityloom.flows import chain
from cityloom.flows.runner import Runner
from cityloom.quality.base import BLANKS, STAND_INS

REQUIRED = ("citizen_id", "name", "sex", "people_code", "birth_date", "registered_address", "person_status")
ABNORMAL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f" + "\ufffd\ue000-\uf8ff" + r"]|\?\?|锟斤拷|烫烫"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def before(folder: Path, people: int) -> None:
    """The register in the raw layer."""
    prepare(folder, people, (chain.collect,), [REGISTER])
    with workspace(folder) as made:
        allowed = {item: [c.code for c in made.city.codes[name].codes] for item, name in CODES.items()}
    for item, codes in allowed.items():
        (folder / f"{item}.codes").write_text("\n".join(codes), encoding="utf-8")


def ours(folder: Path, people: int, timer: Timer) -> Outcome:
    """The stage, with its run recorded."""
    with workspace(folder) as made, timer:
        done = chain.assess_raw(made, Runner(made), [REGISTER])
    return Outcome(done[0].result.read, dict(sorted(done[0].result.summary["broken"].items())))


def by_hand(folder: Path, people: int, timer: Timer) -> Outcome:
    """Two queries, written for this table."""
    bare, paths = engine(), files(folder, "raw_ga__hukou")
    codes = {item: (folder / f"{item}.codes").read_text(encoding="utf-8").split("\n") for item in CODES}
    today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    with timer:
        answer = bare.execute(aggregate(paths, codes, today))
        names = [d[0] for d in answer.description]
        counts = dict(zip(names, answer.fetchone() or (), strict=True))
        counts["citizen_id.duplicate"] = (bare.execute(repeated(paths)).fetchone() or (0,))[0]
    return Outcome(0, {name: int(count) for name, count in sorted(counts.items()) if count})


def repeated(paths: list[str]) -> str:
    """Rows that are not the first of their key."""
    key = ITEMS["citizen_id"]
    return f"SELECT count({key}) - count(DISTINCT {key}) FROM read_parquet({paths})"


def aggregate(paths: list[str], codes: dict[str, list[str]], today: str) -> str:
    """All rules on rows in one scan; what several rules need is computed once below them."""
    blanks = BLANKS.replace("'", "''")
    picked = ", ".join(f"{column} AS {item}" for item, column in ITEMS.items())
    there = ", ".join(f"({i} IS NOT NULL AND trim({i}, '{blanks}') <> '') AS t_{i}" for i in ITEMS)
    number = "CASE WHEN regexp_matches(citizen_id, '^[1-9][0-9]{16}[0-9X]\\z') THEN CAST(substr(citizen_id, 1, 17) AS BIGINT) END AS n"
    flags = ", ".join(f'count_if({term}) AS "{name}"' for name, term in _rules(codes, today).items())
    return f"""
        WITH raw AS (SELECT {picked} FROM read_parquet({paths})),
        there AS (SELECT *, {there}, {number} FROM raw)
        SELECT {flags} FROM there"""


def _rules(codes: dict[str, list[str]], today: str) -> dict[str, str]:
    stand_ins = ", ".join(f"'{text}'" for text in STAND_INS)
    rules = {f"{i}.missing": f"NOT t_{i} OR {i} IN ({stand_ins})" for i in REQUIRED}
    check = " + ".join(f"(n // {10 ** (16 - i)}) % 10 * {w}" for i, w in enumerate(WEIGHTS))
    born = "TRY_CAST(substr(citizen_id, 7, 4) || '-' || substr(citizen_id, 11, 2) || '-' || substr(citizen_id, 13, 2) AS DATE) IS NOT NULL"
    good_id = f"n IS NOT NULL AND {born} AND substr('10X98765432', CAST(({check}) % 11 AS INT) + 1, 1) = substr(citizen_id, 18, 1)"
    rules["citizen_id.format"] = "t_citizen_id AND n IS NULL"
    rules["citizen_id.coding_rule"] = f"t_citizen_id AND NOT ({good_id})"
    for item, least, most in (("name", 2, 50), ("registered_address", 5, 200)):
        rules[f"{item}.characters"] = f"t_{item} AND regexp_matches({item}, '{ABNORMAL}')"
        rules[f"{item}.length"] = f"t_{item} AND length({item}) NOT BETWEEN {least} AND {most}"
    rules["name.format"] = r"t_name AND NOT regexp_matches(name, '^(?:[^ 　\t\n].*[^ 　\t\n])\z')"
    rules["registered_address.format"] = "t_registered_address AND NOT regexp_matches(registered_address, '^[^ 　！-～]+\\z')"
    division = "^[1-9][0-9]{5}(?:[0-9]{3}(?:[0-9]{3})?)?\\z"
    rules["registered_division.coding_rule"] = f"t_registered_division AND NOT regexp_matches(registered_division, '{division}')"
    for item, allowed in codes.items():
        listed = ", ".join(f"'{code}'" for code in allowed)
        rules[f"{item}.code"] = f"t_{item} AND {item} NOT IN ({listed})"
    for item in ("birth_date", "changed_date"):
        shape = f"regexp_matches({item}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}\\z')"
        real = f"TRY_CAST({item} AS DATE) IS NOT NULL AND {item} BETWEEN '1900-01-01' AND '{today}'"
        rules[f"{item}.format"] = f"t_{item} AND NOT {shape}"
        rules[f"{item}.date_range"] = f"t_{item} AND NOT ({shape} AND {real})"
    both = "n IS NOT NULL AND t_citizen_id AND"
    rules["citizen_id+birth_date.consistent"] = f"{both} t_birth_date AND replace(birth_date, '-', '') <> substr(citizen_id, 7, 8)"
    sex = "CASE WHEN n % 2 = 1 THEN '1' ELSE '2' END"
    rules["citizen_id+sex.consistent"] = f"{both} t_sex AND sex NOT IN ('0', '9') AND sex <> {sex}"
    return rules


if __name__ == "__main__":
    run(Bench(name="quality", base=40_000, unit="people", prepare=before, ours=ours, peers={"one aggregate by hand": by_hand}))
