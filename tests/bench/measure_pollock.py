"""How well delimited files are loaded whose dialect, header or rows are not what they should be: the Pollock benchmark.

The polluted set is all 2,290 files of the benchmark. The real data (``messy_pollock``) hold 194 of them; from one of
those the rest is made here by the published recipe, which must give those 194 again byte by byte, or the measurement
ends. The survey set are the 20 real files at hand of the published 97.

The protocol is the published one: a loader's table is compared with the clean twin as ten numbers a file (success;
precision, recall and F1 of header cells, of records, of all cells), whose means add up to the simple score out of 10;
the weighted score weighs files by how often their pollution was met in the wild. Two things are stricter than
published: values are compared as text (the published comparison takes 1 and 1.0, or two ways of writing a date, for
the same), and the platform is given the file and nothing else (published for pandas, CleverCSV and Python's csv: the
encoding; for pandas also quote, escape and preamble; for databases everything). Its own loader is the connector
``csv_files`` on automatic settings, with the task's policy *accept*; ``simple_quarantine`` is with the default policy,
which sets ragged rows apart.

``published`` are the figures of the benchmark's own page, for all files of a set; ``same_files`` are the published
results of the same loaders for the files measured here.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from cityloom.collect.base import ROW
from cityloom.collect.connectors.csv_files import CsvFiles
from cityloom.kernel.errors import CityLoomError

PUBLISHED = {
    ("polluted", "simple"): {
        "DuckDB": 9.961,
        "SQLite": 9.955,
        "UniVocity": 9.939,
        "SpreadDesktop": 9.929,
        "LibreOffice": 9.925,
        "pandas": 9.895,
        "Python csv": 9.721,
        "CleverCSV": 9.193,
        "DuckDB (auto)": 9.075,
    },
    ("polluted", "weighted"): {
        "DuckDB": 9.599,
        "SpreadDesktop": 9.597,
        "CleverCSV": 9.453,
        "Python csv": 9.436,
        "pandas": 9.431,
        "SQLite": 9.375,
        "DuckDB (auto)": 8.439,
        "UniVocity": 7.936,
        "LibreOffice": 7.833,
    },
    ("survey", "simple"): {"OpenCSV": 9.01, "CleverCSV": 8.898, "Python csv": 8.340, "pandas": 6.28},
}
PEERS = {"CleverCSV": "clevercs", "Python csv": "pycsv", "pandas": "pandas", "SQLite": "sqlite", "OpenCSV": "opencsv"}
MEASURES = ("success",) + tuple(f"{what}_{m}" for what in ("header", "record", "cell") for m in ("precision", "recall", "f1"))
Table = list[list[str]]


# The recipe: a file is lines of raw cells with delimiters between; its clean twin are the values.


def source(folder: Path) -> list[list[str]]:
    """The raw cells of the benchmark's source file, from its twin with tabs."""
    text = (folder / "polluted_files" / "csv" / "file_field_delimiter_0x9.csv").read_bytes().decode("ascii")
    return [line.split("\t") for line in text.split("\n")[:-1]]


