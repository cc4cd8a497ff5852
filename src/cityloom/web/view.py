"""What the start page shows, worked out from the report: sums, orders, matrices and readable values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from cityloom.kernel.i18n import _, current_language
from cityloom.model.standard import DIMENSIONS
from cityloom.web import words
from cityloom.web.flow import Flow, draw_flow
from cityloom.web.report import Conflict, Report, Score

FIRM = "legal_person"
"""The object type whose attributes are marked as those of a firm."""
ROOM = 26
"""Columns that a department's name may take in the picture."""
COLOURS = 10
"""Colours of departments in the style sheet: ``c0`` to ``c9``."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Whose value was taken (rows) over whose (columns); ``cells`` hold counts, ``most`` the largest."""

    winners: tuple[str, ...]
    others: tuple[str, ...]
    cells: Mapping[tuple[str, str], int]
    most: int

    def shade(self, winner: str, other: str) -> int:
        """0 (none) to 5 (most), for the colour of a cell."""
        count = self.cells.get((winner, other), 0)
        return 0 if not count else max(1, round(5 * (count / self.most) ** 0.5))


@dataclass(frozen=True)
class StartView:
    """The report as the start page reads it."""

    report: Report

    @cached_property
    def colours(self) -> dict[str, int]:
        """A colour for every department, the same everywhere on the page."""
        return {name: number % COLOURS for number, name in enumerate(self.report.departments)}

    @cached_property
    def flow(self) -> Flow:
        """The chain as a picture."""
        return draw_flow(self.report, self.colours)

    @property
    def read(self) -> int:
        """Rows read from all sources."""
        return sum(s.read for s in self.report.sources)

    @property
    def landed(self) -> int:
        """Rows that reached the raw layer."""
        return sum(s.landed for s in self.report.sources)

    @property
    def rejected(self) -> int:
        """Rows set apart with a reason."""
        return sum(s.rejected for s in self.report.sources)

    @property
    def reconciled(self) -> int:
        """Sources whose rows add up."""
        return sum(s.reconciled for s in self.report.sources)

    @property
    def providers(self) -> int:
        """Departments that provide data."""
        return len({s.department for s in self.report.sources})

    @property
    def total_seconds(self) -> float:
        """Seconds of the whole job."""
        return self.report.seconds.get("total", sum(self.report.seconds.values()))

    @property
    def durations(self) -> list[tuple[str, float]]:
        """Steps with their seconds, in the order they ran."""
        return [(name, value) for name, value in self.report.seconds.items() if name != "total"]

    @property
    def dimensions(self) -> list[tuple[str, float | None, float | None]]:
        """Quality dimension with its score before and after."""
        before, after = self.report.quality.before, self.report.quality.after
        names = [d for d in DIMENSIONS if d in before or d in after]
        names += sorted((set(before) | set(after)) - set(names))
        return [(name, before.get(name), after.get(name)) for name in names]

    @property
    def errors(self) -> list[tuple[str, float, bool]]:
        """Attribute, share of wrong values, whether one department answers for it; the worst first."""
        known = [
            (n, e, n in self.report.fusion.led) for n, e in self.report.fusion.error.items() if e is not None
        ]
        return sorted(known, key=lambda row: (-row[1], row[0]))

    @property
    def conflicts(self) -> list[Conflict]:
        """Conflicts, the most frequent first."""
        return sorted(self.report.conflicts, key=lambda c: -c.count)

    @cached_property
    def matrix(self) -> Matrix:
        """Conflicts by department."""
        cells: dict[tuple[str, str], int] = {}
        for c in self.report.conflicts:
            cells[c.winner, c.other] = cells.get((c.winner, c.other), 0) + c.count
        order = list(self.report.departments)
        return Matrix(
            winners=_in_order({w for w, _o in cells}, order),
            others=_in_order({o for _w, o in cells}, order),
            cells=cells,
            most=max(cells.values(), default=1),
        )

    def department(self, name: str) -> str:
        """A department's name in the current language, without the city's own name before it."""
        city = str(self.report.city.title).removesuffix(" City")
        full = str(self.report.departments.get(name, name))
        return full.removeprefix(city).strip() or full

    def short_department(self, name: str) -> str:
        """A department's name where there is little room: at most ``ROOM`` columns, Chinese characters count two."""
        full = self.department(name)
        widths = accumulate(1 if letter.isascii() else 2 for letter in full)
        fitting = sum(width <= ROOM for width in widths)
        return full if fitting == len(full) else full[: fitting - 1].rstrip() + "…"

    def attribute(self, name: str) -> str:
        """An attribute's name in the current language; ``legal_person.name`` is the name of a firm."""
        kind, _dot, bare = name.rpartition(".")
        title = str(self.report.attributes.get(name) or self.report.attributes.get(bare) or bare)
        return _("{attribute} (firm)").format(attribute=title) if kind == FIRM else title

    def conflicting(self, conflict: Conflict) -> str:
        """The attribute that a conflict is about."""
        return self.attribute(f"{conflict.type}.{conflict.attribute}" if conflict.type else conflict.attribute)

    def readable(self, key: str, value: Any) -> str:
        """A value of a request or a grant as people read it."""
        if isinstance(value, Mapping):
            if "zh" in value:
                return str(value.get(current_language()) or value["zh"])
            return ", ".join(f"{self.attribute(k)} {self.readable(k, v)}" for k, v in value.items())
        if isinstance(value, (list, tuple)):
            return _(", ").join(self.attribute(str(one)) for one in value)
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if value is None:
            return "—"
        return self._word(key, value) if isinstance(value, str) else str(value)

    def _word(self, key: str, value: str) -> str:
        if key.endswith("_at"):
            return value[:10]
        if key == "state":
            return words.state(value)
        people = {a.name: str(a.title) for a in self.report.accounts}
        return self.department(value) if value in self.report.departments else people.get(value, value)

    @property
    def answered(self) -> list[tuple[str, Any, bool]]:
        """Item, value that left, whether it was masked."""
        if self.report.service is None:
            return []
        masked = set(self.report.service.masked)
        return [(name, value, name in masked) for name, value in _leaves(self.report.service.answer)]

    @property
    def ranking(self) -> list[Score]:
        """Departments by place; those without place last."""
        return sorted(self.report.scores, key=lambda s: (s.rank is None, s.rank or 0, s.department))

    @property
    def groups(self) -> list[str]:
        """Groups of indicators, in the order of the index system; none where they do not add up to the points."""
        scored = [s for s in self.report.scores if s.score is not None]
        if any(abs(sum(p or 0.0 for p in s.groups.values()) - (s.score or 0.0)) > 0.5 for s in scored):
            return []
        return list(dict.fromkeys(name for s in self.report.scores for name in s.groups))

    def group(self, name: str) -> str:
        """A group's title in the current language."""
        return str(self.report.group_titles.get(name, name))

    def stacked(self, score: Score) -> list[tuple[float, float, int]]:
        """Start, width and number of each group's part in the bar of a department's points."""
        parts, at = [], 0.0
        for number, name in enumerate(self.groups):
            width = score.groups.get(name) or 0.0
            parts.append((at, width, number))
            at += width
        return parts or [(0.0, score.score or 0.0, 0)]

    @property
    def check_command(self) -> str:
        """How anyone checks the audit log with nothing but the bundle and the public key."""
        proof = self.report.audit
        return f"cityloom audit verify {proof.bundle} --key {proof.key}" if proof else ""

    @property
    def example_service(self) -> str:
        """The service that the report called."""
        shared = self.report.service
        return str(shared.request.get("service", "…")) if shared else "…"

    @property
    def example_question(self) -> str:
        """The body of a call of that service, with places instead of values."""
        shared = self.report.service
        asked = shared.request.get("parameters") if shared else None
        names = list(asked) if isinstance(asked, Mapping) else []
        return json.dumps({"parameters": dict.fromkeys(names, "…")}, ensure_ascii=False)


def _leaves(answer: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in answer.items():
        if isinstance(value, Mapping):
            found += _leaves(value)
        else:
            found.append((name, value))
    return found


def _in_order(names: set[str], order: list[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda n: (order.index(n) if n in order else len(order), n)))
