"""How well addresses are taken apart, and how often they come to the right division.

- ``rules``: the parser as it is shipped, on the 2,985 labelled addresses of ``cn_address_parsing/dev.txt``; precision,
  recall and F1 of chunks, span and label exact. What it does was worked out on ``train.txt`` alone.
- ``trained``: conditional random fields (python-crfsuite) whose features are the tokens, the names of divisions and
  villages and what the rules say, trained on ``train.txt`` here and now and kept nowhere; ``--train`` asks for them, for they take minutes.
- province, city, district: share of labelled names that the resolved division holds, where the name is one.
- ``cn_cpca`` and ``cn_bitlap`` have no truth: share of addresses that come to a county (or a city or province), and speed.

``--data`` names the folder with the real data (default: ``real-data`` beside the repository).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cityloom.standard.addresses.gazetteer import COUNTY, gazetteer
from cityloom.standard.addresses.parse import parse

PUBLISHED = {"precision": 0.9065, "recall": 0.8921, "f1": 0.8993}
"""APLT, trained, on a test part that is not at hand (Li and others, NAACL 2019)."""
ALIASES = {"subroad": "subRoad", "subRoadno": "subroadno"}

Span = tuple[int, int, str]
Labelled = tuple[list[str], list[str]]
"""Tokens and their labels ``B-…``, ``I-…``."""


def labelled(path: Path) -> Iterator[Labelled]:
    """The addresses of a file: a token and its label a line, a blank line between addresses."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        pairs = [line.rsplit(" ", 1) for line in block.splitlines() if line.strip()]
        if pairs:
            yield [token for token, _ in pairs], [label[:2] + ALIASES.get(label[2:], label[2:]) for _, label in pairs]


def chunks(tokens: Sequence[str], labels: Sequence[str]) -> list[Span]:
    """Spans of letters with their labels."""
    found: list[Span] = []
    place = 0
    for token, label in zip(tokens, labels, strict=True):
        end = place + len(token)
        if label[:1] != "B" and found and found[-1][2] == label[2:]:
            found[-1] = (found[-1][0], end, label[2:])
        else:
            found.append((place, end, label[2:]))
        place = end
    return found


def scores(pairs: Sequence[tuple[list[Span], list[Span]]]) -> dict[str, float]:
    """Precision, recall and F1 of spans with labels, of what was said against what is true."""
    right = sum(len(set(said) & set(true)) for said, true in pairs)
    precision = right / sum(len(said) for said, _ in pairs)
    recall = right / sum(len(true) for _, true in pairs)
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


def by_rules(given: Sequence[Labelled]) -> list[list[Span]]:
    """What the rules say."""
    return [list(parse("".join(tokens)).spans) for tokens, _ in given]


def divisions(given: Sequence[Labelled]) -> Iterator[tuple[str, float, int]]:
    """For each level the share of labelled names that the resolved division holds, and how many names there are."""
    places = gazetteer()
    for level in ("prov", "city", "district"):
        right = count = 0
        for tokens, labels in given:
            text = "".join(tokens)
            for start, end, label in chunks(tokens, labels):
                name = text[start:end]
                may_be = {*places.names.get(name, ()), *places.short.get(name, ()), *places.former.get(name, ())}
                if label == level and may_be:
                    found = parse(text).division
                    held = set(places.paths[places.numbers[found.code]]) if found else set()
                    right += bool(may_be & held)
                    count += 1
        yield level, right / count, count


def resolved(addresses: Sequence[str]) -> tuple[float, float, float]:
    """Shares that come to a county or lower, to any division, and addresses a second."""
    began = time.process_time()
    found = [parse(text).division for text in addresses]
    seconds = time.process_time() - began
    counties = sum(one is not None and one.level >= COUNTY for one in found)
    return counties / len(found), sum(one is not None for one in found) / len(found), len(found) / seconds


def tell(data: str, metric: str, value: float, **more: object) -> None:
    """One line a figure."""
    print(json.dumps({"name": "addresses", "set": data, "metric": metric, "value": round(value, 4), **more}), flush=True)


def main() -> None:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2].parent / "real-data")
    parser.add_argument("--part", default="dev", choices=("dev", "train"), help="which labelled addresses are scored")
    parser.add_argument("--train", action="store_true", help="train on the train part as well; takes minutes")
    options = parser.parse_args()
    if not (options.data / "cn_address_parsing").is_dir():
        sys.exit(f"There is no folder {options.data / 'cn_address_parsing'}: name the real data with --data.")
    given = list(labelled(options.data / "cn_address_parsing" / f"{options.part}.txt"))
    true = [chunks(tokens, labels) for tokens, labels in given]
    for metric, value in scores(list(zip(by_rules(given), true, strict=True))).items():
        tell(options.part, f"rules_{metric}", value, addresses=len(given), published={"APLT": PUBLISHED[metric]})
    for level, share, count in divisions(given):
        tell(options.part, f"{level}_right", share, names=count)
    for name, texts in unlabelled(options.data):
        county, some, speed = resolved(texts)
        tell(name, "county_found", county, addresses=len(texts), any_division=round(some, 4), per_cpu_second=round(speed))
    if options.train:
        from address_crf import trained

        train = list(labelled(options.data / "cn_address_parsing" / "train.txt"))
        said = trained(train, given, options.data / "cn_divisions_npm" / "villages.csv")
        for metric, value in scores(list(zip(said, true, strict=True))).items():
            tell(options.part, f"trained_{metric}", value, addresses=len(given), published={"APLT": PUBLISHED[metric]})


def unlabelled(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Addresses without truth, by the name of their set; blank ones left out."""
    with (folder / "cn_cpca" / "addr.csv").open(encoding="utf-8", newline="") as lines:
        firms = [next(iter(row.values())) for row in csv.DictReader(lines)]
    messy = (folder / "cn_bitlap" / "address.txt").read_text(encoding="utf-8").splitlines()
    yield "cpca", [text for text in firms if text and text.strip()]
    yield "bitlap", [text for text in messy if text.strip()]


if __name__ == "__main__":
    main()
