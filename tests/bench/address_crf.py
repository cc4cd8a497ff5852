"""Conditional random fields over the tokens of addresses, trained where they are measured and kept nowhere.

Each token is described by the tokens around it, by the divisions whose names begin there, and by what the rules say of
the address as a whole. Two fields that see different things are trained, and the mean of their marginals is decoded.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import log
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cityloom.standard.addresses.gazetteer import gazetteer
from cityloom.standard.addresses.parse import parse

Span = tuple[int, int, str]
Labelled = tuple[list[str], list[str]]
VIEWS = ("whole", "near")
"""``whole`` sees everything, ``near`` neither whole parts nor what lies further off."""
ITERATIONS = 60
_ROW = re.compile("[0-9A-Za-z-]*")
_VILLAGE_END = re.compile("(?:社区居民委员会|社区居委会|居民委员会|村民委员会|居委会|村委会|社区|村)$")
_ENDS = "路街道巷弄村镇区市县厦场园城苑"


def trained(train: Sequence[Labelled], given: Sequence[Labelled], villages: Path) -> list[list[Span]]:
    """The chunks of addresses by fields trained on others; ``villages`` is a public list of villages' names."""
    marginals = []
    with ProcessPoolExecutor(len(VIEWS), get_context("spawn")) as pool:
        marginals = list(pool.map(partial(learn, train, given, villages), VIEWS))
    found = []
    for number, (tokens, _) in enumerate(given):
        found.append(_chunks(tokens, best([one[number] for one in marginals])))
    return found


def learn(
    train: Sequence[Labelled], given: Sequence[Labelled], villages: Path, view: str
) -> list[list[dict[str, float]]]:
    """Train one field; for each token of each address how likely each label is."""
    import pycrfsuite

    known = village_names(villages)
    trainer = pycrfsuite.Trainer("lbfgs", verbose=False)
    for tokens, labels in train:
        trainer.append(list(features(tokens, view, known)), labels)
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": ITERATIONS})
    tagger = pycrfsuite.Tagger()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "field"))
        trainer.train(path)
        tagger.open(path)
        try:
            return [_marginals(tagger, list(features(tokens, view, known))) for tokens, _ in given]
        finally:
            tagger.close()


def _marginals(tagger: Any, rows: list[list[str]]) -> list[dict[str, float]]:
    tagger.set(rows)
    labels = tagger.labels()
    found = []
    for place in range(len(rows)):
        all_of = {label: tagger.marginal(label, place) for label in labels}
        found.append({label: share for label, share in all_of.items() if share > 1e-4})
    return found


def best(marginals: Sequence[list[dict[str, float]]]) -> list[str]:
    """The likeliest labels by the mean of marginals; an inner label only behind its own kind."""
    ways: dict[str, tuple[float, list[str]]] = {"": (0.0, [])}
    for place in range(len(marginals[0])):
        shares: dict[str, float] = {}
        for one in marginals:
            for label, share in one[place].items():
                shares[label] = shares.get(label, 0.0) + share / len(marginals)
        fresh: dict[str, tuple[float, list[str]]] = {}
        for label, share in shares.items():
            fitting = [w for last, w in ways.items() if label[0] != "I" or last[2:] == label[2:]] or list(ways.values())
            value, way = max(fitting, key=lambda w: w[0])
            fresh[label] = (value + log(share), [*way, label])
        ways = fresh
    return max(ways.values(), key=lambda w: w[0])[1]


def features(tokens: Sequence[str], view: str, villages: frozenset[str]) -> Iterator[list[str]]:
    """What describes each token."""
    text = "".join(tokens)
    places = [0]
    for token in tokens:
        places.append(places[-1] + len(token))
    words = ["0" * min(len(t), 4) if t.isdigit() else t for t in tokens]
    kinds = [_kind(t) for t in tokens]
    names = [_names(text, place) + _village(text, place, villages) for place in places[:-1]]
    spans = list(parse(text).spans)
    if not spans or spans[-1][1] != len(text):
        spans = [(0, len(text), "?")]
    of_span = [k for k, (a, b, _) in enumerate(spans) for _ in range(a, b)]
    rules = [_rule(spans, of_span[place], place) for place in places[:-1]]
    for i in range(len(tokens)):
        yield [
            "bias",
            *_near(words, kinds, rules, names, i),
            *_ahead(words, kinds, i),
            *(_far(text, spans, of_span[places[i]], places[i]) if view == "whole" else ()),
        ]


def village_names(path: Path) -> frozenset[str]:
    """Names of villages without what ends them all."""
    with path.open(encoding="utf-8", newline="") as lines:
        names = {_VILLAGE_END.sub("", row["name"]) for row in csv.DictReader(lines)}
    return frozenset(name for name in names if 1 < len(name) < 8)


