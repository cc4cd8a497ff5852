"""清洗规则: what is done with rows that break a rule, and who agreed to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.standard import StepUse
from cityloom.model.text import STRICT, Title

COMPLETE, FILTER, TOLERATE = "complete", "filter", "tolerate"
KINDS = (COMPLETE, FILTER, TOLERATE)
"""补全修正: put right; 数据过滤: set apart; 数据容错: kept and flagged."""
LEVELS = ("low", "medium", "high")
USUAL: Mapping[str, Mapping[str, str]] = {
    "high": {"high": COMPLETE, "medium": COMPLETE, "low": TOLERATE},
    "medium": {"high": FILTER, "medium": COMPLETE, "low": TOLERATE},
    "low": {"high": FILTER, "medium": TOLERATE, "low": TOLERATE},
}
"""Importance of the data -> severity of the problem -> kind, where no matrix is declared: what matters is put right, what
matters little and is badly wrong is set apart, what is slightly wrong is kept and flagged."""
ROLES = ("business", "technical")
"""Who must approve a rule before it acts: the department that answers for the data, and the data authority."""


@dataclass(frozen=True, kw_only=True)
class CleaningMatrix:
    """Which kind of cleaning follows from importance and severity; ``name`` is a department's, or ``default``."""

    __pydantic_config__ = STRICT

    name: str
    cells: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class CleaningRule:
    """A cleaning rule of a resource.

    ``rule`` names a plug-in of ``quality/rules``, ``columns`` the items it looks at, ``when`` an expression that narrows
    the rows. ``importance`` of the data and ``severity`` of the problem (low, medium, high) choose the kind by the matrix;
    ``kind`` chooses it outright. ``correct`` says by item the steps that put a broken row right, and ``otherwise`` what
    becomes of one that they leave broken (``filter`` or ``tolerate``; by severity where it is not said).
    """

    __pydantic_config__ = STRICT

    name: str
    rule: str
    columns: tuple[str, ...] = ()
    title: Title | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    when: str = ""
    importance: str = "medium"
    severity: str = "medium"
    kind: str | None = None
    correct: Mapping[str, tuple[StepUse, ...]] = field(default_factory=dict)
    otherwise: str | None = None

    @property
    def remainder(self) -> str:
        """What becomes of a row that is not put right."""
        return self.otherwise or (FILTER if self.severity == "high" else TOLERATE)

    def chosen(self, matrix: CleaningMatrix | None) -> str:
        """The kind: as declared, or by the matrix; where that says to put right and nothing says how, the remainder."""
        cells = matrix.cells if matrix else USUAL
        found = self.kind or cells.get(self.importance, {}).get(self.severity) or USUAL[self.importance][self.severity]
        return self.remainder if found == COMPLETE and not self.correct else found


@dataclass(frozen=True, kw_only=True)
class CleaningVersion:
    """One version of a cleaning rule: what was proposed, by whom, and what the reviewers said of it.

    ``state`` is ``proposed``, ``approved`` or ``returned``; ``reviews`` by role who decided what, when and why.
    """

    resource: str
    version: int
    rule: CleaningRule
    kind: str
    digest: str
    state: str
    proposed_by: str
    proposed_at: str
    reviews: Mapping[str, CleaningReview] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """How rows name the rule: ``name@version``."""
        return f"{self.rule.name}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class CleaningReview:
    """What one reviewer decided: ``approve`` or ``return``."""

    decision: str
    account: str
    at: str
    words: str = ""
