"""The rows of a table as they are at one place of its log, read in one transaction of a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from cityloom.collect.databases.base import Column, Session


@dataclass(frozen=True)
class Snapshot:
    """One transaction that sees the table.

    Args:
        session: the transaction.
        relation: the table, for a FROM.
        columns: of the table.
        place: of the log: all changes before it are in the rows, all others in the log.
        facts: what the reader of the log must find as it was.
        md5: how the database writes the MD5 of a text in UTF-8, ``{}`` standing for the text.
    """

    session: Session
    relation: str
    columns: Sequence[Column]
    place: int
    facts: dict[str, Any]
    md5: str = "MD5({})"

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [c.name for c in self.columns]

    def count(self) -> int:
        """``SELECT count(*)``."""
        return int(self.session.one(f"SELECT count(*) FROM {self.relation} src")[0])

    def rows(self) -> Iterator[pa.RecordBatch]:
        """The rows as text, some megabytes at a time."""
        return self.session.stream(self.columns, f"FROM {self.relation} src")


def chosen(session: Session, relation: str, names: Sequence[str]) -> list[Column]:
    """Columns of a relation by name, in this order."""
    known = {c.name: c for c in session.describe(relation)}
    return [known[name] for name in names]


@runtime_checkable
class Seeing(Protocol):
    """A connector that can look at the whole table at one place of its log."""

    def passing(self) -> AbstractContextManager[Snapshot]:
        """The table now; nothing stays of it at the source."""
        ...
