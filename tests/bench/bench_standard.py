"""Standardising the household register: raw rows to items, newest row of each key.

The peer is one layered query written by hand for this one table. It gives the same items and the same
``_current``, and leaves out what ours keeps beside: which step changed which cell, counts, versions, the run.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
from cities import REGISTER, digest, engine, files, prepare, workspace
from harness import Bench, Outcome, Timer, run

from cityloom.flows import chain
from cityloom.flows.runner import Runner
from cityloom.standard.steps.clean_text import STAND_INS
from cityloom.standard.widths import NARROW, UNTIDY, WIDEN

ITEMS = {
    "citizen_id": "公民身份号码",
    "name": "姓名",
    "sex": "性别",
    "people_code": "民族",
    "birth_date": "出生日期",
    "registered_address": "户籍地址",
    "registered_division": "行政区划",
    "person_status": "人员状态",
    "changed_date": "变更日期",
}
CODES = {"sex": "sex", "people_code": "people", "person_status": "person_status"}
SHAPE = r"^(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日?|[0-9]{8})\z"
COMPARED = ["_batch", "_row", *ITEMS, "_current"]


def before(folder: Path, people: int) -> None:
    """The register in the raw layer, and the code tables as plain pairs of texts."""
    prepare(folder, people, (chain.collect, chain.assess_raw, chain.pass_gate), [REGISTER])
    with workspace(folder) as made:
        tables = {item: made.city.codes[name] for item, name in CODES.items()}
    bare = duckdb.connect(str(folder / "codes.duckdb"))
    for item, table in tables.items():
        pairs: dict[str, str] = {}
        for code in table.codes:
            for text in (code.code, code.title.zh, code.title.en, *code.variants):
                pairs.setdefault(text, code.code)
        bare.execute(f"CREATE TABLE {item} (text VARCHAR, code VARCHAR)")
        bare.executemany(f"INSERT INTO {item} VALUES (?, ?)", list(pairs.items()))
    bare.close()


def ours(folder: Path, people: int, timer: Timer) -> Outcome:
    """The stage, with its run recorded."""
    with workspace(folder) as made:
        with timer:
            done = chain.standardise(made, Runner(made), [REGISTER])
        table = made.city.resources[REGISTER].std_table
    return Outcome(done[0].result.read, digest(engine(), f"read_parquet({files(folder, table)})", COMPARED))


def by_hand(folder: Path, people: int, timer: Timer) -> Outcome:
    """One query, written for this table."""
    bare, target = engine(), folder / "by_hand.parquet"
    bare.execute(f"ATTACH '{folder / 'codes.duckdb'}' AS codes (READ_ONLY)")
    with timer:
        bare.execute(f"COPY ({query(files(folder, 'raw_ga__hukou'))}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return Outcome(0, digest(bare, f"read_parquet('{target}')", COMPARED))


def query(paths: list[str]) -> str:
    """The query by hand."""
    tidy = ", ".join(_clean(item, column) for item, column in ITEMS.items())
    missing = ", ".join(f"'{text}'" for text in ("", *STAND_INS))
    cleaned = ", ".join(f"CASE WHEN {i} IN ({missing}) THEN NULL ELSE {i} END AS {i}" for i in ITEMS)
    joins = " ".join(f"LEFT JOIN codes.{i} AS c_{i} ON c.{i} = c_{i}.text" for i in CODES)
    newest = "coalesce(changed_date, '') || chr(31) || _at || chr(31) || _batch || chr(31) || lpad(CAST(_row AS VARCHAR), 12, '0')"
    return f"""
        WITH tidied AS (SELECT _batch, _row, _at, {tidy} FROM read_parquet({paths})),
        cleaned AS (SELECT _batch, _row, _at, {cleaned} FROM tidied),
        bared AS (SELECT * REPLACE (
            CASE WHEN regexp_matches(citizen_id, '[x _.·''"-]') THEN translate(citizen_id, 'x _.·''"-', 'X') ELSE citizen_id END AS citizen_id,
            CASE WHEN NOT regexp_matches(name, '[•・‧∙⋅●•･. ]') THEN name
                 WHEN regexp_matches(name, '[A-Za-z]') THEN translate(name, '•・‧∙⋅●•･', '········')
                 ELSE translate(name, '•・‧∙⋅●•･. ', '·········') END AS name,
            CASE WHEN NOT regexp_matches(registered_address, '[ —–−―﹣]') OR NOT regexp_matches(registered_address, '[一-鿿]')
                 THEN registered_address
                 ELSE regexp_replace(translate(registered_address, '—–−―﹣ ', '-----'), '-+', '-', 'g') END AS registered_address)
            FROM cleaned),
        upgraded AS (SELECT *, CASE WHEN length(citizen_id) = 15 AND regexp_matches(citizen_id, '^[1-9][0-9]{{14}}\\z')
            THEN CAST(substr(citizen_id, 1, 6) || CASE WHEN substr(citizen_id, 13) >= '996' THEN '18' ELSE '19' END
                      || substr(citizen_id, 7) AS BIGINT) END AS long FROM bared),
        done AS (SELECT _batch, _row, _at,
            CASE WHEN TRY_CAST(substr(CAST(long AS VARCHAR), 7, 4) || '-' || substr(CAST(long AS VARCHAR), 11, 2) || '-'
                      || substr(CAST(long AS VARCHAR), 13, 2) AS DATE) IS NOT NULL
                 THEN CAST(long AS VARCHAR) || {_check('long')} ELSE citizen_id END AS citizen_id,
            name, c_sex.code AS sex, c_people_code.code AS people_code, {_day('birth_date')} AS birth_date,
            registered_address, registered_division, c_person_status.code AS person_status, {_day('changed_date')} AS changed_date
            FROM upgraded AS c {joins}),
        repeated AS (SELECT citizen_id AS key, max({newest}) AS best FROM done WHERE citizen_id IS NOT NULL
            GROUP BY citizen_id HAVING count(*) > 1)
        SELECT done.*, best IS NULL OR best = {newest} AS _current FROM done LEFT JOIN repeated ON citizen_id = key"""


def _clean(item: str, column: str) -> str:
    wide, narrow = WIDEN.replace("'", "''"), NARROW.replace("'", "''")
    tidied = f"trim(regexp_replace(translate({column}, '{wide}', '{narrow}'), ' +', ' ', 'g'), ' ')"
    return f"CASE WHEN regexp_matches({column}, '{UNTIDY}') THEN {tidied} ELSE {column} END AS {item}"


def _check(number: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    parts = " + ".join(f"({number} // {10 ** (16 - i)}) % 10 * {w}" for i, w in enumerate(weights))
    return f"substr('10X98765432', CAST(({parts}) % 11 AS INT) + 1, 1)"


def _day(column: str) -> str:
    plain = f"regexp_replace(regexp_replace({column}, '[年月/.]', '-', 'g'), '日', '')"
    day = f"CASE WHEN length({column}) = 8 AND regexp_matches({column}, '^[0-9]{{8}}\\z') THEN substr({column}, 1, 4) || '-' || substr({column}, 5, 2) || '-' || substr({column}, 7) ELSE {plain} END"
    return f"CASE WHEN regexp_matches({column}, '{SHAPE}') THEN CAST(TRY_CAST({day} AS DATE) AS VARCHAR) END"


if __name__ == "__main__":
    run(Bench(name="standard", base=40_000, unit="people", prepare=before, ours=ours, peers={"one query by hand": by_hand}))
