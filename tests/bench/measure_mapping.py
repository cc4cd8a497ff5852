"""How often the data element of a raw column is suggested right, from its name and values.

Sets:

- ``city``: every raw column of every resource of the example city; the truth is the element that the resource binds.
- ``dev`` and ``held``: headers of public data sets with their values, labelled by hand in ``mapping_truth.tsv`` before
  anything was measured; ``-`` is a header that no element of the library stands for. Method and synonyms were improved
  on both, so they tell what is reached where headers are known, not what to expect of others.
- ``fresh``: further headers, labelled after tuning had ended and measured once: what to
  expect of headers that nobody has seen.
- ``names``: headers that departments' systems use, labelled by hand, without values; improved on as well.

Figures: ``top1`` and ``top3`` over headers that have an element; ``proposed_precision`` and ``proposed_recall`` at the
confidence from which an element is proposed unasked; ``nothing_proposed`` of the headers without one.

``--data`` names the folder with the real data (default: ``real-data`` beside the repository); ``--wrong`` lists what went
wrong; ``--no-city`` leaves the example city out.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cityloom.cli.commands.city import DEFAULT_SEED
from cityloom.content import library
from cityloom.flows import chain
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import example_content, open_workspace
from cityloom.flows.mappings import samples, suggester_of
from cityloom.flows.runner import Runner
from cityloom.kernel.config import load_settings
from cityloom.model.mapping import ColumnSample, Suggestion
from cityloom.sample import generate
from cityloom.standard.suggest.score import PROPOSED, Suggester

NONE = "-"
ROWS = 60


@dataclass(frozen=True)
class Answer:
    """A header, what it is by hand, what was suggested."""

    header: str
    truth: tuple[str, ...]
    found: tuple[Suggestion, ...]

    @property
    def names(self) -> list[str]:
        """Elements suggested."""
        return [one.element for one in self.found]

    @property
    def proposed(self) -> str | None:
        """The element that would be proposed unasked."""
        return self.found[0].element if self.found and self.found[0].confidence >= PROPOSED else None


def figures(name: str, answers: Sequence[Answer]) -> Iterator[tuple[str, str, float]]:
    """The figures of a set."""
    real = [a for a in answers if a.truth != (NONE,)]
    nothing = [a for a in answers if a.truth == (NONE,)]
    must = [a for a in real if NONE not in a.truth]
    proposed = [a for a in answers if a.proposed]
    right = [a for a in proposed if a.proposed in a.truth]
    yield name, "headers", len(answers)
    if must:
        yield name, "top1", sum(a.names[:1] != [] and a.names[0] in a.truth for a in must) / len(must)
        yield name, "top3", sum(any(n in a.truth for n in a.names[:3]) for a in must) / len(must)
        yield name, "proposed_recall", sum(a.proposed in a.truth for a in must) / len(must)
    if proposed:
        yield name, "proposed_precision", len(right) / len(proposed)
    if nothing:
        yield name, "nothing_proposed", sum(a.proposed is None for a in nothing) / len(nothing)


def labelled(data: Path) -> Iterator[tuple[str, ColumnSample, tuple[str, ...]]]:
    """Part, column, truth of every header that was labelled by hand; sets whose files are not there are left out."""
    with (Path(__file__).parent / "mapping_truth.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            path = data / row["file"]
            if row["file"] and not Path(str(path).partition("#")[0]).exists():
                print(f"{row['file']} is not there.", file=sys.stderr)
                continue
            values = table(path) if row["file"] else {}
            for one in row["headers"].split("|"):
                header, _, truth = one.rpartition(":")
                if values and header not in values:
                    raise SystemExit(f"{row['file']} has no column {header}: {', '.join(values)}")
                yield row["part"], ColumnSample(column=header, values=values.get(header, ())), tuple(truth.split(","))


def table(path: Path) -> dict[str, tuple[str, ...]]:
    """The first rows of a file by column."""
    name, _, inner = str(path).partition("#")
    if name.endswith(".xlsx"):
        from python_calamine import CalamineWorkbook

        rows = [[str(x) for x in row] for row in CalamineWorkbook.from_path(name).get_sheet_by_index(0).to_python()[: ROWS + 1]]
    else:
        raw = zipfile.ZipFile(name).read(inner) if inner else Path(name).read_bytes()[:400_000]
        text = raw.decode("utf-8-sig", errors="ignore")
        rows = list(islice(csv.reader(io.StringIO(text, newline="")), ROWS + 1))
    head = [x.strip() for x in rows[0]]
    return {h: tuple(r[i].strip() for r in rows[1:] if i < len(r) and r[i].strip()) for i, h in enumerate(head)}


def of_library() -> Suggester:
    """What suggests elements of the library."""
    found: dict[str, dict[str, object]] = {"element": {}, "code_table": {}}
    for kind, name in library.index():
        found.setdefault(kind, {})[name] = library.read(kind, name).value
    return Suggester(found["element"].values(), found["code_table"])  # type: ignore[arg-type]


def of_city(people: int) -> Iterator[Answer]:
    """Every raw column of the example city."""
    with tempfile.TemporaryDirectory(prefix="cityloom-mapping-") as folder:
        workspace = open_workspace(load_settings(workspace=Path(folder)))
        try:
            generate(Path(folder) / "city", people=people, seed=DEFAULT_SEED, engine=workspace.engine)
            apply(workspace, example_content(), actor="dsj.steward")
            chain.collect(workspace, Runner(workspace))
            suggester = suggester_of(workspace)
            for resource in workspace.city.resources.values():
                bound = {item.column: item.element for item in resource.items}
                for sample in samples(workspace, resource):
                    truth = (bound.get(sample.column) or NONE,)
                    yield Answer(f"{resource.name}.{sample.column}", truth, suggester.suggest(sample))
        finally:
            workspace.close()


def main() -> None:
    """Measure by the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "real-data")
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--no-city", action="store_true")
    given = parser.parse_args()
    sets: dict[str, list[Answer]] = {}
    suggester = of_library()
    for part, sample, truth in labelled(given.data):
        sets.setdefault(part, []).append(Answer(sample.column, truth, suggester.suggest(sample)))
    if not given.no_city:
        sets["city"] = list(of_city(given.people))
    for name, answers in sets.items():
        for _set, metric, value in figures(name, answers):
            print(json.dumps({"name": "mapping", "set": name, "metric": metric, "value": round(value, 3)}), flush=True)
        for a in answers if given.wrong else ():
            if a.proposed not in (a.truth if NONE not in a.truth else (*a.truth, None)):
                print(f"    {name} {a.header}: {','.join(a.truth)} | {[(s.element, s.confidence) for s in a.found]}", file=sys.stderr)


if __name__ == "__main__":
    main()
