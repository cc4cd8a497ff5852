"""How alike a column's name and the names of a data element are."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from cityloom.kernel.i18n import _
from cityloom.model.standard import Element
from cityloom.standard.suggest.pinyin import initials, readings

_HAN = re.compile(r"[\u3400-\u9fff]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ASIDE = re.compile(r"[(\[{<\u3010\u3014].*?[)\]}>\u3011\u3015]")
_NOISE = re.compile(r"[\s*:#\"'`\u3001,.\u3002;/\\|?!~-]+")


@dataclass(frozen=True)
class Likeness:
    """How alike two names are, from 0 to 1, and why."""

    score: float
    reason: str


@cache
def words() -> Mapping[str, Any]:
    """Lists of words that name matching knows."""
    found: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath("words.json").read_text(encoding="utf-8"))
    return found


def folded(name: str) -> str:
    """A column's name in one form: width, case, brackets and marks do not matter."""
    text = unicodedata.normalize("NFKC", name)
    text = _ASIDE.sub("", text) or text
    text = _NOISE.sub("", text).replace("_", "").casefold()
    for affix in words()["affixes"]:
        text = text.removeprefix(affix)
    return text


def tokens(name: str) -> tuple[str, ...]:
    """The English words of a name, abbreviations written out, particles left out."""
    text = unicodedata.normalize("NFKC", name)
    known, particles = words()["english"], set(words()["particles"])
    given = [word.casefold() for word in _WORD.findall(_ASIDE.sub("", text) or text)]
    found: list[str] = []
    place = 0
    while place < len(given):
        both = "".join(given[place : place + 2])
        is_pair = place + 1 < len(given) and both in known
        word = both if is_pair else given[place]
        found += known.get(word, word).split()
        place += 2 if is_pair else 1
    return tuple(w for w in found if w not in particles)


@dataclass(frozen=True)
class _Names:
    """What an element is called: Chinese names, the main one first, English ones, short forms."""

    element: str
    han: tuple[str, ...]
    latin: Mapping[str, float]
    english: tuple[tuple[str, ...], ...]


class NameIndex:
    """The names of all elements, with how telling each of their parts is.

    Args:
        elements: the elements that may be suggested.
    """

    def __init__(self, elements: Iterable[Element]) -> None:
        self._names = [_names_of(one) for one in elements]
        grams: Counter[str] = Counter()
        self._english: Counter[str] = Counter()
        for one in self._names:
            grams.update({g for text in one.han for g in _grams(text)})
            self._english.update({w for some in one.english for w in some})
        total = max(1, len(self._names))
        self._weight = {g: math.log(1 + total / n) for g, n in grams.items()}
        self._rare = math.log(1 + total)

    def likeness(self, name: str) -> dict[str, Likeness]:
        """How alike a column's name is to each element that is alike at all."""
        whole = folded(name)
        if whole in words()["nothing"]:
            return {}
        most = 0.78 if whole in words()["generic"] else 1.0
        han = "".join(_HAN.findall(whole))
        english = self._split(tokens(name)) if len(han) < 2 else ()
        found: dict[str, Likeness] = {}
        for one in self._names:
            best = max(self._of(one, whole, han, english), key=lambda found_: found_.score, default=None)
            if best is not None and best.score > 0.15:
                found[one.element] = Likeness(min(most, best.score), best.reason)
        return found

    def _split(self, given: tuple[str, ...]) -> tuple[str, ...]:
        """The words, with those that are two known ones written together in their parts: ``schoolname``."""
        known, english = self._english, words()["english"]
        found: list[str] = []
        for word in given:
            parts = [word]
            if word not in known and len(word) > 5:
                cuts = [(word[:i], word[i:]) for i in range(3, len(word) - 1)]
                both = [c for c in cuts if all(p in known or p in english or p in words()["particles"] for p in c)]
                parts = [p for p in both[0] if p not in words()["particles"]] if both else parts
            for part in parts:
                found += english.get(part, part).split()
        return tuple(found)

    def _of(self, one: _Names, whole: str, han: str, english: tuple[str, ...]) -> Iterable[Likeness]:
        if len(han) > 0:
            for i, text in enumerate(one.han):
                score = self._han(han, text)
                if score >= 0.99:
                    text_ = _("its name is that of the element") if i == 0 else _("its name is a synonym of the element")
                    yield Likeness(1.0 if i == 0 else 0.97, text_)
                else:
                    yield Likeness(score, _("its name is like that of the element"))
        else:
            if whole in one.latin:
                yield Likeness(one.latin[whole], _("its name is a short form of the element's"))
            else:
                yield Likeness(max((_tail(whole, short) for short in one.latin), default=0.0), _("its name ends like a short form of the element's"))
            for some in one.english:
                yield Likeness(self._words(english, some), _("its words are like those of the element"))

    def _han(self, name: str, text: str) -> float:
        if name == text:
            return 1.0
        mine, other = _core(name), _core(text)
        if len(mine[0]) > 1 and mine[0] == other[0]:
            return 0.9 if mine[1] == other[1] else 0.82 if "" in (mine[1], other[1]) else 0.5
        grams, theirs = _grams(_unified(name)), _grams(_unified(text))
        common = sum(self._w(g) for g in grams & theirs)
        likeness = 2 * common / max(1e-9, sum(map(self._w, grams)) + sum(map(self._w, theirs)))
        if len(text) > 1 and name.endswith(text):
            return max(0.8 * likeness, 0.64 + 0.3 * len(text) / len(name))
        if len(name) > 1 and text.endswith(name):
            return max(0.8 * likeness, 0.5 + 0.3 * len(name) / len(text))
        if len(text) > 1 and name.startswith(text) or len(name) > 1 and text.startswith(name):
            return max(0.75 * likeness, 0.25 + 0.3 * min(len(name), len(text)) / max(len(name), len(text)))
        return 0.8 * likeness

    def _w(self, gram: str) -> float:
        return self._weight.get(gram, self._rare)

    def _words(self, name: tuple[str, ...], other: tuple[str, ...]) -> float:
        if not name or not other:
            return 0.0
        if "".join(name) == "".join(other):
            return 0.97

        def weight(word: str) -> float:
            return math.log(1 + len(self._names) / (1 + self._english[word])) if not word.isdigit() else 0.2

        digits = {w for w in other if w.isdigit()}
        if digits and digits != {w for w in name if w.isdigit()}:
            return 0.0
        mine, theirs = {w for w in name if not w.isdigit() or digits}, set(other)
        if mine == theirs:
            return 0.93
        common = sum(max(weight(w) for w in (a, b)) for a in mine for b in theirs if _same_word(a, b))
        whole = sum(map(weight, mine)) + sum(map(weight, theirs))
        likeness = min(1.0, 2 * common / max(1e-9, whole))
        last = [w for w in name if not w.isdigit()][-1:]
        is_head = bool(last) and _same_word(last[0], other[-1])
        if is_head and theirs <= mine:
            return max(0.85 * likeness, 0.58 + 0.3 * len(theirs) / len(mine))
        return max(0.0, min(0.85, 0.85 * likeness + (0.08 if is_head else -0.08))) if common else 0.0


