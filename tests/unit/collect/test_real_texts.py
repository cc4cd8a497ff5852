"""Real text files written by others: each loads as its twin says, or is refused with the error that it deserves."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from tests.real_data import REAL, needs_real

from cityloom.collect.base import ROW
from cityloom.collect.connectors.csv_files import CsvFiles
from cityloom.collect.connectors.json_files import JsonFiles
from cityloom.collect.connectors.json_lines import JsonLines
from cityloom.collect.text import choose
from cityloom.kernel.errors import CityLoomError

pytestmark = needs_real


def load(connector_class, path: Path, tmp_path: Path, **options):
    """The table of a file, its rejects and its count."""
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / "file").write_bytes(path.read_bytes())
    connector = connector_class(folder=str(tmp_path / "in"), pattern="*", **options)
    (piece,) = connector.slices({})
    rejects: list[tuple] = []
    count = connector.count(piece)
    table = pa.Table.from_batches(list(connector.read(piece, lambda *fields: rejects.append(fields))))
    assert count == table.num_rows + len(rejects)
    return table.drop_columns([ROW]), rejects, count


def csvs(folder: str) -> list[Path]:
    """The CSV files of a folder; one stand-in where there are no data."""
    return sorted((REAL / folder).rglob("*.csv")) if REAL.is_dir() else [Path("none.csv")]


@pytest.mark.parametrize("path", csvs("messy_csv_spectrum"), ids=lambda path: path.stem)
def test_the_csv_spectrum_is_as_its_json_twins_say(path, tmp_path):
    twin = json.loads((path.parents[1] / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    table, rejects, _ = load(CsvFiles, path, tmp_path)
    if path.stem == "newlines_crlf" and b"\r" not in path.read_bytes():
        twin = [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in twin]  # by the checkout
    assert (table.to_pylist(), rejects) == (twin, [])


REFUSED = {
    "capital-invalid": "collect.header.repeated",
    "duplicate-column": "collect.header.repeated",
    "duplicate-headers": "collect.header.repeated",
    "empty": "collect.header.missing",
    "invalid": "collect.header.repeated",
    "latin1": "collect.encoding.doubtful",
    "table-infer-iso-8859-7": "collect.encoding.doubtful",
}
"""What cannot be loaded as it is."""
TITLES = {"countries": 1, "country-2": 1, "matrix-with-comment": 1, "skip-rows-before-headers": 1, "skip-rows": 1}
HEADLESS = ("chunk2.headless", "chunk3", "table-1MB", "without-headers", "without-headers-extra")
DELIMITERS = {
    name: ";"
    for name in (
        *("accent", "country-2", "delimiter", "issue-1009-semicolon", "issue-1100", "issue-1105-timezone"),
        *("issue-1138", "issue-1232", "issue-811", "table-delimiter", "table-with-accents", "vix"),
    )
} | {"dialect": "|"}
ENCODINGS = {"issue-811": "cp1252", "table-with-accents": "cp1252"}
MORE = {"escaping": {"escapechar": "\\", "skipinitialspace": True}, "issue-1109": {"skipinitialspace": True}}


@pytest.mark.parametrize("path", csvs("messy_frictionless"), ids=lambda path: path.stem)
def test_corner_cases_load_as_a_reader_that_was_told_how_or_are_refused(path, tmp_path):
    name = path.stem
    if name == "issue-1066":
        check_unescaped(path, tmp_path)
        return
    if name in REFUSED:
        with pytest.raises(CityLoomError) as caught:
            load(CsvFiles, path, tmp_path)
        assert caught.value.code == REFUSED[name]
        return
    table, rejects, _ = load(CsvFiles, path, tmp_path)
    header, rows = told_how(path)
    assert [c for c in table.column_names if not c.startswith("col_")] == [h for h in header if h]
    width = len(table.column_names)
    assert [tuple(row.values()) for row in table.to_pylist()] == [tuple(r) for r in rows if len(r) == width]
    assert len(rejects) == sum(len(r) != width for r in rows)


def check_unescaped(path: Path, tmp_path: Path) -> None:
    """Names with quotes in them that nothing marks: a few lines are set apart, told that there are no quotes one."""
    table, rejects, _ = load(CsvFiles, path, tmp_path)
    assert (table.num_rows > 21_600, 0 < len(rejects) < 60) == (True, True)
    _, rejects, count = load(CsvFiles, path, tmp_path, quote="")
    assert (len(rejects), count) == (1, 21_692)


def told_how(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows by the standard library, given the file's own dialect; records without a value left out."""
    name = path.stem
    text = path.read_bytes().decode(ENCODINGS.get(name, "utf-8-sig"))
    options = {"delimiter": DELIMITERS.get(name, ",")} | MORE.get(name, {})
    records = [row for row in csv.reader(io.StringIO(text, newline=""), **options) if any(row)]
    records = records[TITLES.get(name, 0) :]
    header = [] if name in HEADLESS else [cell.strip() for cell in records.pop(0)]
    return header, records


