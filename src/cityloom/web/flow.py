"""The geometry of the chain as a picture: departments → raw → standard → base library → shared.

Ribbons are as thick as the rows they stand for; from the standard layer on they narrow, because many rows
say something about one person. Units are those of a drawing of ``WIDTH`` by ``HEIGHT``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cityloom.web.report import Report

WIDTH, HEIGHT = 1200, 400
TOP, FOOT, GAP, LEAST = 74, 26, 9, 7
X_FROM, X_RAW, X_STD, X_BASE, X_SHARED = 168, 430, 660, 900, 1120
BAR = 14


@dataclass(frozen=True, kw_only=True)
class Node:
    """A bar at ``x``, ``y`` of height ``h``; ``colour`` is a number of the palette, ``rows`` its weight."""

    name: str
    x: float
    y: float
    h: float
    colour: int
    rows: int

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return self.y + self.h / 2


@dataclass(frozen=True, kw_only=True)
class Ribbon:
    """A closed SVG path in a colour of the palette."""

    path: str
    colour: int


@dataclass(frozen=True, kw_only=True)
class Flow:
    """All bars and ribbons of the picture."""

    departments: tuple[Node, ...]
    raw: Node
    standard: Node
    people: Node
    firms: Node
    shared: Node
    ribbons: tuple[Ribbon, ...]
    leaving: tuple[Ribbon, ...]


def draw_flow(report: Report, colours: dict[str, int]) -> Flow:
    """Lay the picture out."""
    rows: dict[str, int] = {}
    for source in report.sources:
        rows[source.department] = rows.get(source.department, 0) + source.landed
    departments = _stack(sorted(rows.items(), key=lambda pair: -pair[1]), colours)
    total = sum(node.h for node in departments)
    start = TOP + (HEIGHT - TOP - FOOT - total) / 2
    landed = sum(rows.values())
    raw = Node(name="raw", x=X_RAW, y=start, h=total, colour=0, rows=landed)
    standard = Node(name="standard", x=X_STD, y=start, h=total, colour=0, rows=landed)
    people, firms = _base(report, start + total / 2, total)
    shared = Node(name="shared", x=X_SHARED, y=people.middle - 9, h=18, colour=0, rows=1)
    return Flow(
        departments=departments,
        raw=raw,
        standard=standard,
        people=people,
        firms=firms,
        shared=shared,
        ribbons=_threads(departments, raw, standard, people, firms),
        leaving=(_ribbon(people.x + BAR, people.middle - 9, X_SHARED, shared.y, 18, 18, 0),),
    )


def _stack(rows: Sequence[tuple[str, int]], colours: dict[str, int]) -> tuple[Node, ...]:
    room = HEIGHT - TOP - FOOT - GAP * max(len(rows) - 1, 0) - LEAST * len(rows)
    total = sum(count for _name, count in rows) or 1
    nodes, y = [], float(TOP)
    for name, count in rows:
        h = LEAST + room * count / total
        nodes.append(Node(name=name, x=X_FROM, y=y, h=h, colour=colours.get(name, 0), rows=count))
        y += h + GAP
    return tuple(nodes)


def _base(report: Report, middle: float, total: float) -> tuple[Node, Node]:
    whole = (report.fusion.people + report.fusion.firms) or 1
    height, gap = total * 0.62, 34.0
    h_people = max(18.0, (height - gap) * report.fusion.people / whole)
    h_firms = max(12.0, (height - gap) * report.fusion.firms / whole)
    top = middle - (h_people + gap + h_firms) / 2
    people = Node(name="people", x=X_BASE, y=top, h=h_people, colour=0, rows=report.fusion.people)
    firms = Node(name="firms", x=X_BASE, y=top + h_people + gap, h=h_firms, colour=0, rows=report.fusion.firms)
    return people, firms


def _threads(departments: Sequence[Node], raw: Node, standard: Node, people: Node, firms: Node) -> tuple[Ribbon, ...]:
    """Each department's thread through raw and standard into the base library, narrowing at the end."""
    ribbons, offset = [], 0.0
    of_firms = firms.h / (people.h + firms.h)
    for node in departments:
        at = raw.y + offset
        share = node.h / raw.h if raw.h else 0.0
        ribbons.append(_ribbon(node.x + BAR, node.y, raw.x, at, node.h, node.h, node.colour))
        ribbons.append(_ribbon(raw.x + BAR, at, standard.x, at, node.h, node.h, node.colour))
        split = node.h * (1 - of_firms)
        left = standard.x + BAR
        y_people, y_firms = people.y + people.h * offset / raw.h, firms.y + firms.h * offset / raw.h
        ribbons.append(_ribbon(left, at, people.x, y_people, split, people.h * share, node.colour))
        ribbons.append(_ribbon(left, at + split, firms.x, y_firms, node.h - split, firms.h * share, node.colour))
        offset += node.h
    return tuple(ribbons)


def _ribbon(x1: float, y1: float, x2: float, y2: float, h1: float, h2: float, colour: int) -> Ribbon:
    c = (x1 + x2) / 2
    path = (
        f"M{x1:.1f},{y1:.1f} C{c:.1f},{y1:.1f} {c:.1f},{y2:.1f} {x2:.1f},{y2:.1f} "
        f"L{x2:.1f},{y2 + h2:.1f} C{c:.1f},{y2 + h2:.1f} {c:.1f},{y1 + h1:.1f} {x1:.1f},{y1 + h1:.1f} Z"
    )
    return Ribbon(path=path, colour=colour)
