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
X_FROM, X_RAW, X_STD, X_BASE, X_SHARED = 268, 500, 710, 920, 1130
BAR, LEAVING = 14, 16


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
    base: Node
    shared: Node
    ribbons: tuple[Ribbon, ...]
    leaving: Ribbon


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
    objects = report.fusion.people + report.fusion.firms
    base = Node(name="base", x=X_BASE, y=start + total * 0.22, h=total * 0.56, colour=0, rows=objects)
    shared = Node(name="shared", x=X_SHARED, y=base.middle - LEAVING / 2, h=LEAVING, colour=0, rows=1)
    return Flow(
        departments=departments,
        raw=raw,
        standard=standard,
        base=base,
        shared=shared,
        ribbons=_threads(departments, (raw, standard, base)),
        leaving=_ribbon(base.x + BAR, shared.y, X_SHARED, shared.y, LEAVING, LEAVING, 0),
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


def _threads(departments: Sequence[Node], layers: Sequence[Node]) -> tuple[Ribbon, ...]:
    """Each department's thread from layer to layer, its part of every layer the same."""
    ribbons, above = [], 0.0
    whole = sum(node.h for node in departments) or 1.0
    for node in departments:
        x, y, h = node.x + BAR, node.y, node.h
        for layer in layers:
            to, thick = layer.y + layer.h * above / whole, layer.h * node.h / whole
            ribbons.append(_ribbon(x, y, layer.x, to, h, thick, node.colour))
            x, y, h = layer.x + BAR, to, thick
        above += node.h
    return tuple(ribbons)


def _ribbon(x1: float, y1: float, x2: float, y2: float, h1: float, h2: float, colour: int) -> Ribbon:
    c = (x1 + x2) / 2
    path = (
        f"M{x1:.1f},{y1:.1f} C{c:.1f},{y1:.1f} {c:.1f},{y2:.1f} {x2:.1f},{y2:.1f} "
        f"L{x2:.1f},{y2 + h2:.1f} C{c:.1f},{y2 + h2:.1f} {c:.1f},{y1 + h1:.1f} {x1:.1f},{y1 + h1:.1f} Z"
    )
    return Ribbon(path=path, colour=colour)
