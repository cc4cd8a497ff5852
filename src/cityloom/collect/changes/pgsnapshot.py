"""The rows of a PostgreSQL table as they are at a slot's first place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cityloom.collect.changes import pgtable
from cityloom.collect.changes.pgtable import Table
from cityloom.collect.changes.walsender import unreachable
from cityloom.kernel.extras import require

_CHUNK = 8192
_CHARACTERS = 8 << 20


class PgSnapshot:
    """One transaction that sees the table as of ``place``."""

    def __init__(self, connection: Any, name: str, found: Table, place: int, facts: dict[str, Any]) -> None:
        self._connection = connection
        self._from = pgtable.quoted_table(name)
        self.place = place
        self.facts = facts
        self.columns: Sequence[str] = [c.name for c in found.columns]

    def count(self) -> int:
        """``SELECT count(*)``."""
        return int(self._connection.execute(f"SELECT count(*) FROM ONLY {self._from}").fetchone()[0])

    def rows(self) -> Iterator[Sequence[Sequence[str | None]]]:
        """The rows in the order of the table's storage."""
        psycopg = require("psycopg", extra="changes")
        picks = ", ".join(f"{pgtable.quoted(c)}::text" for c in self.columns)
        try:
            with self._connection.cursor() as cursor, cursor.copy(f"COPY (SELECT {picks} FROM ONLY {self._from}) TO STDOUT") as copy:
                held: list[tuple[str | None, ...]] = []
                size = 0
                for row in copy.rows():
                    held.append(row)
                    size += sum(len(v) for v in row if v)
                    if len(held) >= _CHUNK or size >= _CHARACTERS:
                        yield list(zip(*held, strict=True))
                        held, size = [], 0
                if held:
                    yield list(zip(*held, strict=True))
        except psycopg.Error as error:
            raise unreachable(error) from None