def _names_of(one: Element) -> _Names:
    han = [folded(one.title.zh), *(folded(s) for s in one.synonyms if _HAN.search(s))]
    latin: dict[str, float] = {folded(one.name): 0.97}
    for synonym in one.synonyms:
        if not _HAN.search(synonym):
            latin.setdefault(folded(synonym), 0.97 if len(folded(synonym)) > 2 else 0.9)
    for place, text in enumerate(han):
        for reading in readings(text):
            latin.setdefault(reading, 0.93)
        for short in initials(text):
            if len(short) > 2 or place == 0:
                latin.setdefault(short, 0.55 + 0.08 * min(len(short), 4))
    english = [tokens(one.title.en), tokens(one.name)]
    english += [tokens(s) for s in one.synonyms if not _HAN.search(s) and ("_" in s or " " in s)]
    return _Names(one.name, tuple(dict.fromkeys(han)), latin, tuple(dict.fromkeys(english)))


@cache
def _core(text: str) -> tuple[str, str]:
    """A Chinese name without its general ending, and what kind of thing the ending says."""
    for ending in sorted(words()["endings"], key=len, reverse=True):
        if text.endswith(ending) and len(text) > len(ending) + 1:
            return _unified(text[: -len(ending)]), _kind(ending)
    return _unified(text), ""


def _kind(ending: str) -> str:
    for main, others in words()["same"].items():
        if ending == main or ending in others:
            return str(main)
    return ending


@cache
def _unified(text: str) -> str:
    """A Chinese name with words that say the same alike."""
    for main, others in words()["same"].items():
        for other in sorted(others, key=len, reverse=True):
            if len(other) > 1:
                text = text.replace(other, main)
    return text


@cache
def _grams(text: str) -> frozenset[str]:
    return frozenset({text[i : i + 2] for i in range(len(text) - 1)} | {f"{text[-1:]}$"}) if text else frozenset()


def _tail(name: str, short: str) -> float:
    """Initials at the end of longer ones: ``qyxxdz`` ends with ``xxdz``."""
    if len(short) >= 4 and name.endswith(short) and len(name) <= 2 * len(short) and name != short:
        return 0.4 + 0.2 * len(short) / len(name)
    return 0.0


def _same_word(a: str, b: str) -> bool:
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    return len(short) >= 4 and long.startswith(short) and len(long) - len(short) <= 3
