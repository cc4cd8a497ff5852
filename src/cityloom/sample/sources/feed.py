"""A feed: the query that yields a department's records, and the writer that files them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cityloom.sample.draw import salted
from cityloom.sample.writers import Writer


@dataclass(frozen=True)
class Feed:
    """Records of one department.

    Args:
        name: department and table, ``ga.hukou``.
        over: what its query reads: a stretch of people, of marriage events, or of firms.
        query: given the relations of that stretch, a query with ``target``, ``label`` (kind of dirt or NULL)
            and ``line`` or ``c1, c2, …``, ordered by target and then in a fixed order.
        writer: given the sources folder, who files the rows.
    """

    name: str
    over: Literal["people", "events", "firms"]
    query: Callable[[Stretch], str]
    writer: Callable[[Path], Writer]


@dataclass(frozen=True)
class Stretch:
    """Relations of one stretch of the city; those a feed does not read are empty texts."""

    people: str = ""
    events: str = ""
    firms: str = ""


def keyed(relation: str, feed: str, condition: str = "true", columns: str = "*") -> str:
    """The rows of a relation with the feed's own key ``rk``."""
    return f"SELECT {columns}, {salted('h', feed)} AS rk FROM {relation} WHERE {condition}"


def cells(*values: str) -> str:
    """Values as columns ``c1, c2, …``."""
    return ", ".join(f"{v} AS c{n}" for n, v in enumerate(values, 1))