def _village(text: str, place: int, villages: frozenset[str]) -> str:
    """How long the longest village's name is that begins here, and whether it is said to be one."""
    for length in range(7, 1, -1):
        if text[place : place + length] in villages:
            after = text[place + length : place + length + 1]
            return f"V{length}{after if after in '村社' else ''}"
    return ""


def _kind(token: str) -> str:
    if token.isdigit():
        return "0" * min(len(token), 4)
    if re.fullmatch("[A-Za-z]+", token):
        return "A"
    if token in "一二三四五六七八九十百":
        return "N"
    return "H" if "\u4e00" <= token <= "\u9fff" else token


def _names(text: str, place: int) -> str:
    """Which kinds of divisions have names that begin here, and how long the longest is."""
    known = gazetteer()
    found = ""
    for length in known.town_lengths.get(text[place : place + 2], ()):
        if text[place : place + length] in known.towns:
            found = f"T{length}"
            break
    for length in known.lengths.get(text[place : place + 2], ()):
        name = text[place : place + length]
        if name in known.names or name in known.former:
            return f"{found}D{length}"
        if name in known.short:
            return f"{found}d{length}"
    return found


def _rule(spans: Sequence[Span], number: int, place: int) -> str:
    start, _, label = spans[number]
    return ("B-" if place == start else "I-") + label


def _near(words: list[str], kinds: list[str], rules: list[str], names: list[str], i: int) -> Iterator[str]:
    def at(row: list[str], place: int) -> str:
        return row[place] if 0 <= place < len(row) else "<" if place < 0 else ">"

    for d in range(-3, 4):
        yield f"w{d}={at(words, i + d)}"
    for d in (-2, -1, 0, 1):
        yield f"b{d}={at(words, i + d)}{at(words, i + d + 1)}"
    for d in (-2, -1, 0):
        yield f"t{d}={at(words, i + d)}{at(words, i + d + 1)}{at(words, i + d + 2)}"
    for d in range(-2, 3):
        yield f"c{d}={at(kinds, i + d)}"
        yield f"r{d}={at(rules, i + d)}"
    yield f"c3={at(kinds, i - 1)}{kinds[i]}{at(kinds, i + 1)}"
    yield f"c5={at(kinds, i - 2)}{at(kinds, i - 1)}{kinds[i]}{at(kinds, i + 1)}{at(kinds, i + 2)}"
    yield f"rr={at(rules, i - 1)}{rules[i]}"
    yield f"rn={rules[i]}{at(rules, i + 1)}"
    yield f"rw={rules[i]}{words[i]}"
    for d in range(-4, 2):
        yield f"g{d}={at(names, i + d)}"


def _ahead(words: list[str], kinds: list[str], i: int) -> Iterator[str]:
    """The next ending of a name, and how far it is."""
    j = i
    while j < len(words) and kinds[j] == "H" and j - i < 8 and words[j] not in _ENDS:
        j += 1
    ending = words[j] if j < len(words) else ">"
    yield f"nx={ending}{j - i}"
    yield f"nx0={ending}"
    yield f"pos={min(i, 6)}"
    if i == len(words) - 1:
        yield "last"


def _far(text: str, spans: Sequence[Span], number: int, place: int) -> Iterator[str]:
    """What the rules say before and behind, what comes again, and where in a row of numbers the token stands."""
    start, end, label = spans[number]
    before = [one for _, _, one in spans[:number] if one != "redundant"][-2:]
    behind = [one for _, _, one in spans[number + 1 :] if one != "redundant"][:2]
    yield f"sp={'/'.join(before[-1:])}|{label}"
    yield f"spp={'/'.join(before)}|{label}"
    yield f"sn={label}|{'/'.join(behind[:1])}"
    yield f"snn={label}|{'/'.join(behind)}"
    yield f"spn={'/'.join(before[-1:])}|{label}|{'/'.join(behind[:1])}"
    yield f"sl={label}{min(end - start, 9)}"
    yield f"se={label}{text[end - 1]}"
    yield f"see={label}{text[end - 2 : end]}"
    said = {one for _, _, one in spans[:number]}
    yield f"seen={label}|" + "".join(str(int(one in said)) for one in ("road", "poi", "houseno"))
    pair = text[place : place + 2]
    again = f"{int(pair in text[:place])}{int(pair in text[place + 2 :])}"
    yield f"again={again}"
    yield f"againl={label}{again}"
    yield "shape=" + re.sub("[0-9]+", "0", re.sub("[一-龥]", "H", text[place : place + 10]))[:6]
    first = place
    while first and re.match("[0-9A-Za-z-]", text[first - 1]):
        first -= 1
    row = _ROW.match(text, first)
    if row and row[0]:
        at, count = text[first:place].count("-"), row[0].count("-") + 1
        yield f"row={at}/{count}/{text[row.end() : row.end() + 1]}"
        yield f"rowl={at}/{count}/{label}"
        yield f"rowb={text[first - 1 : first]}{at}/{count}"


def _chunks(tokens: Sequence[str], labels: Sequence[str]) -> list[Span]:
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
