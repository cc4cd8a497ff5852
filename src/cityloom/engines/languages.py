"""Which texts a pattern stands for: whether all of them match another pattern, or none does, and how long they are.

A pattern of the confined language (:mod:`cityloom.engines.patterns`) is read as a tree; a tree without its first
character is again a few trees (Antimirov's partial derivatives), so two patterns can be compared by walking
through both at once. An answer is certain or it is no: what cannot be read, or takes too many steps, is never said to hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

Node = tuple[Any, ...]
"""``("set", ranges)``, ``("cat", nodes)``, ``("alt", nodes)`` or ``("rep", node, least, most or None)``."""
Ranges = tuple[tuple[int, int], ...]
_LAST = 0x10FFFF
_EMPTY: Node = ("cat", ())
_DOT: Ranges = ((0, 9), (11, _LAST))
_NAMED = {"t": 9, "n": 10, "r": 13, "f": 12}
_PLAIN = set("^$]{}")
"""Signs that are refused where they stand alone."""
_STEPS = 100_000
"""Pairs of characters and trees that are looked at before giving up."""
_DEPTH = 40
"""Brackets within brackets."""


@lru_cache(maxsize=4096)
def is_within(inner: str, outer: str) -> bool:
    """Whether it is certain that every text that matches ``inner`` as a whole matches ``outer`` as a whole."""
    a, b = read(inner), read(outer)
    if a is None or b is None:
        return False
    start = (a, frozenset([b]))
    seen, waiting, steps = {start}, [start], 0
    while waiting:
        one, others = waiting.pop()
        if _may_end(one) and not any(_may_end(other) for other in others):
            return False
        heads = [head for other in others for head in _heads(other)]
        for ranges, rest in _heads(one):
            pieces = _pieces(ranges, (r for r, _ in heads))
            steps += len(pieces) * (1 + len(heads))
            for char in pieces if steps <= _STEPS else ():
                state = (rest, frozenset(node for r, node in heads if _holds(r, char)))
                if state not in seen:
                    seen.add(state)
                    waiting.append(state)
        if steps > _STEPS:
            return False
    return True


@lru_cache(maxsize=4096)
def is_apart(one: str, other: str) -> bool:
    """Whether it is certain that no text matches both patterns as a whole."""
    a, b = read(one), read(other)
    if a is None or b is None:
        return False
    seen, waiting, steps = {(a, b)}, [(a, b)], 0
    while waiting:
        left, right = waiting.pop()
        if _may_end(left) and _may_end(right):
            return False
        for ranges, rest in _heads(left):
            steps += len(_heads(right))
            for others, further in _heads(right) if steps <= _STEPS else ():
                if (rest, further) not in seen and any(lo <= b and a <= hi for lo, hi in ranges for a, b in others):
                    seen.add((rest, further))
                    waiting.append((rest, further))
        if steps > _STEPS:
            return False
    return True


def matches(pattern: str, text: str) -> bool | None:
    """Whether a text as a whole matches a pattern, however it is made; None when it is not known."""
    found = read(pattern)
    if found is None:
        return None
    states, steps = {found}, 0
    for char in map(ord, text):
        heads = [head for state in states for head in _heads(state)]
        steps += len(heads)
        if steps > _STEPS:
            return None
        states = {rest for ranges, rest in heads if _holds(ranges, char)}
    return any(map(_may_end, states))


@lru_cache(maxsize=4096)
def lengths(pattern: str) -> tuple[int, int | None]:
    """The least and the greatest number of characters of texts that match as a whole; ``(0, None)`` when it is not known."""
    found = read(pattern)
    return (0, None) if found is None else _lengths(found)


@lru_cache(maxsize=4096)
def read(pattern: str) -> Node | None:
    """The tree of a pattern; None when it holds what is not read here."""
    reader = _Reader(pattern)
    try:
        found = reader.either()
    except (_UnreadError, IndexError, ValueError):
        return None
    return found if reader.at == len(pattern) else None


class _UnreadError(Exception):
    """The pattern holds what is not read here."""


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self.at = 0
        self._depth = 0

    def either(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _UnreadError
        parts = [self._row()]
        while self._take("|"):
            parts.append(self._row())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else ("alt", tuple(parts))

    def _row(self) -> Node:
        found: Node = _EMPTY
        while self.at < len(self._text) and self._text[self.at] not in "|)":
            found = _joined(found, self._repeated(self._one()))
        return found

    def _one(self) -> Node:
        sign = self._next()
        if sign == "(":
            if self._take("?") and not self._take(":"):
                raise _UnreadError
            found = self.either()
            if not self._take(")"):
                raise _UnreadError
            return found
        if sign == "[":
            return ("set", self._class())
        if sign == ".":
            return ("set", _DOT)
        if sign in _PLAIN or sign in "*+?":
            raise _UnreadError
        char = self._escaped() if sign == "\\" else ord(sign)
        return ("set", ((char, char),))

    def _repeated(self, node: Node) -> Node:
        sign = self._text[self.at : self.at + 1]
        known = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if sign in known and sign:
            self.at += 1
            least, most = known[sign]
        elif sign == "{":
            end = self._text.index("}", self.at)
            first, comma, last = self._text[self.at + 1 : end].partition(",")
            if not (first.isascii() and first.isdigit()) or (last and not (last.isascii() and last.isdigit())):
                raise _UnreadError
            least, most = int(first), int(last) if last else None if comma else int(first)
            self.at = end + 1
        else:
            return node
        self._take("?")
        if self._text[self.at : self.at + 1] in ("*", "+", "?", "{"):
            raise _UnreadError
        return ("rep", node, least, most)

    def _class(self) -> Ranges:
        is_other = self._take("^")
        if self._text[self.at] == "]":
            raise _UnreadError
        found = []
        while not self._take("]"):
            first = self._member()
            if self._text[self.at] == "-" and self._text[self.at + 1] != "]":
                self.at += 1
                found.append((first, self._member()))
            else:
                found.append((first, first))
        return _others(found) if is_other else tuple(sorted(found))

    def _member(self) -> int:
        sign = self._next()
        if sign == "[":
            raise _UnreadError
        return self._escaped() if sign == "\\" else ord(sign)

    def _escaped(self) -> int:
        sign = self._next()
        if sign in _NAMED:
            return _NAMED[sign]
        if sign == "x":
            self.at += 2
            return int(self._text[self.at - 2 : self.at], 16)
        if sign.isalnum():
            raise _UnreadError
        return ord(sign)

    def _next(self) -> str:
        self.at += 1
        return self._text[self.at - 1]

    def _take(self, sign: str) -> bool:
        if self._text[self.at : self.at + 1] != sign:
            return False
        self.at += 1
        return True


def _others(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The characters that are in none of the ranges."""
    found, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            found.append((start, low - 1))
        start = max(start, high + 1)
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)


