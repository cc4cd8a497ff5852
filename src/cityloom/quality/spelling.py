"""How near two spellings are to each other."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 200
"""Longer texts are not compared letter by letter."""


def without_one(text: str) -> set[str]:
    """The text, and the text without each of its letters: two texts that share one of these are a slip apart."""
    return {text, *(text[:i] + text[i + 1 :] for i in range(len(text)))}


def distance(left: str, right: str, most: int) -> int:
    """Letters to change, add, leave out or swap with their neighbour; ``most + 1`` where it is more than ``most``."""
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def nearest(text: str, among: Iterable[str], most: int) -> list[tuple[int, str]]:
    """The texts at most so far away, nearest first; other ones of the same distance in the order given."""
    found = [(distance(text, other, most), other) for other in among if other != text]
    return sorted((one for one in found if one[0] <= most), key=lambda one: one[0])
