"""The library of published data elements and code tables: found by name, and read only where referred to.

A file of the library holds several documents. The index knows where each begins without parsing any, so
that a city which refers to three elements has three documents parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import cityloom.library
from cityloom.content.code_files import with_codes
from cityloom.content.load import Definition, digest_of, value_of
from cityloom.model.text import Title

Key = tuple[str, str]
"""Kind and name of a definition."""
KINDS = ("element", "code_table")
_REFERENCES = {"element": "element", "codes": "code_table"}
"""Key of a definition that names another one -> kind of what it names."""
_HEAD = re.compile(r"^kind: *(\w+)\s+^name: *(\w+)", re.MULTILINE)
_TITLE = re.compile(r'^title: \{zh: "(.*)", en: "(.*)"\}$', re.MULTILINE)
_LINE = re.compile(r"^(identifier|standard|representation|synonyms): (.*)$", re.MULTILINE)
"""Lines as the library's files write them: one key a line, texts in double quotes, lists as JSON does."""


@dataclass(frozen=True)
class Entry:
    """Where a definition of the library stands: its file, which of the file's documents it is, and its text."""

    file: Path
    document: int
    text: str


@dataclass(frozen=True)
class Hit:
    """What a search says of a definition; a code table has no representation."""

    kind: str
    name: str
    title: Title
    representation: str
    standard: str


@cache
def index() -> Mapping[Key, Entry]:
    """Every definition of the library by kind and name; nothing is parsed."""
    found: dict[Key, Entry] = {}
    for file in sorted(Path(cityloom.library.__path__[0]).rglob("*.yml")):
        for number, text in enumerate(file.read_text(encoding="utf-8").split("\n---\n")):
            if head := _HEAD.search(text):
                found[head.group(1), head.group(2)] = Entry(file, number, text)
    return found


@cache
def read(kind: str, name: str) -> Definition:
    """One definition of the library.

    Raises:
        KeyError: the library has none of this kind and name.
    """
    entry = index()[kind, name]
    body = YAML(typ="safe", pure=True).load(entry.text)
    del body["kind"]
    body = with_codes(kind, body, entry.file.parent)
    return Definition(kind, name, body, digest_of(body), value_of(kind, body), entry.file, entry.document)


def referred(definitions: Iterable[Definition], known: Collection[Key] = ()) -> list[Definition]:
    """Definitions of the library that some definitions refer to, and those that these refer to.

    Args:
        definitions: of a city.
        known: kinds and names that are defined besides; they and the definitions' own names win.
    """
    given = list(definitions)
    taken = {*known, *((one.kind, one.name) for one in given)}
    found: list[Definition] = []
    todo = given
    while todo:
        wanted = {key for one in todo for key in _names(one.body)} - taken
        taken |= wanted
        todo = [read(*key) for key in sorted(wanted) if key in index()]
        found += todo
    return found


def search(words: Iterable[str]) -> list[Hit]:
    """Elements and code tables in which every word occurs, best first; all when there is no word.

    A word occurs in a name, an identifier, a title, a standard or a synonym, whatever its case. What bears
    one of the words as its name, title or synonym comes first. Nothing is parsed.
    """
    wanted = [word.casefold() for word in words]
    ranked = []
    for key, entry in index().items():
        hit, texts = _heading(*key, entry.text)
        if all(any(word in text for text in texts) for word in wanted):
            ranked.append((not any(word in texts for word in wanted), KINDS.index(hit.kind), hit.name, hit))
    return [hit for *_rank, hit in sorted(ranked, key=lambda rank: rank[:3])]


def _heading(kind: str, name: str, text: str) -> tuple[Hit, list[str]]:
    """What the lines of a definition's heading say, and the texts in which words are looked for."""
    lines = dict(_LINE.findall(text))
    found = _TITLE.search(text)
    title = Title(*found.groups()) if found else Title(name, name)
    standard, representation = (lines.get(key, "").strip('"') for key in ("standard", "representation"))
    synonyms: list[str] = json.loads(lines.get("synonyms", "[]"))
    texts = [name, title.zh, title.en, standard, lines.get("identifier", ""), *synonyms]
    return Hit(kind, name, title, representation, standard), [one.casefold() for one in texts]


def _names(value: Any) -> Iterator[Key]:
    """What a definition's body names anywhere: ``element: x``, ``codes: x``, ``elements: [x]``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _REFERENCES and isinstance(inner, str):
                yield _REFERENCES[key], inner
            elif key == "elements" and isinstance(inner, list):
                yield from (("element", one) for one in inner if isinstance(one, str))
            else:
                yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