def _joined(first: Node, second: Node) -> Node:
    if first == _EMPTY or second == _EMPTY:
        return second if first == _EMPTY else first
    left = first[1] if first[0] == "cat" else (first,)
    right = second[1] if second[0] == "cat" else (second,)
    return ("cat", (*left, *right))


@lru_cache(maxsize=65_536)
def _may_end(node: Node) -> bool:
    """Whether the empty text matches."""
    kind = node[0]
    if kind == "rep":
        return node[2] == 0 or _may_end(node[1])
    if kind == "set":
        return False
    return (all if kind == "cat" else any)(_may_end(part) for part in node[1])


@lru_cache(maxsize=65_536)
def _heads(node: Node) -> tuple[tuple[Ranges, Node], ...]:
    """The first characters of its texts, each with what must follow them."""
    kind = node[0]
    if kind == "set":
        return ((node[1], _EMPTY),)
    if kind == "alt":
        return tuple(dict.fromkeys(head for part in node[1] for head in _heads(part)))
    if kind == "rep":
        _, inner, least, most = node
        if most == 0:
            return ()
        again: Node = ("rep", inner, max(least - 1, 0), None if most is None else most - 1)
        again = _EMPTY if again[3] == 0 else again
        return tuple(dict.fromkeys((ranges, _joined(rest, again)) for ranges, rest in _heads(inner)))
    found: dict[tuple[Ranges, Node], None] = {}
    for number, part in enumerate(node[1]):
        rest: Node = ("cat", node[1][number + 1 :])
        rest = rest[1][0] if len(rest[1]) == 1 else rest
        found |= dict.fromkeys((ranges, _joined(inner, rest)) for ranges, inner in _heads(part))
        if not _may_end(part):
            break
    return tuple(found)


def _pieces(ranges: Ranges, others: Iterable[Ranges]) -> list[int]:
    """One character of each piece into which the ends of other ranges cut these."""
    cuts = sorted({cut for other in others for low, high in other for cut in (low, high + 1)})
    return [start for low, high in ranges for start in (low, *(cut for cut in cuts if low < cut <= high))]


def _holds(ranges: Ranges, char: int) -> bool:
    return any(low <= char <= high for low, high in ranges)


def _lengths(node: Node) -> tuple[int, int | None]:
    kind = node[0]
    if kind == "set":
        return 1, 1
    if kind == "rep":
        least, most = _lengths(node[1])
        return least * node[2], None if most is None or node[3] is None else most * node[3]
    parts = [_lengths(part) for part in node[1]]
    ends = [most for _, most in parts if most is not None]
    is_open = len(ends) < len(parts)
    if kind == "alt":
        return min(least for least, _ in parts), None if is_open else max(ends)
    return sum(least for least, _ in parts), None if is_open else sum(ends)