def value(cell: str) -> str:
    """The value of a raw cell."""
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def joined(rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    """Rows as text."""
    return "".join(delimiter.join(row) + end for row in rows)


def second(rows: list[list[str]], columns: int) -> str:
    """A second table with fewer or more columns: of the first one's rows, each parted at quotes within values too."""
    made = []
    for number, row in enumerate(rows[:83]):
        pieces = [piece for cell in row for piece in parted(value(cell))][: len(row)]
        cells = [written(piece) for piece in pieces][:columns]
        made.append([*cells, *(["col1"] if not number else [written(value(row[-1]))])[: columns - len(cells)]])
    return joined(made)


def parted(text: str) -> list[str]:
    """A value as the recipe keeps it: in pieces, each but the first one beginning with a quote."""
    first, *rest = text.split('"')
    return [first, *('"' + piece for piece in rest)]


def written(text: str) -> str:
    """A cell as the recipe writes a new one."""
    text = text.replace('"', '""')
    return f'"{text}"' if text.find(",") > 0 else text


def polluted(folder: Path) -> Iterator[tuple[str, str, Table]]:
    """Each file of the benchmark: its name, its text, its clean twin."""
    rows = source(folder)
    clean = [[value(cell) for cell in row] for row in rows]
    yield from _whole(rows, clean)
    for number, row in enumerate(rows):
        for column in range(len(row)):
            yield from _cells(rows, clean, number, column)
        before, behind = joined(rows[:number]), joined(rows[number + 1 :])
        yield f"row_field_delimiter_{number}_0x20.csv", before + joined([row], " ") + behind, clean


def _whole(rows: list[list[str]], clean: Table) -> Iterator[tuple[str, str, Table]]:
    plain, width = joined(rows), len(rows[0])
    yield "source.csv", plain, clean
    yield "file_no_payload.csv", "", []
    yield "file_no_trailing_newline.csv", plain[:-1], clean
    yield "file_double_trailing_newline.csv", plain + "\n", clean
    yield "file_no_header.csv", joined(rows[1:]), clean[1:]
    for more in (1, 2):
        header = [" ".join([name] * (more + 1)) for name in clean[0]]
        yield f"file_header_multirow_{more + 1}.csv", joined([rows[0]] * more) + plain, [header, *clean[1:]]
    yield "file_preamble.csv", joined([["PREAMBLE", *[""] * (width - 1)], [""] * width]) + plain, clean
    for name, columns in (("less", width - 1), ("same", width), ("more", width + 1)):
        yield f"file_multitable_{name}.csv", plain + second(rows, columns), clean
    yield "file_header_only.csv", joined(rows[:1]), clean[:1]
    yield "file_one_data_row.csv", joined(rows[:2]), clean[:2]
    yield "file_record_delimiter_0xA.csv", joined(rows, end="\n"), clean
    yield "file_record_delimiter_0xD.csv", joined(rows, end="\r"), clean
    for mark in (";", "\t", ", ", " "):
        called = "_".join(f"0x{ord(char):X}" for char in mark)
        yield f"file_field_delimiter_{called}.csv", joined(rows, mark), clean
    yield "file_quotation_char_0x27.csv", joined([[_requoted(cell) for cell in row] for row in rows]), clean
    yield "file_escape_char_0x5C.csv", joined([[_escaped(cell, '\\"') for cell in row] for row in rows]), clean
    yield "file_escape_char_0x00.csv", joined([[_escaped(cell, '"') for cell in row] for row in rows]), clean


def _requoted(cell: str) -> str:
    return f"'{cell[1:-1]}'" if cell.startswith('"') else cell


def _escaped(cell: str, sign: str) -> str:
    return f'"{cell[1:-1].replace(chr(34) * 2, sign)}"' if cell.startswith('"') else cell


def _cells(rows: list[list[str]], clean: Table, number: int, column: int) -> Iterator[tuple[str, str, Table]]:
    row, before, behind = rows[number], joined(rows[:number]), joined(rows[number + 1 :])
    more = ",".join([*row[:column], "", *row[column:]]) + "\n"
    yield f"row_more_sep_row{number}_col{column}.csv", before + more + behind, clean
    if column:
        less = ",".join([*row[: column - 1], row[column - 1] + row[column], *row[column + 1 :]]) + "\n"
        yield f"row_less_sep_row{number}_col{column}.csv", before + less + behind, clean
    cell = row[column]
    quoted = f'""{cell[1:]}' if cell.startswith('"') else f'"{cell}'
    twin = [list(line) for line in clean]
    twin[number][column] = '"' + twin[number][column]
    text = before + joined([[*row[:column], quoted, *row[column + 1 :]]]) + behind
    yield f"row_extra_quote{number}_col{column}.csv", text, twin


def proven(folder: Path) -> list[tuple[str, str, Table]]:
    """The benchmark's files, those at hand seen to be the same.

    Raises:
        SystemExit: when one is not.
    """
    made = list(polluted(folder))
    by_name = {name: (text, clean) for name, text, clean in made}
    for path in sorted((folder / "polluted_files" / "csv").iterdir()):
        text, clean = by_name[path.name]
        if path.read_bytes() != text.encode() or table(folder / "polluted_files" / "clean" / path.name) != clean:
            raise SystemExit(f"The recipe does not give {path.name}.")
    return made


def table(path: Path) -> Table:
    """A clean twin."""
    with path.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.reader(text))


# The comparison.


def loaded(folder: Path, content: bytes, drift: str) -> Table | None:
    """The table that the platform makes of a file; None where it refuses."""
    (folder / "table.csv").write_bytes(content)
    connector = CsvFiles(folder=str(folder), drift=drift)
    try:
        (piece,) = connector.slices({})
        read = pa.Table.from_batches(list(connector.read(piece, lambda *_: None))).drop_columns([ROW])
    except CityLoomError:
        return None
    columns = [["" if text is None else text for text in column.to_pylist()] for column in read.columns]
    return [read.column_names, *map(list, zip(*columns, strict=True))]


