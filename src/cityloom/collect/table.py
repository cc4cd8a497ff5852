"""Headers of tables in files: names from one or more rows, checked for use as columns."""

from __future__ import annotations

from collections.abc import Sequence

from cityloom.kernel.errors import DataError


def join_header(rows: Sequence[Sequence[str]]) -> list[str]:
    """One name a column from header rows, upper first: ``男方`` over ``姓名`` gives ``男方.姓名``."""
    width = max((len(row) for row in rows), default=0)
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    return [".".join(part for part in column if part) for column in zip(*padded, strict=True)]


def require_header(names: Sequence[str], place: str) -> None:
    """Check that each column has a name of its own. Names differing only in case are the same.

    Args:
        names: of the columns.
        place: file, and sheet where there is one, for the error.

    Raises:
        DataError: ``collect.header.missing``, ``collect.header.unnamed`` or ``collect.header.repeated``.
    """
    if not names:
        raise DataError(
            "collect.header.missing",
            "{place} is empty: there is no header row.",
            hint="Have it delivered anew; a delivery without rows still has its header.",
            place=place,
        )
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name:
            raise DataError(
                "collect.header.unnamed",
                "{place}: column {column} has no name in the header.",
                hint="Name it, or take the column out.",
                place=place,
                column=number,
            )
        first = seen.setdefault(name.casefold(), number)
        if first != number:
            raise DataError(
                "collect.header.repeated",
                "{place}: columns {first} and {column} have the same name in the header.",
                hint="Give each column a name of its own; check header_rows and title_rows.",
                place=place,
                first=first,
                column=number,
            )
