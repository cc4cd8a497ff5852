"""Live queries of a table that stays at its source (虚拟入湖): pushed down, estimated first, cut off at a budget.

A question names columns, conditions and a limit; all of them are answered by the source, so that only the rows asked
for cross the network. Before it runs, the source's own planner says how many rows it would look at: above the budget
the question is refused, and the answer says what would make it cheap. While it runs, the source ends it after the
budget's seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from cityloom.collect.base import ROW, build
from cityloom.kernel.errors import ConfigError, SourceError, UserError
from cityloom.model.resource import Resource
from cityloom.model.source import Budget, Source

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "starts", "missing", "filled")
ESCAPE = "!"
"""Before a wildcard that stands for itself."""


@dataclass(frozen=True)
class Condition:
    """What must hold of a column's value at the source: ``operator`` of :data:`OPERATORS`, ``values`` as text.

    ``in`` takes several values, ``missing`` and ``filled`` (NULL or not) none, the others one.
    """

    column: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked of a source: columns (all when none is named), conditions that must all hold, at most ``limit`` rows."""

    columns: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    limit: int = 100


@dataclass(frozen=True)
class Estimate:
    """What the source's planner expects: rows it would look at, and in its own words how."""

    scanned: int
    plan: str


@runtime_checkable
class Virtual(Protocol):
    """A connector whose source can be asked live."""

    def estimate(self, question: Question, seconds: float) -> Estimate:
        """What answering would cost the source, without answering.

        Raises:
            SourceError: ``collect.virtual.cut`` when even that took longer than ``seconds``.
        """
        ...

    def ask(self, question: Question, seconds: float) -> Iterator[pa.RecordBatch]:
        """The rows as text columns and ``_row`` (from 1); at least one batch.

        Raises:
            SourceError: ``collect.virtual.cut`` when the source ended it after ``seconds``.
        """
        ...


@dataclass(frozen=True)
class Answer:
    """Rows of a live query as text columns, and what it was expected to cost. ``is_cut``: there are more rows than
    the limit."""

    rows: pa.Table
    estimate: Estimate
    is_cut: bool


def ask(resource: Resource, source: Source, question: Question, *, base: Path) -> Answer:
    """Ask a resource's source live, within the budget of its task.

    Args:
        resource: whose task allows live queries; columns are the source's own.
        source: where its table is.
        question: what is asked.
        base: folder on which relative paths and ``file:`` references stand.

    Raises:
        ConfigError: ``collect.virtual.off`` or ``collect.virtual.unsupported``.
        UserError: ``collect.virtual.column``, ``collect.virtual.condition``, ``collect.virtual.rows`` or
            ``collect.virtual.dear``: nothing was asked of the source beyond its estimate.
        SourceError: ``collect.virtual.cut``, or what the connector raises.
    """
    budget = resource.collect.virtual or (Budget() if resource.collect.mode == "virtual" else None)
    connector = build(resource, source, base)
    if budget is None or not isinstance(connector, Virtual):
        raise _unable(resource, source, budget)
    asked = _checked(resource, question, budget)
    estimate = connector.estimate(asked, budget.seconds)
    if estimate.scanned > budget.scanned:
        raise UserError(
            "collect.virtual.dear",
            "{resource}: the source would look at about {scanned} rows for this; {budget} are allowed.",
            hint="Add a condition on an indexed column, have the source index the column, or collect the table instead of "
            "asking live. The source's plan: {plan}",
            resource=resource.name,
            scanned=estimate.scanned,
            budget=budget.scanned,
            plan=estimate.plan,
        )
    more = Question(asked.columns, asked.conditions, asked.limit + 1)
    rows = pa.Table.from_batches(connector.ask(more, budget.seconds)).drop_columns([ROW])
    return Answer(rows.slice(0, asked.limit), estimate, rows.num_rows > asked.limit)


def _checked(resource: Resource, question: Question, budget: Budget) -> Question:
    """The question with the resource's columns, when it asks for nothing that is not there or not allowed."""
    known = tuple(item.column for item in resource.items)
    for name in (*question.columns, *(c.column for c in question.conditions)):
        if name not in known:
            raise UserError(
                "collect.virtual.column",
                "{resource} has no column {column}.",
                hint="There are: {known}.",
                resource=resource.name,
                column=name,
                known=", ".join(known),
            )
    conditions = tuple(_well_formed(condition) for condition in question.conditions)
    if not 1 <= question.limit <= budget.rows:
        raise UserError(
            "collect.virtual.rows",
            "{limit} rows were asked for; from 1 to {budget} are allowed.",
            hint="Ask for fewer, or have the task's budget raised by its department.",
            limit=question.limit,
            budget=budget.rows,
        )
    return Question(question.columns or known, conditions, question.limit)


def _well_formed(condition: Condition) -> Condition:
    wanted = {"missing": (0, 0), "filled": (0, 0), "in": (1, 1000)}.get(condition.operator, (1, 1))
    if condition.operator not in OPERATORS or not wanted[0] <= len(condition.values) <= wanted[1]:
        raise UserError(
            "collect.virtual.condition",
            "The condition on {column} cannot be understood.",
            hint="Operators: {operators}; `in` takes several values, missing and filled none.",
            column=condition.column,
            operators=", ".join(OPERATORS),
        )
    if condition.operator != "starts":
        return condition
    start = re.sub(rf"[{ESCAPE}%_]", lambda found: ESCAPE + found[0], condition.values[0])
    return Condition(condition.column, "starts", (f"{start}%",))


def _unable(resource: Resource, source: Source, budget: Budget | None) -> ConfigError:
    if budget is None:
        return ConfigError(
            "collect.virtual.off",
            "{resource} may not be asked live.",
            hint="Give its task a budget: collect: {{virtual: {{rows: 1000, scanned: 200000, seconds: 5}}}}.",
            resource=resource.name,
        )
    return ConfigError(
        "collect.virtual.unsupported",
        "{resource}: a source of the kind {connector} cannot be asked live.",
        hint="Tables of databases can.",
        resource=resource.name,
        connector=source.connector,
    )


def cut(place: str, seconds: float) -> SourceError:
    """The error for a live query that the source ended."""
    return SourceError(
        "collect.virtual.cut",
        "{place}: the query was ended after {seconds} seconds, to spare the source.",
        hint="Narrow it by conditions on indexed columns, or ask when the source is less busy.",
        place=place,
        seconds=seconds,
    )
