"""How Chinese names are abbreviated in old systems: by the first letters of their reading, or written out in Pinyin."""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import product

_MOST = 8
"""Readings of one text that are tried, where characters are read in two ways."""


def readings(text: str) -> set[str]:
    """The text in Pinyin without tones and spaces; empty where a character is not known."""
    return _joined([_syllables().get(c) or (c.casefold() if c.isascii() else "") for c in text])


def initials(text: str) -> set[str]:
    """The first letter of every syllable; empty where a character is not known."""
    return _joined(
        [tuple(dict.fromkeys(s[0] for s in found)) if (found := _syllables().get(c)) else c.casefold() if c.isascii() else "" for c in text]
    )


def _joined(parts: list[tuple[str, ...] | str]) -> set[str]:
    choices = [part if isinstance(part, tuple) else (part,) for part in parts]
    if not choices or any(not one or not one[0] for one in choices):
        return set()
    found = set()
    for some in product(*choices):
        found.add("".join(some))
        if len(found) == _MOST:
            break
    return found


@cache
def _syllables() -> dict[str, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("pinyin.txt").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        syllable, letters = line.split(" ", 1)
        for letter in letters:
            found[letter] = (*found.get(letter, ()), syllable)
    return found
