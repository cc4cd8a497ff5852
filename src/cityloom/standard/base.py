"""What a standardising step is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sqlglot import exp

from cityloom.kernel.registry import make
from cityloom.model.standard import CodeTable, StepUse
from cityloom.model.text import Title

STEPS = "cityloom.standard.steps"


@dataclass(frozen=True)
class Case:
    """An example of a step: what it is given, what comes out, and with which fields."""

    given: str | None
    expected: str | None
    options: Mapping[str, Any] = field(default_factory=dict)


class Step(Protocol):
    """One small change of one value: raw text to conforming text. NULL stays NULL unless the step says else.

    ``value`` is the meaning; ``sql`` the same as a term that every engine computes.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    cases: ClassVar[tuple[Case, ...]]

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The changed value as a term over the value's column."""
        ...

    def value(self, x: str | None) -> str | None:
        """The changed value."""
        ...


def build(use: StepUse, tables: Mapping[str, CodeTable]) -> Step:
    """The step that a definition asks for.

    Raises:
        ConfigError: no such step, or options that it does not have.
    """
    step: Step = make(STEPS, use.step, use.options, tables=tables)
    return step