def score(clean: Table, found: Table | None) -> dict[str, float]:
    """The ten numbers of one file."""
    if found is None:
        return dict.fromkeys(MEASURES, 0.0)
    if not clean:
        return dict.fromkeys(MEASURES, 1.0)
    made = {"success": 1.0}
    made |= compare("header", clean[0], found[0] if found else [])
    made |= compare("record", ["".join(row) for row in clean[1:]], ["".join(row) for row in found[1:]])
    made |= compare("cell", [cell for row in clean for cell in row], [cell for row in found for cell in row])
    return made


def compare(name: str, clean: Sequence[str], found: Sequence[str]) -> dict[str, float]:
    """Precision, recall and F1 as the benchmark names them."""
    same = sum((Counter(clean) & Counter(found)).values())
    if not clean:
        figures = (1.0, 1.0, 1.0)
    elif not same:
        figures = (0.0, 0.0, 0.0)
    else:
        precision, recall = same / len(clean), same / len(found)
        figures = (precision, recall, 2 * precision * recall / (precision + recall))
    return dict(zip((f"{name}_precision", f"{name}_recall", f"{name}_f1"), figures, strict=True))


def results(folder: Path, group: str, peer: str) -> dict[str, float]:
    """A peer's published points out of ten by file."""
    name = PEERS[peer]
    with (folder / "results" / name / group / f"{name}_results.csv").open(encoding="utf-8", newline="") as text:
        return {row["file"]: sum(float(row[f"{name}_{m}"] or 0) for m in MEASURES) for row in csv.DictReader(text)}


def mean(points: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """Points out of ten of all files."""
    given = weights or dict.fromkeys(points, 1.0)
    return sum(points[name] * given[name] for name in points) / sum(given[name] for name in points)


def tell(group: str, metric: str, number: float, same: Mapping[str, float], files: int) -> None:
    """One line a figure."""
    published = PUBLISHED.get((group, metric), {})
    line = {"name": "pollock", "set": group, "metric": metric, "value": round(number, 4), "files": files}
    more = {"published": published, "same_files": {k: round(v, 3) for k, v in same.items()}} if published else {}
    print(json.dumps(line | more), flush=True)


def measure(folder: Path, group: str, files: Sequence[tuple[str, bytes, Table]], weights: Mapping[str, float] | None) -> None:
    """Load all files of a set and print its figures."""
    points: dict[str, dict[str, float]] = {"accept": {}, "quarantine": {}}
    parts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        for name, content, clean in files:
            for drift, kept in points.items():
                numbers = score(clean, loaded(Path(work), content, drift))
                kept[name] = sum(numbers.values())
                parts.update(numbers if drift == "accept" else {})
    where = {"polluted": "polluted_files", "survey": "survey_sample"}[group]
    peers = {peer: results(folder, where, peer) for peer in PEERS}
    same = {peer: {name: found[name] for name in points["accept"] if name in found} for peer, found in peers.items()}
    count = len(files)
    tell(group, "simple", mean(points["accept"]), {p: mean(found) for p, found in same.items()}, count)
    tell(group, "simple_quarantine", mean(points["quarantine"]), {}, count)
    if weights:
        tell(group, "weighted", mean(points["accept"], weights), {p: mean(f, weights) for p, f in same.items()}, count)
        tell(group, "weighted_quarantine", mean(points["quarantine"], weights), {}, count)
    for metric in MEASURES:
        tell(group, metric, parts[metric] / count, {}, count)
    for name, lost in sorted(points["accept"].items(), key=lambda pair: pair[1])[:30]:
        print(f"{lost:6.3f} {name}", file=sys.stderr)


def main() -> None:
    """Measure both sets, or the one that is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2].parent / "real-data")
    parser.add_argument("--set", choices=("polluted", "survey"))
    given = parser.parse_args()
    folder = given.data / "messy_pollock"
    if not folder.is_dir():
        sys.exit(f"There is no folder {folder}: name the real data with --data.")
    if given.set != "survey":
        weights = json.loads((folder / "pollock_weights.json").read_text(encoding="utf-8"))
        files = [(name, text.encode(), clean) for name, text, clean in proven(folder)]
        measure(folder, "polluted", files, weights)
    if given.set != "polluted":
        paths = sorted((folder / "survey_sample" / "csv").iterdir())
        real = [(p.name, p.read_bytes(), table(p.parents[1] / "clean" / p.name)) for p in paths]
        measure(folder, "survey", real, None)


if __name__ == "__main__":
    main()
