"""Which cells of a broken row are wrong: the fewest that explain all rules which the row breaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from cityloom.quality.plan import RulePlan

Place = tuple[str, int]
"""A row: batch and number in it."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A cell that is blamed, with the rules that it explains."""

    batch: str
    row: int
    item: str
    rules: tuple[str, ...]


def blamed(broken: Iterable[tuple[str, int, str]], plans: Mapping[str, RulePlan]) -> Iterator[Suspect]:
    """The blamed cells of broken rows.

    A rule on one column, or that blames all its columns (a value in the wrong column), settles who is wrong. What is
    left are rules by which columns depend on each other: each time the column that most of them name is blamed; of
    several the one that a rule says is determined.

    Args:
        broken: batch, row and rule, the rows of a batch together and in any order.
        plans: the rules by name.
    """
    for (batch, row), group in groupby(broken, key=lambda one: (one[0], one[1])):
        rules = [plans[name] for _batch, _row, name in group if name in plans]
        for item, names in _of_row(rules).items():
            yield Suspect(batch=batch, row=row, item=item, rules=tuple(sorted(names)))


def _of_row(rules: Sequence[RulePlan]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    open_: list[RulePlan] = []
    for one in rules:
        if len(one.own_columns) == 1 or _blames(one) == "all":
            for item in one.own_columns:
                found.setdefault(item, set()).add(one.name)
        else:
            open_.append(one)
    for one in open_:
        if one.own_columns[-1] in found:
            found[one.own_columns[-1]].add(one.name)
    open_ = [one for one in open_ if not set(one.own_columns) & found.keys()]
    while open_:
        named = Counter(item for one in open_ for item in one.own_columns)
        fixed = Counter(one.own_columns[-1] for one in open_)
        item = max(named, key=lambda name: (named[name], fixed[name], name))
        found[item] = {one.name for one in open_ if item in one.own_columns}
        open_ = [one for one in open_ if item not in one.own_columns]
    return found


def _blames(one: RulePlan) -> str:
    return str(getattr(one.rule, "blames", "last"))
