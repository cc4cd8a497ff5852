"""质量报告: what a department is told of its data for a period. Figures and positions; no value of a person."""

from __future__ import annotations

from dataclasses import dataclass

from cityloom.model.cause import Cause
from cityloom.model.quality import Score
from cityloom.model.scoring import Scoring
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Period:
    """A month (``2026-11``), a quarter (``2026-Q4``) or a year (``2026``) of the city's calendar.

    ``start`` and ``end`` are UTC moments as text: the first that belongs to it, and the first that no longer does.
    """

    name: str
    start: str
    end: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """A score with that of the period before: of a dimension, a table, a department; ``before`` is None without one."""

    name: str
    title: Title
    score: float
    light: str
    before: float | None = None

    @property
    def change(self) -> float | None:
        """How much the score rose (or fell)."""
        return None if self.before is None else round(self.score - self.before, 4)


@dataclass(frozen=True, kw_only=True)
class TableLine(Line):
    """A resource: rows assessed, its dimensions, and the score after standardising where it was assessed."""

    rows: int
    at: str
    dimensions: tuple[Score, ...]
    after: float | None = None
    importance: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """A rule on a resource with the rows that broke it, positions of some of them, and what explains most of them."""

    resource: str
    resource_title: Title
    rule: str
    title: Title
    columns: tuple[Title, ...]
    dimension: str
    severity: str
    weight: float
    checked: int
    broken: int
    score: float
    light: str
    before: float | None = None
    examples: tuple[tuple[str, int], ...] = ()
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the platform's own records say of a resource: ``good`` of ``whole`` things were as they should be.

    ``name`` is ``on_time`` (cycles of the period in which data came, 时效性), ``reached`` (attempts to collect that took
    the data in, 可访问性) or ``mounted`` (published in the catalog and bound to its table, 可访问性).
    """

    resource: str
    name: str
    dimension: str
    good: int
    whole: int

    @property
    def score(self) -> float:
        """The share that was as it should be."""
        return self.good / self.whole if self.whole else 1.0


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """A work order as it stood at the end of the period."""

    id: str
    resource_title: Title
    cause: str
    kind: str
    severity: str
    state: str
    opened_at: str
    deadline: str
    broken: int
    is_late: bool


@dataclass(frozen=True, kw_only=True)
class OrderSums:
    """Work orders of a department in a period; ``mean_days`` from sending to the fix, of those closed in it."""

    opened: int
    closed: int
    open: int
    overdue: int
    disputed: int
    mean_days: float | None


@dataclass(frozen=True, kw_only=True)
class DepartmentLine(Line):
    """A department beside the others: its place, and its open and overdue orders."""

    rank: int
    tables: int
    open: int
    overdue: int
    is_own: bool


@dataclass(frozen=True, kw_only=True)
class QualityReport:
    """The report of one department (or of the whole city, ``department`` empty) for one period.

    ``lines`` hold the total first and then the dimensions; ``trend`` the total at the end of each of the last periods
    (None where nothing was assessed yet); ``missing`` resources that have not been assessed.
    """

    city: Title
    department: str
    title: Title
    period: Period
    made_at: str
    phase: str
    scoring: Scoring
    lines: tuple[Line, ...]
    trend: tuple[tuple[str, float | None], ...]
    tables: tuple[TableLine, ...]
    missing: tuple[Title, ...]
    rules: tuple[RuleLine, ...]
    kept: int
    evidence: tuple[Evidence, ...]
    sums: OrderSums
    orders: tuple[OrderLine, ...]
    departments: tuple[DepartmentLine, ...]

    @property
    def total(self) -> Line | None:
        """The score of everything, None where nothing was assessed."""
        return self.lines[0] if self.lines else None

    @property
    def rows(self) -> int:
        """Rows assessed."""
        return sum(t.rows for t in self.tables)

    @property
    def broken(self) -> int:
        """Breaches counted: a row that breaks two rules counts twice."""
        return sum(r.broken for r in self.rules)
