"""Live queries of tables: compiled for the source, estimated by its planner, ended when their time is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from cityloom.collect.base import ROW
from cityloom.collect.databases.base import Column, Session
from cityloom.collect.virtual import ESCAPE, Condition, Estimate, Question, cut
from cityloom.kernel.errors import CityLoomError, UserError


def estimate(
    session: Session, relation: str, columns: Sequence[Column], question: Question, seconds: float
) -> Estimate:
    """What the source's planner expects of a question.

    Raises:
        SourceError: ``collect.virtual.cut`` when the planner takes longer than that.
    """
    with _limited(session, seconds):
        scanned, plan = session.plan(f"SELECT 1 {_rest(session, relation, columns, question)}", relation)
    is_bare = not question.conditions
    return Estimate(min(scanned, question.limit) if is_bare else scanned, plan)


def ask(
    session: Session, relation: str, columns: Sequence[Column], question: Question, seconds: float
) -> Iterator[pa.RecordBatch]:
    """The rows of a question, numbered from 1; at least one batch.

    Raises:
        SourceError: ``collect.virtual.cut`` when the source ended it, or it had to be ended.
    """
    chosen = [_column(session, columns, name) for name in question.columns]
    start = 1
    with _limited(session, seconds):
        for batch in session.stream(chosen, _rest(session, relation, columns, question)):
            numbers = pa.array(range(start, start + batch.num_rows), pa.int64())
            start += batch.num_rows
            yield pa.RecordBatch.from_arrays([*batch.columns, numbers], names=[*batch.schema.names, ROW])


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """A server that ended a statement did so because of the budget."""
    try:
        yield
    except CityLoomError as error:
        if error.code == "collect.source.slow":
            raise cut(str(error.details.get("place", "-")), seconds) from None
        raise


@contextmanager
def _limited(session: Session, seconds: float) -> Iterator[None]:
    """End the session's work from outside when its time is over; whatever it then says was because of that."""
    over = threading.Event()

    def end() -> None:
        over.set()
        session.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except CityLoomError:
        if over.is_set():
            raise cut(session.place, seconds) from None
        raise
    finally:
        timer.cancel()


def _rest(session: Session, relation: str, columns: Sequence[Column], question: Question) -> str:
    """``FROM … WHERE … LIMIT …``: values become literals of their column's type, so that indexes serve."""
    terms = [_term(session, _column(session, columns, c.column), c) for c in question.conditions]
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    return f"FROM {relation} src{where} {session.first(question.limit)}"


def _term(session: Session, column: Column, condition: Condition) -> str:
    name = f"src.{session.quote(column.name)}"
    operator, values = condition.operator, condition.values
    if operator in ("missing", "filled"):
        return f"{name} IS {'NOT ' if operator == 'filled' else ''}NULL"
    literals = [_literal(session, column, value) for value in values]
    if operator == "in":
        return f"{name} IN ({', '.join(literals)})"
    if operator == "starts":
        return f"{name} LIKE {literals[0]} ESCAPE '{ESCAPE}'"
    return f"{name} {'<>' if operator == '!=' else operator} {literals[0]}"


def _literal(session: Session, column: Column, value: str) -> str:
    if column.kind in ("integer", "decimal", "real") and not _is_number(value):
        raise _no_value(session, column)
    return session.compared(column, value)


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text) and text.strip() == text
    except ValueError:
        return False


def _no_value(session: Session, column: Column) -> UserError:
    return UserError(
        "collect.virtual.value",
        "{place}: the column {column} holds values of the type {type}; the condition gives none.",
        hint="Write the value as the source holds it.",
        place=session.place,
        column=column.name,
        type=column.type,
    )


def _column(session: Session, columns: Sequence[Column], name: str) -> Column:
    found = next((c for c in columns if c.name == name), None)
    if found is None:
        raise UserError(
            "collect.virtual.absent",
            "{place} has no column {column} any more.",
            hint="Bring the resource's items up to date: {known}.",
            place=session.place,
            column=name,
            known=", ".join(c.name for c in columns),
        )
    return found
