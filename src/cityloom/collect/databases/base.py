"""What a kind of database must be able to do, so that its tables can be taken in exactly and proven."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import ColumnShape, TableShape
from cityloom.lake.receipts import SEPARATOR

CHUNK_BYTES = 4 << 20
"""About so many bytes of text make a batch, however many columns a table has."""
CHUNK_ROWS = 32_768
FIRST_ROWS = 64
_MOST_ROWS = 2048
NUMBERS = ("integer", "decimal", "real")
MOMENTS = ("date", "moment")


@dataclass(frozen=True)
class Column:
    """A column of a table or query.

    ``kind`` is one of text, integer, decimal, real, boolean, date, time, moment, binary, other; ``type`` the
    source's own words; ``size`` the most bytes a value can have, 0 where the source does not say.
    """

    name: str
    kind: str
    type: str = ""
    is_required: bool = False
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What keeps a source from being hurt: seconds for one statement, and for a lock."""

    seconds: float = 3600.0
    lock_seconds: float = 10.0


class Session(ABC):
    """One connection that only reads, in one snapshot from its first statement to its end where the database can.

    Every method raises ``SourceError`` or ``DataError`` of :mod:`failures`, never the driver's own errors.
    ``can_prove`` says whether the database computes the figures of receipts by itself.
    """

    can_prove: ClassVar[bool] = False
    place: str

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- asking ----------------------------------------------------------------------------------------

    @abstractmethod
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A small answer."""

    def one(self, query: str) -> tuple[Any, ...]:
        """The first row of an answer."""
        return self.rows(query)[0]

    @abstractmethod
    def stream(self, columns: Sequence[Column], rest: str) -> Iterator[pa.RecordBatch]:
        """The text of columns, ``rest`` being ``FROM … src`` and all that follows; at least one batch."""

    def twin(self) -> Session | None:
        """A second session that sees the same state, to be opened before anything else is asked; ``None`` where there
        can be none."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection, whatever another thread is doing with it; a second time changes nothing."""

    # -- what there is ---------------------------------------------------------------------------------

    @abstractmethod
    def relation(self, schema: str, table: str) -> str:
        """A table or view for the FROM of a query.

        Raises:
            DataError: ``collect.table.missing``, with the nearest names.
        """

    @abstractmethod
    def describe(self, relation: str) -> list[Column]:
        """The columns of a relation."""

    @abstractmethod
    def primary_key(self, schema: str, table: str) -> list[str]:
        """Names of the columns that name a row, in their order; empty where nothing is declared."""

    def physical_order(self, relation: str) -> str:
        """What to order a table without a key (called ``src``) by, so that it comes the same again; may be empty."""
        return ""

    @abstractmethod
    def shapes(self) -> Iterator[TableShape]:
        """All tables with data of their own, sorted."""

    def plan(self, query: str, relation: str) -> tuple[int, str]:
        """Rows that the planner expects to look at for a query on a relation, and its words in short."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """End what is running, called by another thread; nothing where the server does so by itself."""
        return

    # -- words -----------------------------------------------------------------------------------------

    def first(self, rows: int) -> str:
        """At most so many rows, at a query's end."""
        return f"LIMIT {rows:d}"

    def quote(self, name: str) -> str:
        """A name as it must stand in a query."""
        return '"' + name.replace('"', '""') + '"'

    @abstractmethod
    def text(self, column: Column, value: str = "") -> str:
        """The exact text of a column, or of an expression of its type."""

    def hexed(self, column: Column) -> str:
        """Two digits a byte, of a binary column."""
        raise NotImplementedError

    def shown(self, column: Column) -> str:
        """The text of a column as it is taken."""
        return self.hexed(column) if column.kind == "binary" else self.text(column)

    @abstractmethod
    def literal(self, column: Column, text: str) -> str:
        """A value of a column's type from its text."""

    def compared(self, column: Column, text: str) -> str:
        """A value that a column is compared with in a live query, from its text."""
        return self.literal(column, text)

    def day(self, column: Column, day: date, relation: str) -> str | None:
        """The beginning of a day as a value of a column; ``None`` where the column holds no dates or times."""
        if column.kind not in (*MOMENTS, "text"):
            return None
        return self.literal(column, f"{day} 00:00:00" if column.kind == "moment" else str(day))

    def less(self, column: Column, value: str, distance: float) -> str:
        """A value less a distance: units of a number, seconds of a date or time."""
        if column.kind in NUMBERS:
            return f"({value} - {distance!r})"
        raise NotImplementedError

    def top(self, column: Column, relation: str) -> str:
        """A query for the text of a column's largest value."""
        return f"SELECT {self.text(column, f'max({self.quote(column.name)})')} FROM {relation} src"

    def scalar(self, expression: str) -> str:
        """A query for one expression."""
        return f"SELECT {expression}"

    def figures(self, text: str) -> tuple[str, str, str]:
        """Aggregates over a text: values that are not null, their bytes in UTF-8, the sum of their digests."""
        raise NotImplementedError

    def joined(self, texts: Sequence[str]) -> str:
        """Texts as one, as a key's figures are taken."""
        parts = [f"coalesce({text}, '')" for text in texts]
        return f" || '{SEPARATOR}' || ".join(parts)


def pace(rows: int, size: int) -> int:
    """How many rows to fetch next, when the last ones had so many bytes: more and more, but no more than a chunk."""
    return max(1, min(_MOST_ROWS, 2 * rows, CHUNK_BYTES * rows // max(1, size)))


class Guard(AbstractContextManager[None]):
    """Turns a driver's errors into ours, inside a ``with`` block."""

    def __init__(self, kinds: tuple[type[Exception], ...], failure: Any) -> None:
        self._kinds, self._failure = kinds, failure

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, self._kinds):
            raise self._failure(error) from None


def shape(name: str, columns: Sequence[ColumnShape], key: Sequence[str], **more: Any) -> TableShape:
    """A table's shape; ``what`` names it."""
    schema = more.pop("schema", "")
    what = {"schema": schema, "table": name} if schema else {"table": name}
    return TableShape(name=f"{schema}.{name}" if schema else name, what=what, columns=tuple(columns), key=tuple(key), **more)