def test_a_header_with_a_column_more_than_nearly_all_rows_is_refused_or_they_are_filled_up(tmp_path):
    path = REAL / "messy_misc" / "montreal_bikes_latin1.csv"
    with pytest.raises(CityLoomError) as caught:
        load(CsvFiles, path, tmp_path)
    assert (caught.value.code, caught.value.details["values"]) == ("collect.header.unlike", 9)
    table, rejects, count = load(CsvFiles, path, tmp_path, drift="accept")
    assert "Br\u00e9beuf (donn\u00e9es non disponibles)" in table.column_names
    assert (table.num_rows, len(rejects), count) == (310, 0, 310)


@pytest.mark.parametrize("name", ["a", "b"])
def test_service_requests_of_a_city_load_whole(name, tmp_path):
    path = REAL / "city_311" / f"nyc_311_{name}.csv"
    table, rejects, _ = load(CsvFiles, path, tmp_path)
    with path.open(encoding="utf-8", newline="") as text:
        twin = list(csv.DictReader(text))
    assert (table.to_pylist(), rejects) == (twin, [])


@pytest.mark.parametrize("group", ["polluted_files", "survey_sample"])
def test_polluted_files_load(group, tmp_path):
    """One in five; how well is measured elsewhere."""
    for path in sorted((REAL / "messy_pollock" / group / "csv").iterdir())[::5]:
        table, _, count = load(CsvFiles, path, tmp_path, drift="accept")
        assert (count > 0, table.num_columns > 0) == (True, True), path.name


def test_every_text_decodes_in_the_encoding_that_is_told():
    """One in three; how many are told right is measured elsewhere."""
    wrong = 0
    paths = sorted(p for p in (REAL / "messy_chardet").rglob("*") if p.is_file() and p.parent.name != "messy_chardet")[::3]
    for path in paths:
        try:
            encoding = choose(path, path.name, "auto").encoding
        except CityLoomError as error:
            encoding = str(error.details["encoding"])
        try:
            path.read_bytes().decode(encoding)
        except UnicodeDecodeError:
            wrong += 1
    assert (len(paths), wrong) == (70, 0)


def flat(record: dict, prefix: str = "") -> dict[str, object]:
    """Nested fields dotted."""
    found: dict[str, object] = {}
    for key, value in record.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return found


class Digits(str):
    """A number as it is written."""


def as_text(value: object) -> str | None:
    """A value of a JSON document as a text column holds it."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(json.dumps(v) if type(v) is str else as_text(v) or "null" for v in value) + "]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("name", "path"),
    [("city_311/nyc_311_fhrw-4uyv.json", ""), ("cn_geojson/province/440000.json", "features"), ("messy_frictionless/table.json", "")],
)
def test_json_documents_load_as_they_are(name, path, tmp_path):
    document = json.loads((REAL / name).read_text(encoding="utf-8"), parse_float=Digits, parse_int=Digits)
    records = [flat(r) for r in (document[path] if path else document) if isinstance(r, dict)]
    table, rejects, count = load(JsonFiles, REAL / name, tmp_path, records_path=path)
    assert count == len(records) + len(rejects)
    columns = list(dict.fromkeys(key for record in records for key in record))
    assert table.column_names == columns
    assert table.to_pylist() == [{c: as_text(record.get(c)) for c in columns} for record in records]


@pytest.mark.parametrize("name", ["table.jsonl", "table.ndjson"])
def test_json_lines_load_as_they_are(name, tmp_path):
    lines = (REAL / "messy_frictionless" / name).read_text(encoding="utf-8").splitlines()
    objects = [json.loads(line, parse_int=str) for line in lines if isinstance(json.loads(line), dict)]
    table, rejects, count = load(JsonLines, REAL / "messy_frictionless" / name, tmp_path)
    assert (table.to_pylist(), count) == (objects, len(objects) + len(rejects))
