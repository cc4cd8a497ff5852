"""What a standardising step is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from sqlglot import exp

from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import make
from cityloom.model.standard import CodeTable, StepUse
from cityloom.model.text import Title

STEPS = "cityloom.standard.steps"


@dataclass(frozen=True)
class Case:
    """An example of a step: what it is given, what comes out, with which fields, and the values of its inputs."""

    given: str | None
    expected: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[str | None, ...] = ()


class Step(Protocol):
    """One small change of one value: raw text to conforming text. NULL stays NULL unless the step says else.

    ``value`` is the meaning; ``sql`` the same as a term that every engine computes. A step that looks at further
    columns says in ``takes`` how many at least and at most; they come behind the value, in the order of ``inputs``.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    cases: ClassVar[tuple[Case, ...]]

    def sql(self, column: exp.Expression, *others: exp.Expression) -> exp.Expression:
        """The changed value as a term over the value's column and those of its inputs."""
        ...

    def value(self, x: str | None, *others: str | None) -> str | None:
        """The changed value."""
        ...


class Program(Protocol):
    """A meaning too large for a term, told of a text in several outputs at once.

    It is asked once for every distinct text, and its answers are looked up (:mod:`cityloom.standard.lookups`): so
    every engine and the reference give the same.
    """

    @property
    def name(self) -> str:
        """Names the table of its answers: letters, digits and ``_``; two programs that differ have two names."""
        ...

    @property
    def version(self) -> str:
        """Another one whenever an answer may be another one."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it tells of a text."""
        ...

    def answer(self, text: str) -> tuple[str | None, ...]:
        """What it tells of a text, in the order of its outputs."""
        ...


@runtime_checkable
class ProgramStep(Protocol):
    """A step whose value is one output of a program, and that has no term. NULL stays NULL."""

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    cases: ClassVar[tuple[Case, ...]]

    @property
    def program(self) -> Program:
        """What is asked."""
        ...

    @property
    def output(self) -> str:
        """Which of the program's outputs is the value."""
        ...

    def value(self, x: str | None) -> str | None:
        """The changed value."""
        ...


def build(use: StepUse, tables: Mapping[str, CodeTable]) -> Step | ProgramStep:
    """The step that a definition asks for.

    Raises:
        ConfigError: no such step, or options that it does not have.
    """
    step: Step | ProgramStep = make(STEPS, use.step, use.options, tables=tables)
    least, most = takes(step)
    if not least <= len(use.inputs) <= most:
        raise ConfigError(
            "standard.step.inputs",
            "The step {step} has {given} inputs.",
            hint="It takes {least} to {most}.",
            step=use.step,
            given=len(use.inputs),
            least=least,
            most=most,
        )
    return step


def takes(step: object) -> tuple[int, int]:
    """How many inputs a step (or its class) takes at least and at most."""
    least, most = getattr(step, "takes", (0, 0))
    return least, most
