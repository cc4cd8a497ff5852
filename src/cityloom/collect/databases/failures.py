"""What can go wrong at a database, said so that a person can act on it; never a value, never a secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from cityloom.kernel.errors import ConfigError, DataError, SourceError

_LISTED = 20


def unreachable(place: str, problem: str) -> SourceError:
    """Nobody answers there."""
    return SourceError(
        "collect.source.unreachable",
        "{place} does not answer: {problem}.",
        hint="Check that the database runs, its address and the network, and run the task again.",
        place=place,
        problem=problem,
    )


def denied(place: str) -> SourceError:
    """The log-in is refused."""
    return SourceError(
        "collect.source.denied",
        "{place} refuses the user or the password.",
        hint="Check what the source's option url refers to, and that this user may log in from here.",
        place=place,
    )


def absent(place: str) -> SourceError:
    """There is no such database."""
    return SourceError(
        "collect.database.missing",
        "There is no database {place}.",
        hint="Correct the database's name in the source's option url.",
        place=place,
    )


def forbidden(place: str, problem: str = "-") -> SourceError:
    """The user may not read it."""
    return SourceError(
        "collect.source.forbidden",
        "{place}: this user may not read that: {problem}.",
        hint="Ask the department to grant SELECT on it to the user of the source.",
        place=place,
        problem=problem,
    )


def missing(place: str, table: str, known: Sequence[str]) -> DataError:
    """There is no such table; those with the nearest names come first."""
    near = difflib.get_close_matches(table, known, n=5, cutoff=0.5)
    return DataError(
        "collect.table.missing",
        "{place} holds no table {table}.",
        hint="There are: {known}.",
        place=place,
        table=table,
        known=listed([*near, *(k for k in known if k not in near)]),
    )


def wrong(place: str, problem: str) -> DataError:
    """The query does not run."""
    return DataError(
        "collect.query.wrong",
        "{place}: the query does not run: {problem}.",
        hint="Correct the task's table, query, order or marker.",
        place=place,
        problem=problem,
    )


def slow(place: str, seconds: float) -> SourceError:
    """The time that a statement may take is over."""
    return SourceError(
        "collect.source.slow",
        "{place} did not finish within {seconds} s, and was let go.",
        hint="Nothing was kept. Collect less at a time (mode incremental, a query), or raise the option timeout_seconds.",
        place=place,
        seconds=f"{seconds:g}",
    )


def locked(place: str, seconds: float) -> SourceError:
    """Others hold the table."""
    return SourceError(
        "collect.source.locked",
        "{place}: others held a lock on it for more than {seconds} s.",
        hint="Nothing was kept. Run the task at another time of the day.",
        place=place,
        seconds=f"{seconds:g}",
    )


def busy(place: str) -> SourceError:
    """It takes no more connections."""
    return SourceError(
        "collect.source.busy",
        "{place} takes no more connections.",
        hint="Run the task again later, or ask the department to allow this user one more connection.",
        place=place,
    )


def cut(place: str) -> SourceError:
    """The connection broke."""
    return SourceError(
        "collect.source.cut",
        "{place}: the connection broke while rows were read.",
        hint="Nothing was kept. Run the task again; if it stays, look at the source's log and the network between.",
        place=place,
    )


def failed(place: str, problem: str) -> SourceError:
    """It went wrong in a way that nobody foresaw."""
    return SourceError(
        "collect.source.failed",
        "{place} could not answer: {problem}.",
        hint="Nothing was kept. Look at the source's log, and run the task again.",
        place=place,
        problem=problem,
    )


def binary(place: str, columns: Iterable[str]) -> DataError:
    """Columns whose values are no text."""
    return DataError(
        "collect.column.binary",
        "{place}: the columns {columns} hold binary data.",
        hint="Leave them out with a query, or set the option binary to hex.",
        place=place,
        columns=", ".join(columns),
    )


def undecodable(place: str) -> DataError:
    """Text that is none."""
    return DataError(
        "collect.text.undecodable",
        "{place}: some value is no text in UTF-8, though the database says so.",
        hint="Find the column, and state the encoding its text really has, or convert it in a query.",
        place=place,
    )


def broken(origin: str, error: OSError) -> SourceError:
    """There is no room for the rows on their way."""
    return SourceError(
        "collect.slice.broken",
        "{origin} could not be taken in: {problem}.",
        hint="Nothing was kept. Check the source, the disk and its free space, and run the task again.",
        origin=origin,
        problem=error.strerror or type(error).__name__,
    )


def unordered(place: str, column: str, known: Sequence[str]) -> ConfigError:
    """A column that options name is not there."""
    near = difflib.get_close_matches(column, known, n=1, cutoff=0.3)
    return ConfigError(
        "collect.option.column",
        "{place} has no column {column}; the nearest one is {nearest}.",
        hint="Correct the task's options order and marker.",
        place=place,
        column=column,
        nearest=near[0] if near else "-",
    )


def listed(names: Sequence[str]) -> str:
    """Some of many names."""
    more = f", … ({len(names)})" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more if names else "-"
